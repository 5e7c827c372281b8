"""`make chaos`: hundreds of rebalances while everything breaks, and the proof that nothing was lost or done twice.

    python -m tests.chaos [--minutes 5] [--seed 1] [--every 2] [--accounts 40] [--workers 2]

On a stack of its own. The seed plans the same faults, the same book and the same work again; what hits what depends on
the machine's speed. Exit status 1 where something was found.
"""

import argparse
import sys
from collections import Counter

from tests import clock
from tests.chaos.faults import EVERY
from tests.chaos.run import Report, run


def main() -> int:
    """Runs, and prints the summary."""
    parser = argparse.ArgumentParser(
        "python -m tests.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=EVERY, help="seconds between faults, about")
    parser.add_argument("--accounts", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    clock.hand_in()
    seconds = asked.minutes * 60
    report = run(asked.seed, seconds, asked.accounts, asked.workers, asked.every, lambda line: print(line, flush=True))
    print("\n".join(summary(report)))
    return 0 if report.clean else 1


def summary(report: Report) -> list[str]:
    """What was asked for, what was broken, what was found."""
    title = (
        f"Chaos of {report.seconds / 60:g} minutes, seed {report.seed}; at work for {report.worked / 60:.1f} of them"
    )
    lines = ["", title, ""]
    lines += _counted("asked for", report.asked)
    lines += _counted("faults injected", report.injected)
    lines += _counted("faults that hit nothing", report.missed)
    lines += _counted("orders at the venue while it was unkind, by what it did", report.venue)
    lines += _counted("rebalances, by status", report.ended)
    lines.append("proved afterwards")
    for each in report.checks:
        lines.append(f"  {len(each.wrong) or 'ok':>6}  {each.says} ({each.looked_at:,} looked at)")
        lines += [f"          {told}" for told in each.wrong[:20]]
    lines.append(f"  {len(report.failed_workflows) or 'ok':>6}  No workflow hangs, or failed but for a refusal.")
    lines += [f"          {told}" for told in report.failed_workflows[:20]]
    lines.append(f"  {len(report.unseen) or 'ok':>6}  There was enough to look at.")
    lines += [f"          {told}" for told in report.unseen]
    return [
        *lines,
        "",
        "Nothing was lost, and nothing done twice." if report.clean else "Something was found: see above.",
    ]


def _counted(title: str, counts: Counter[str]) -> list[str]:
    if not counts:
        return []
    return [title, *(f"  {count:6,}  {name}" for name, count in counts.most_common()), ""]


if __name__ == "__main__":
    sys.exit(main())
