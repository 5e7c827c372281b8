"""How long one account's plan takes and how well it rounds, beside those who only round.

    python -m benchmarks plan [--accounts 200] [--many 1000] [--repeat 5] [--slow 30] [--profile] [--write]

On the same generated accounts, in one process, account by account in turn: this planner with everything on
(restrictions to look at, lots, household sales, findings, and the laws' checker, whose time is told besides),
PyPortfolioOpt's greedy, the `rebalance` package's integer program and the exact integer program. The others get the
planner's own desired values, prepared outside the clock; residual, turnover and tax are measured against the same ones.
An account's fastest time of `--repeat` counts.
"""

import argparse
import cProfile
import pstats
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TypeVar

from benchmarks import rounding
from benchmarks.accounts import Shape, snapshots
from benchmarks.document import put
from benchmarks.table import percentile, table
from benchmarks.wanted import Wanted, by_target, fifo_tax, planned_quantities, tax, wanted
from domain import laws
from domain.plan import plan
from domain.telling import plan_json
from domain.values.policy import MODES, Mode, Policy
from domain.values.snapshot import Snapshot

Result = TypeVar("Result")
HEADER = ("", "accounts", "ms median", "ms 95 %", "× greedy", "residual bp", "above exact bp", "turnover %", "tax")
NOTES = """\
ms: milliseconds of processor time; the checker's are part of the whole plan's. Residual: the sum of |value − desired
value| over the positions, in basis points of managed value. Residual, turnover and tax are of the first {slow}
accounts, which every contender had: medians, and for the tax the mean. The planner relieves lots by `min_tax`, the
others know none and get `fifo`; rates are the policy's, a loss counts below zero."""


@dataclass
class Figures:
    """What one contender did, a figure an account; `note` instead where it did nothing."""

    name: str
    milliseconds: list[float] = field(default_factory=list)
    residuals: list[float] = field(default_factory=list)
    turnovers: list[float] = field(default_factory=list)
    taxes: list[float] = field(default_factory=list)
    note: str = ""


def timed(run: Callable[[], Result], repeat: int) -> tuple[float, Result]:
    """The fastest of so many runs in milliseconds of processor time, and what the last one gave.

    Processor time of this process, all threads: what else the machine does is not in it.
    """
    fastest = float("inf")
    for _ in range(repeat):
        start = time.process_time_ns()
        result = run()
        fastest = min(fastest, (time.process_time_ns() - start) / 1e6)
    return fastest, result


class Contest:
    """All contenders over the accounts of one shape."""

    def __init__(self, repeat: int, slow: int) -> None:
        self.repeat, self.slow = repeat, slow
        greedy = f"PyPortfolioOpt {_version('pyportfolioopt')}, greedy"
        self.plan = Figures("this planner: the whole plan")
        self.laws = Figures("of which the laws' checker")
        self.text = Figures("this planner: the plan and its JSON")
        self.greedy = Figures(greedy)
        self.package = Figures(f"rebalance {_version('rebalance')}, integer program")
        self.exact = Figures(f"HiGHS {_version('highspy')}, exact, each sleeve's cash ≥ 0")
        self.to_target = Figures(f"{greedy}, to the target's weights")

    @property
    def figures(self) -> tuple[Figures, ...]:
        """In the order of the table."""
        return self.plan, self.laws, self.text, self.greedy, self.package, self.exact, self.to_target

    def account(self, at: int, snapshot: Snapshot, policy: Policy) -> None:
        """One account, each contender in turn; the slow ones for the first accounts only."""
        taken, made = timed(lambda: plan(snapshot, policy), self.repeat)
        if not made.can_be_planned:
            raise SystemExit(f"{snapshot.account.id} can't be planned: {made.findings[0].message}")
        goal = wanted(snapshot, policy)
        quantities = planned_quantities(snapshot, made)
        self.plan.milliseconds.append(taken)
        self.plan.residuals.append(goal.residual(quantities))
        self.plan.turnovers.append(goal.turnover(quantities))
        self.plan.taxes.append(float(tax(made.gain, policy)))
        self.laws.milliseconds.append(timed(lambda: laws.broken(snapshot, policy, made), self.repeat)[0])
        self.text.milliseconds.append(timed(lambda: plan_json.dumps(plan(snapshot, policy)), self.repeat)[0])
        self._others(self.greedy, rounding.greedy, goal, snapshot, policy, self.repeat)
        if at < self.slow:
            self._others(self.package, rounding.rebalance_package, goal, snapshot, policy, 1)
            self._others(self.exact, rounding.exact, goal, snapshot, policy, 1)
        self._others(self.to_target, rounding.greedy, by_target(snapshot, goal), snapshot, policy, self.repeat)
        self.to_target.residuals.clear()  # it was given other desired values

    def _others(
        self,
        figures: Figures,
        prepare: Callable[[Wanted], rounding.Rounding],
        goal: Wanted,
        snapshot: Snapshot,
        policy: Policy,
        repeat: int,
    ) -> None:
        if figures.note:
            return
        try:
            taken, quantities = timed(prepare(goal), repeat)
        except ImportError as missing:
            figures.note = f"not installed ({missing.name}): `make bench` installs it"
            return
        except RuntimeError as late:
            figures.note = str(late)
            return
        figures.milliseconds.append(taken)
        figures.residuals.append(goal.residual(quantities))
        figures.turnovers.append(goal.turnover(quantities))
        figures.taxes.append(fifo_tax(snapshot, goal, quantities, policy))

    def table(self) -> str:
        """A row a contender."""
        return table(HEADER, [self._row(each) for each in self.figures])

    def _row(self, each: Figures) -> tuple[str, ...]:
        if not each.milliseconds:
            return (f"{each.name}: {each.note}", *[""] * (len(HEADER) - 1))
        median = statistics.median(each.milliseconds)
        base, first = self.greedy.milliseconds, slice(self.slow)
        above = [mine - best for mine, best in zip(each.residuals, self.exact.residuals, strict=False)]
        return (
            each.name,
            str(len(each.milliseconds)),
            f"{median:.2f}",
            f"{percentile(each.milliseconds, 0.95):.2f}",
            f"{median / statistics.median(base):.2f}" if base else "",
            f"{statistics.median(each.residuals[first]):.2f}" if each.residuals else "",
            f"{statistics.median(above):+.2f}" if above else "",
            f"{statistics.median(each.turnovers[first]) * 100:.2f}" if each.turnovers else "",
            f"{statistics.fmean(each.taxes[first]):,.2f}" if each.taxes else "",
        )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "—"


