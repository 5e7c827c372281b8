"""The trading desk: what waits, which blocks are open, and one block whole with what each account is told."""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from reading.actions import do
from reading.refused import Unknown

if TYPE_CHECKING:
    from storage.connection import Transaction
    from venues.registry import Venues

Json = dict[str, Any]


def desks(books: "Transaction", venues: "Venues", venue: str | None = None) -> list[Json]:
    """Each venue's desk, or one: its terms, what waits, and its open blocks. Raises Unknown."""
    from reading.words import utc
    from venues.terms import terms_of

    if venue is not None and venue not in venues.names:
        raise Unknown(f"{venue} is no venue: there is {', '.join(venues.names)}")
    kept = {row.venue: row for row in books.desk.all_desks()}
    listed = []
    for name in [venue] if venue is not None else venues.names:
        row, terms = kept.get(name), terms_of(books.connection, name)
        opened = row.window_opened_at if row is not None else None
        listed.append(
            {
                "venue": name,
                "blocks": terms.blocks is not None,
                "stopped": None
                if row is None or row.stopped_at is None
                else {"by": row.stopped_by, "why": row.stopped_why, "at": utc(row.stopped_at)},
                "gathers_until": utc(terms.forms_at(opened)) if opened is not None and terms.blocks else None,
                "waiting": len(books.desk.waiting(name)),
                "open": [_listed(each) for each in books.blocks.listing(name, open_only=True)],
            }
        )
    return listed


def blocks(books: "Transaction", venue: str | None = None, open_only: bool = False) -> list[Json]:
    """Blocks, newest first."""
    return [_listed(each) for each in books.blocks.listing(venue, open_only)]


def _listed(row: Any) -> Json:
    from domain.values.money import plain
    from reading.words import utc

    return {
        "block_id": row.id,
        "venue": row.venue,
        "side": row.side,
        "symbol": row.symbol,
        "price": plain(row.price),
        "status": row.status,
        "accounts": row.accounts,
        "ordered": plain((row.units or 0) * row.unit),
        "filled": plain(row.filled * row.unit),
        "days": row.days,
        "formed_at": utc(row.formed_at),
        "released_at": utc(row.released_at),
        "ended_at": utc(row.ended_at),
        "reason": row.reason,
    }


def block(books: "Transaction", block_id: str) -> Json:
    """One block: its orders, segments and days, and each account's part with its sentence (ALLOC-8). Raises Unknown."""
    from domain.executing.allocation import average
    from domain.executing.blocks import child
    from domain.values.money import cents, plain
    from reading.words import utc

    row = found(books, block_id)
    children, segments = books.blocks.children(block_id), books.blocks.segments(block_id)
    return {
        "block_id": block_id,
        "venue": row.venue,
        "side": row.side,
        "symbol": row.symbol,
        "price": plain(row.price),
        "unit": plain(row.unit),
        "status": row.status,
        "digest": row.digest,
        "lot": plain(segments[0].lot * row.unit) if segments and segments[0].lot > 1 else None,
        "formed_at": utc(row.formed_at),
        "released_at": utc(row.released_at),
        "ended_at": utc(row.ended_at),
        "reason": row.reason,
        "filled": plain(sum(each.filled_units for each in children) * row.unit),
        "orders": [
            {
                "day": each.day,
                "name": child(block_id, each.day),
                "client_order_id": each.client_order_id,
                "quantity": plain(each.units * row.unit),
                "reduced_to": plain(each.open_units * row.unit) if each.open_units < each.units else None,
                "filled": plain(each.filled_units * row.unit),
                "amount": cents(each.filled_amount),
                "costs": cents(each.costs),
                "status": each.status,
                "sent_at": utc(each.sent_at),
                "venue_reason": each.venue_reason,
            }
            for each in children
        ],
        "segments": [
            {"name": each.name, "from_fill": each.starts_at, "units": each.total, "entry": each.entry, "lot": each.lot}
            for each in segments
        ],
        "days": [
            {
                "trade_date": str(each.day),
                "shares": plain(each.units * row.unit),
                "amount": cents(each.amount),
                "costs": cents(each.costs),
                "average": _text(average(each.amount, each.units, row.unit)),
            }
            for each in books.blocks.days(block_id)
        ],
        "accounts": _accounts(books, row, segments),
        "leavings": [
            {
                "account_id": each.account_id,
                "why": each.why,
                "asked_by": each.asked_by,
                "asked_at": utc(each.asked_at),
                "filled": None if each.filled is None else plain(each.filled * row.unit),
                "rest": None if each.rest is None else plain(each.rest * row.unit),
                "reduced": None if each.reduced is None else plain(each.reduced * row.unit),
                "said": each.said,
            }
            for each in books.blocks.leavings(block_id)
        ],
        "departures": [
            {
                "day": each.day,
                "moves": {account: plain(units * row.unit) for account, units in sorted(each.moves.items())},
                "why": each.why,
                "asked_by": each.asked_by,
                "approved_by": each.approved_by,
                "booked": each.filled is not None,
                "said": each.said,
            }
            for each in books.allocations.departures(block_id)
        ],
    }


def found(books: "Transaction", block_id: str) -> Any:
    """A block's row. Raises Unknown."""
    from storage.desk.blocks import UnknownBlock

    try:
        return books.blocks.get(block_id)
    except UnknownBlock as flaw:
        raise Unknown(f"{flaw}: ", do("block list", told="see `{}`")) from flaw


def _accounts(books: "Transaction", row: Any, segments: Any) -> list[Json]:
    from fractions import Fraction

    from domain.executing.allocation import Part, average, pro_rata, sentences, shares_of
    from domain.values.money import cents, plain

    allotted = books.allocations.allotted(row.id)
    refused = books.allocations.refused(row.id)
    days: dict[str, list[Json]] = defaultdict(list)
    totals: dict[str, Part] = defaultdict(Part)
    for (account, day), part in sorted(allotted.items(), key=lambda item: (item[0][1], item[0][0])):
        if part == Part():
            continue
        totals[account] += part
        of_day = {"trade_date": str(day), "shares": plain(part.units * row.unit), "amount": cents(part.amount)}
        days[account].append(of_day | {"costs": cents(part.costs), "refused": (account, day) in refused})
    booked = sum(part.units for part in totals.values())
    exact = pro_rata(segments, booked) if segments else {}
    members = books.blocks.members(row.id)
    parts = {leg.account_id: totals[leg.account_id] for leg in members}
    told = sentences(row.id, row.symbol, segments, booked, parts, row.unit) if segments else {}
    listed = []
    for leg in members:
        part = parts[leg.account_id]
        listed.append(
            {
                "account_id": leg.account_id,
                "rebalance_id": leg.rebalance_id,
                "ordered": plain(leg.units * row.unit),
                "exact": plain(shares_of(exact.get(leg.account_id, Fraction(0)), row.unit)),
                "received": plain(part.units * row.unit),
                "amount": cents(part.amount),
                "costs": cents(part.costs),
                "average": _text(average(part.amount, part.units, row.unit)),
                "ended": leg.ended_at is not None,
                "days": days[leg.account_id],
                "told": told.get(leg.account_id),
            }
        )
    return listed


def _text(number: Any) -> str | None:
    from domain.values.money import plain

    return None if number is None else plain(number)
