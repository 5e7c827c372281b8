"""Differences between the books and the custodian (RECON-1)."""

from typing import TYPE_CHECKING, Any

from reading.words import number

if TYPE_CHECKING:
    from storage.connection import Transaction

Json = dict[str, Any]


def listing(books: "Transaction", account_id: str | None = None, resolved: bool = False) -> list[Json]:
    """Open breaks, of one account or of all, the oldest first; with `resolved` those too that somebody resolved."""
    return [as_json(each) for each in books.breaks.listing(account_id, resolved)]


def as_json(row: Any) -> Json:
    """A break in its public form."""
    from domain.values.money import cents, plain
    from reading.words import utc

    shown = cents if row.kind == "cash" else plain
    return {
        "id": row.id,
        "account_id": row.account_id,
        "rebalance_id": row.rebalance_id,
        "kind": row.kind,
        "symbol": row.symbol,
        "expected": shown(row.expected),
        "actual": shown(row.actual),
        "opened_at": utc(row.opened_at),
        "resolved_at": utc(row.resolved_at),
        "resolved_by": row.resolved_by,
        "note": row.note,
        "booked": row.booked,
    }


def break_in_words(each: Any) -> str:
    """`3, AAPL: the books have 10, the custodian 9`."""
    from domain.values.money import money, plain

    if each.kind == "cash":
        return f"{each.id}, cash: the books have {money(each.expected)}, the custodian {money(each.actual)}"
    books, custodian = (number(plain(value)) for value in (each.expected, each.actual))
    return f"{each.id}, {each.symbol}: the books have {books}, the custodian {custodian}"
