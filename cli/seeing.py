"""What somebody saw who approves: named by a digest, or shown now and asked about (DECIDE-1)."""

import re
import sys
from dataclasses import dataclass
from typing import Any

import click

from cli import connections, say
from reading import words
from reading.refused import Refused
from reading.work.choosing import Item, Rebalance, list_of

DIGEST = re.compile(r"[0-9a-fA-F]{8,64}")


def on_a_terminal() -> bool:
    """True where somebody can look, and answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


@dataclass(frozen=True, slots=True)
class Seen:
    """How it is known what was seen: a digest, nothing on purpose, or by asking on the terminal."""

    plan: str | None
    unseen: bool
    ask: bool

    def of(self, item: Item) -> dict[str, Any]:
        """What an approval of it says. Without a digest the workflow refuses it, with the one that is pending."""
        given = item.shown or self.plan
        if given:
            if not DIGEST.fullmatch(given):
                raise click.UsageError(
                    f"{given} names no plan: give 8 characters or more of what `rebalancer show {item.id}` prints of it"
                )
            return {"plan": given}
        current = list_of(item) if item.is_request else item.rebalances[0].plan
        if self.unseen:
            self._refuse_unseen(item)
            return {"plan": current or None, "unseen": True}
        if self.ask and item.pending:
            _show(item)
            _ask(item)
            return {"plan": current or None}
        return {}

    def _refuse_unseen(self, item: Item) -> None:
        if not item.is_request and item.rebalances[0].liquidation:
            raise Refused(
                f"{item.id} is a liquidation, which is never approved unseen (DECIDE-1): rebalancer show {item.id}"
            )


def _show(item: Item) -> None:
    from cli import commands, plan_page, rebalance_page, request_page
    from reading.work import rebalances, requests

    with connections.books().transaction() as books:
        if item.is_request:
            say.show(*request_page.page(requests.read(books, item.id).as_json(commands.line)))
            return
        row = rebalances.row(books, item.id)
        say.show(plan_page.title(f"{row.id} · account {row.account_id} · plan {str(row.plan_digest)[:8]}"))
        say.show(*rebalance_page.planned(row))


def _ask(item: Item) -> None:
    apart = [each for each in item.pending if each.liquidation]
    about = [each for each in item.pending if not each.liquidation] if item.is_request else item.pending
    if not about:
        return
    beside = (
        f" {words.counted(len(apart), 'liquidation')} of it wait for their own approval."
        if item.is_request and apart
        else ""
    )
    what = words.counted(len(about), "plan") if item.is_request else _named(about[0])
    if not click.confirm(f"{item.id}: approve {what}?{beside}", default=False):
        raise Refused(f"{item.id} was not approved, and waits")


def _named(each: Rebalance) -> str:
    kind = "this LIQUIDATION" if each.liquidation else "this plan"
    return f"{kind} of account {each.account_id}"
