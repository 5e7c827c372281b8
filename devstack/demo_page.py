"""The page that the demo prints: what happened, for somebody who runs portfolios."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

Json = Mapping[str, Any]
STYLES = {
    "COMPLETE": "green",
    "COMPLETE_WITH_ERRORS": "yellow",
    "FAILED": "red",
    "CANCELED": "magenta",
    "EXPIRED": "magenta",
}
LEGEND = (
    "├ ┤ threshold: outside, an account is queued    ═ destination band: where it is brought    ○ before    ● after"
)
SCALE = 28  # characters of a band's drawing
WIDTH = 118


class Page:
    """Prints as it goes. Progress goes to standard error, the page to standard output."""

    def __init__(self) -> None:
        self.console = Console(width=WIDTH if not sys.stdout.isatty() else None, highlight=False)
        self.progress = Console(stderr=True, highlight=False)
        self.started = time.monotonic()

    def step(self, line: str) -> None:
        """A line of progress."""
        self.progress.print(f"[{time.monotonic() - self.started:5.1f} s] {line}", style="dim", markup=False)

    def did(self, command: str, outcome: str) -> None:
        """What somebody typed, and what came of it."""
        self.console.print(Text.assemble(("$ ", "dim"), (command, "bold")))
        self.console.print(Padding(Text(outcome), (0, 0, 0, 2)))

    def opening(self, book: Path, *, by_fix: bool = False) -> None:
        """What this is."""
        self._title("A day at the rebalancer" + (", by FIX" if by_fix else ""))
        self.console.print(
            f"Real closing prices of 28 December 2022, invented people. The book is {book}; Temporal, PostgreSQL and "
            "the worker are real.\n"
        )
        if by_fix:
            self.console.print(
                "Orders go by FIX 4.4: the worker puts them into the outbox, a gateway in a process of its own sends "
                "them, and a broker in another one (QuickFIX's acceptor, the paper venue behind it) fills them.\n"
            )

    def evaluation(self, found: Json) -> None:
        """What the daily evaluation found."""
        queued = sum(found["queued"].values())
        self.did(
            "rebalancer evaluate",
            f"{found['evaluated']} accounts evaluated as of {found['as_of']}: {queued} queued, "
            f"{found['unable_to_check']} unable to check, {found['within']} outside but with nothing to trade",
        )

    def queue(self, listed: str) -> None:
        """The queue with reasons and evidence, as the command lists it."""
        self._title("The queue")
        self.console.print(listed, markup=False)
        self.console.print("\nBeing in the queue trades nothing: trades need a submission and an approval (QUEUE-6).\n")

    def outcomes(self, results: Sequence[Json], names: Mapping[str, str], shows: Mapping[str, str]) -> None:
        """A line for each account, then each account on its own."""
        self._title("How each account ended")
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in ("account", "", "rebalance", "ended", "orders", "what it shows"):
            table.add_column(column, overflow="fold", justify="right" if column == "orders" else "left")
        for result in results:
            account = result["account_id"]
            table.add_row(
                account,
                names[account],
                result["rebalance_id"],
                Text(result["status"], STYLES[result["status"]]),
                str(len(result["orders"])),
                shows[account],
            )
        self.console.print(table)
        self.console.print(Text(LEGEND, "dim"))
        self.console.print()
        for result in results:
            self._account(result, names[result["account_id"]])

    def left_in_queue(self, entries: Sequence[Json]) -> None:
        """What still needs somebody."""
        self._title("Still in the queue")
        for entry in entries:
            self.console.print(f"{entry['account_id']}  {entry['last_issue'] or entry['primary_reason']}", markup=False)
        self.console.print("\nAn entry leaves when its rebalance ends COMPLETE; any other ending keeps it (QUEUE-5).\n")

    def wire(self, status: str) -> None:
        """How the FIX session stands when everything is done."""
        self._title("On the wire")
        self.did("rebalancer fix status", status)

    def closing(self, home: Path, *, by_fix: bool = False) -> None:
        """How to look at the same oneself."""
        self._title("See for yourself")
        if by_fix:
            log = f"{home}/logs/fix-gateway.log, {home}/logs/fix-broker.log"
            self.console.print(Text.assemble(("  " + log, "bold"), ("\n      what both said", "dim")))
            wire = "tr '\\001' '|' < " + f"{home}/fix/store/FIX.4.4-REBALANCER-DEMO-BROKER.body"
            self.console.print(Text.assemble(("  " + wire, "bold"), ("\n      every message that we sent", "dim")))
        lines = (
            (f"REBALANCER_HOME={home} make up", "opens what you just saw; then, in another terminal:"),
            ("http://localhost:8234", "the console: choose ann (operator), ben (approver) or cleo (auditor) there"),
            ("http://localhost:8233", "the Temporal UI: every step, who approved, why an account failed"),
            (
                "temporal workflow list --query \"RebalanceStatus='FAILED'\"",
                "the same from the shell (.venv/bin/temporal)",
            ),
            (".venv/bin/temporal workflow show -w rebalance/A-110", "one account's history"),
            (f"REBALANCER_HOME={home} .venv/bin/rebalancer diagnose A-111", "what is wrong, and what to do"),
            (
                f"REBALANCER_HOME={home} .venv/bin/rebalancer status",
                "red, and meant to be: A-113 can't be checked, for the price of RRC is of 2022-12-19",
            ),
            ("make up", "an empty stack of your own; rebalancer load FILE fills it"),
        )
        for command, says in lines:
            self.console.print(Text.assemble(("  " + command, "bold"), ("\n      " + says, "dim")))
        self.console.print(f"\nDone in {time.monotonic() - self.started:.0f} seconds.")

    def _title(self, text: str) -> None:
        self.console.print()
        self.console.print(Rule(Text(text, style="bold"), align="left", style="dim"))

    def _account(self, result: Json, name: str) -> None:
        """One account: weights before and after against the bands, trades, issue and next action."""
        plan = result["plan"] or {}
        heading = Text.assemble(
            (f"{result['account_id']}  {name}", "bold"), "  ", (result["status"], STYLES[result["status"]])
        )
        self.console.print(heading)
        if plan.get("components"):
            executed = any(Decimal(order["filled_quantity"]) for order in result["orders"])
            self.console.print(Padding(_weights(plan, executed), (0, 0, 0, 2)))
            for line in _trades(result, plan):
                self.console.print(Padding(line, (0, 0, 0, 2)))
        for finding in (result["result"] or {}).get("findings", []):
            if finding["severity"] == "warning":
                self.console.print(Padding(Text.assemble(("warning  ", "yellow"), finding["message"]), (0, 0, 0, 2)))
        if result["issue"]:
            self.console.print(Padding(Text.assemble(("issue    ", "red"), result["issue"]), (0, 0, 0, 2)))
        if result["next_action"]:
            self.console.print(Padding(Text.assemble(("next     ", "cyan"), result["next_action"]), (0, 0, 0, 2)))
        self.console.print()


def _percent(weight: str) -> str:
    return f"{Decimal(weight) * 100:.2f} %"


def _weights(plan: Json, executed: bool) -> Table:
    """Each component's weight before and after, drawn on its scale (see `LEGEND`)."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("component", no_wrap=True)
    table.add_column("lower", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for column in ("upper", "before", "after" if executed else "planned", "amount"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in plan["components"]:
        name = Text(each["component"])
        if each["outcome"] == "rejected":
            name.append(" can't open", "red")
        elif each["sleeve"] in {"opening", "closing"}:
            name.append(f" {each['sleeve']}", "dim")
        table.add_row(
            name,
            _percent(each["lower"]),
            _scale(each),
            _percent(each["upper"]),
            Text(_percent(each["current_weight"]), "yellow" if each["breach"] else ""),
            _percent(each["planned_weight"]),
            f"{Decimal(each['planned_value']):,}",
        )
    return table


def _scale(each: Json) -> str:
    """The threshold takes the middle half of the drawing; what is further out sits at its ends."""
    lower, upper = Decimal(each["lower"]), Decimal(each["upper"])
    span = upper - lower
    if not span:
        return " " * SCALE
    quarter = SCALE // 4

    def at(weight: str | Decimal) -> int:
        place = quarter + int((Decimal(weight) - lower) / span * (SCALE - 2 * quarter - 1) + Decimal("0.5"))
        return min(max(place, 0), SCALE - 1)

    drawn = ["·"] * SCALE
    for place in range(at(lower), at(upper) + 1):
        drawn[place] = "─"
    for place in range(at(each["precision_lower"]), at(each["precision_upper"]) + 1):
        drawn[place] = "═"
    drawn[at(lower)], drawn[at(upper)] = "├", "┤"
    drawn[at(each["current_weight"])] = "○"
    drawn[at(each["planned_weight"])] = "●"
    return "".join(drawn)


def _trades(result: Json, plan: Json) -> list[Text]:
    """What was sold, bought and moved, in a line each."""
    lines = []
    for side, verb in (("sell", "sold     "), ("buy", "bought   ")):
        orders = [order for order in result["orders"] if order["side"] == side and Decimal(order["filled_quantity"])]
        if orders:
            told = ", ".join(f"{order['filled_quantity']} {order['symbol']}" for order in orders)
            total = sum(Decimal(order["filled_amount"]) for order in orders)
            lines.append(Text.assemble((verb, "dim"), f"{told}  = {total:,.2f}"))
    executed = result["status"].startswith("COMPLETE")
    crossed: dict[tuple[str, str], list[str]] = {}
    for each in plan["transfers"] if executed else ():
        if each["symbol"]:
            crossed.setdefault((each["from"], each["to"]), []).append(f"{each['quantity']} {each['symbol']}")
    for (source, destination), moved in crossed.items():
        lines.append(Text.assemble(("crossed  ", "dim"), f"{', '.join(moved)} from {source} to {destination}"))
    for each in plan["skipped"]:
        lines.append(Text.assemble(("skipped  ", "dim"), each["reason"]))
    return lines