def compare(title: str, shape: Shape, count: int, repeat: int, slow: int) -> str:
    """The table of one shape, and what each mode takes."""
    ready, policy = snapshots(shape, count)
    contest = Contest(repeat, slow)
    for at, snapshot in enumerate(ready):
        contest.account(at, snapshot, policy)
    modes = table(
        ("this planner's modes", "ms median", "ms 95 %", "orders"),
        [_mode(mode, ready, policy, repeat) for mode in MODES],
    )
    heading = f"{title}: {shape.title}; {count} accounts, best of {repeat}"
    return f"{heading}\n\n{contest.table()}\n\n{modes}"


def _mode(mode: Mode, ready: Sequence[Snapshot], policy: Policy, repeat: int) -> tuple[str, ...]:
    found = [timed(lambda each=each: plan(each, policy, mode), repeat) for each in ready]  # type: ignore[misc]
    taken = [milliseconds for milliseconds, _ in found]
    orders = statistics.median(len(made.orders) for _, made in found)
    return mode, f"{statistics.median(taken):.2f}", f"{percentile(taken, 0.95):.2f}", f"{orders:.0f}"


def profile(count: int) -> None:
    """Prints where the time of a plan goes."""
    ready, policy = snapshots(Shape(), count)
    profiler = cProfile.Profile()
    profiler.enable()
    for snapshot in ready:
        plan(snapshot, policy)
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def main(arguments: Sequence[str] = ()) -> None:
    """Prints a table a shape."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks plan", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=100, help="of the two shapes of single accounts")
    parser.add_argument("--many", type=int, default=1000, help="of the last shape, each planned once; 0: leave it out")
    parser.add_argument("--repeat", type=int, default=5, help="times each account is planned; its fastest counts")
    parser.add_argument("--slow", type=int, default=30, help="accounts that the integer programs get")
    parser.add_argument("--profile", action="store_true", help="print only where the time of a plan goes")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    asked = parser.parse_args(arguments)
    if asked.profile:
        profile(asked.accounts)
        return
    contests = [("Five sleeves", Shape(), asked.accounts, asked.repeat)]
    contests.append(("One sleeve", Shape(sleeves=1, holdings=30), asked.accounts, asked.repeat))
    if asked.many:
        contests.append(("Many accounts, each planned once", Shape(), asked.many, 1))
    told = []
    for contest in contests:
        told.append(compare(*contest, asked.slow))
        print(f"{told[-1]}\n", flush=True)
    told.append(NOTES.format(slow=asked.slow))
    print(told[-1])
    if asked.write:
        put("plan", "\n\n".join(told))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
