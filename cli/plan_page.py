"""One account's plan as a page for portfolio operations: what is held, what would trade, and why.

Printed by `plan`, `show` and the demo. A page is made of the plan's public form, so that a plan kept years ago reads
like one made now.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reading.words import amount, number, share, signed

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

    from domain.rebalance_plan import RebalancePlan
    from domain.telling.cash_lines import Cash

Json = Mapping[str, Any]
GOOD, ATTENTION, BAD, QUIET = "green", "yellow", "red", "dim"
STATUS_STYLES = {"COMPLETE": GOOD, "FAILED": BAD, "COMPLETE_WITH_ERRORS": ATTENTION}
SEVERITIES = {"error": BAD, "warning": ATTENTION, "info": QUIET}


@dataclass(frozen=True, slots=True)
class Fitting:
    """The first of some tables, the widest first, that the terminal is wide enough for."""

    tables: "Sequence[Table]"

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.measure import Measurement

        from cli.fitting import fitted

        fitting = (each for each in self.tables if Measurement.get(console, options, each).maximum < options.max_width)
        yield next(fitting, None) or fitted(self.tables[-1], options.max_width)


def page(plan: "RebalancePlan", cash: "Cash | None" = None) -> list[object]:
    """The page of a plan, as `say.show` prints it; `cash` is what it starts from."""
    from domain.telling import plan_json

    return page_of({"as_of": str(plan.as_of), "mode": plan.mode, **plan_json.as_json(plan)}, cash)


def page_of(plan: Json, cash: "Cash | None" = None) -> list[object]:
    """The page of a plan in its public form."""
    parts: list[object] = [title(f"{plan['account_id']} · plan as of {plan['as_of']} · {plan['mode']}")]
    if "components" not in plan:
        return [*parts, status_line("can't be planned, ends ", plan["expected_status"]), *findings(plan["findings"])]
    kind = "liquidation · " if plan["liquidation"] else ""
    reasons = f" · queued for {', '.join(plan['queue_reasons'])}" if plan["queue_reasons"] else " · not for the queue"
    worth = f"{kind}managed value {amount(plan['managed_value'])}{reasons} · expected "
    return [*parts, status_line(worth, plan["expected_status"]), *body(plan, cash=cash), *findings(plan["findings"])]


def body(plan: Json, placed: Sequence[str] | None = None, cash: "Cash | None" = None) -> list[object]:
    """Components, orders, transfers, skipped trades, cash. `placed` tells of each order what the venue made of it."""
    return [
        "",
        components(plan["components"]),
        *orders(plan["orders"], placed),
        *transfers(plan["transfers"]),
        *skipped(plan["skipped"]),
        *cash_table(plan, cash),
        "",
        "\n".join([_totals(plan), *_tax(plan.get("tax"), plan["orders"])]) + "\n",
    ]


def title(*told: str) -> object:
    """A line across the page that a new account starts with: what there is of its id, its name, and whatever else."""
    from rich.rule import Rule
    from rich.text import Text

    return Rule(Text(" · ".join(filter(None, told)), style="bold"), align="left", style=QUIET)


def status_line(before: str, status: str) -> object:
    """A line that ends with a status, in its colour."""
    from rich.text import Text

    return Text.assemble(before, (status, STATUS_STYLES.get(status, ATTENTION)))


def components(listed: Iterable[Json]) -> object:
    """Every component against its threshold, now and, where it is planned, after. Values where the width allows."""
    rows = list(listed)
    planned = "planned_value" in next(iter(rows), {})
    return Fitting([_components(rows, planned, True), _components(rows, planned, False)])


def _components(rows: Sequence[Json], planned: bool, values: bool) -> "Table":
    from rich.text import Text

    from cli import say

    money = {"value"} if values else set()
    columns = ["component", "weight", "threshold", *sorted(money), "now", ""]
    columns += [*(["planned value"] if values else []), "planned", "outcome"] if planned else ["sleeve"]
    made = say.table("", columns, [], right=[at for at, name in enumerate(columns) if name not in _WORDS])
    for each in rows:
        mark = {"above": "▲ above", "below": "▼ below", None: ""}[each["breach"]]
        cells: list[str | Text] = [
            each["component"],
            share(each["weight"]),
            f"{share(each['lower'])} to {share(each['upper'])}",
            *([amount(each["current_value"])] if values else []),
            share(each["current_weight"]),
            Text(mark, style=ATTENTION),
        ]
        if planned:
            cells += [amount(each["planned_value"])] if values else []
            cells += [share(each["planned_weight"]), _outcome(each)]
        else:
            cells.append(each["sleeve"] or "")
        made.add_row(*cells)
    return made


_WORDS = {"component", "", "outcome", "sleeve"}


def _outcome(each: Json) -> Any:
    """What becomes of a component, in a word."""
    from rich.text import Text

    if each["outcome"] == "rejected":
        return Text("rejected", style=BAD)
    before, after = Decimal(each["current_value"]), Decimal(each["planned_value"])
    if each["sleeve"] in {"opening", "closing"}:
        return Text({"opening": "opens", "closing": "closes"}[each["sleeve"]])
    if each["component"] == "cash" or before == after:
        return Text("")
    return Text("bought" if after > before else "sold down" if after else "sold off")


def orders(listed: Sequence[Json], placed: Sequence[str] | None = None) -> list[object]:
    """The orders as they are sent, and under them why, each reason once."""
    if not listed:
        return []
    clauses = dict.fromkeys(
        clause for each in listed for clause in each["reason"].removesuffix(f" ({each['rule']})").split("; ")
    )
    tables = [_orders(listed, placed, rules) for rules in (True, False)]
    return ["", Fitting(tables), "", bullets("why", clauses)]


def _orders(listed: Sequence[Json], placed: Sequence[str] | None, rules: bool) -> "Table":
    from cli import say

    columns = ["side", "symbol", "quantity", "price", "amount", "gain", "for"]
    columns += ["rule"] if rules else []
    columns += ["venue"] if placed is not None else []
    rows = [
        (
            each["side"],
            each["symbol"],
            number(each["quantity"]),
            number(each["price"]),
            amount(each["amount"]),
            _gain(each),
            _sleeves(each["allocations"]),
            *([each["rule"]] if rules else []),
            *([placed[at]] if placed is not None else []),
        )
        for at, each in enumerate(listed)
    ]
    return say.table("Orders", columns, rows, right=(2, 3, 4, 5))


def _gain(order: Json) -> str:
    if any(lot["gain"] is None for lot in order["lots"]):
        return "basis unknown"
    terms = (("short", "short_term"), ("long", "long_term"))
    return "\n".join(f"{signed(order['gain'][key])} {name}" for name, key in terms if Decimal(order["gain"][key]))


def _sleeves(allocations: Sequence[Json]) -> str:
    if len(allocations) == 1:
        return str(allocations[0]["sleeve"])
    return ", ".join(f"{each['sleeve']} {number(each['quantity'])}" for each in allocations)


def transfers(listed: Sequence[Json]) -> list[object]:
    """What moves between the sleeves, without an order."""
    from cli import say

    if not listed:
        return []
    rows = [
        (
            each["from"],
            each["to"],
            f"{number(each['quantity'])} {each['symbol']}" if each["symbol"] else "cash",
            amount(each["amount"]),
            each["rule"],
        )
        for each in listed
    ]
    return ["", say.table("Transfers inside the account", ("from", "to", "what", "amount", "rule"), rows, right=(3,))]


def skipped(listed: Sequence[Json]) -> list[object]:
    """Trades that are not made, and why."""
    from cli import say

    if not listed:
        return []
    rows = [
        (each["side"], each["symbol"], number(each["quantity"]), amount(each["amount"]), each["reason"])
        for each in listed
    ]
    return ["", say.table("Skipped", ("side", "symbol", "quantity", "amount", "why"), rows, right=(2, 3))]


def findings(listed: Sequence[Json]) -> list[object]:
    """What the rules found, errors first."""
    from rich.table import Table
    from rich.text import Text

    if not listed:
        return []
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column()
    for each in sorted(listed, key=lambda each: list(SEVERITIES).index(each["severity"])):
        made.add_row(Text(each["severity"], style=SEVERITIES[each["severity"]]), each["message"])
    return [made, ""]


def bullets(name: str, lines: Iterable[str]) -> object:
    """Lines under each other behind one word."""
    from rich.table import Table
    from rich.text import Text

    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column()
    for at, line in enumerate(lines):
        made.add_row(Text("" if at else name, style=QUIET), line)
    return made


def _totals(plan: Json) -> str:
    """What the orders come to: one line."""
    if not plan["orders"] and not plan["transfers"]:
        return "Nothing to trade."
    told = [f"{side}s {amount(_sum(plan['orders'], side))}" for side in ("sell", "buy")]
    gains = [f"{signed(value)} {key.removesuffix('_term')}" for key, value in plan["gain"].items() if Decimal(value)]
    told += [f"estimated gain {', '.join(gains)}"] if gains else []
    return " · ".join(told)


def cash_table(plan: Json, cash: "Cash | None") -> list[object]:
    """Where the plan leaves the cash of each sleeve, adding up; of the managed one alone, where no other is known.

    Behind it, what of the managed sleeve's withdrawals reserve (CASH-1).
    """
    from cli import say
    from domain.telling.cash_lines import cash_lines
    from domain.values.keys import MANAGED

    before = cash.before if cash else {MANAGED: Decimal(plan["cash"]["before"])}
    lines = [each for each in cash_lines(plan, before) if cash or each.sleeve == MANAGED]
    told = [(each.sleeve, each.before, each.sold, each.bought, each.moved, each.after) for each in lines]
    if cash:
        told.append(("total", *(sum((line[at] for line in told), Decimal(0)) for at in range(1, 6))))  # type: ignore[arg-type]
    rows = [(sleeve, *(_below(str(each)) for each in amounts)) for sleeve, *amounts in told]
    made = [
        "",
        say.table("Cash", ("sleeve", "before", "+ sold", "− bought", "+ moved", "= after"), rows, (1, 2, 3, 4, 5)),
    ]
    if cash and cash.reserved:
        made.append(f"\nof the managed sleeve's {amount(str(cash.reserved))} are reserved for withdrawals (CASH-1)")
    return made


def _tax(tax: Json | None, orders: Iterable[Json]) -> Iterator[str]:
    """What the sells make of the year's tax (TAX-1): one line, where something taxed is sold."""
    if tax is None or not any(order["lots"] for order in orders):
        return
    difference = Decimal(tax["difference"])
    comes_to = f"{'saves' if difference < 0 else 'adds'} {amount(str(abs(difference)))}" if difference else "no change"
    told = [f"tax of the year {_below(tax['without'])} → {_below(tax['with'])}, {comes_to}"]
    told += [f"losses disallowed {amount(tax['disallowed'])}"] if Decimal(tax["disallowed"]) else []
    carried = [f"{amount(value)} {key}" for key, value in tax["carried"].items() if Decimal(value)]
    told += [f"losses carried {', '.join(carried)}"] if carried else []
    yield " · ".join(told) + " (TAX-1)"


def _below(text: str) -> str:
    return f"−{amount(text.removeprefix('-'))}" if Decimal(text) < 0 else amount(text)


def _sum(listed: Iterable[Json], side: str) -> str:
    return str(sum((Decimal(each["amount"]) for each in listed if each["side"] == side), Decimal(0)))
