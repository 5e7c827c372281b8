"""Differences between the books and the custodian (RECON-1)."""

from typing import TYPE_CHECKING, Any

from reading import words
from reading.places import Listed, cursor, number, parts
from reading.refused import Unknown

if TYPE_CHECKING:
    from storage.connection import Transaction

Json = dict[str, Any]


def listing(books: "Transaction", account_id: str | None = None, resolved: bool = False) -> list[Json]:
    """Open breaks, of one account or of all, the oldest first; with `resolved` those too that somebody resolved."""
    return [as_json(each) for each in books.breaks.listing(account_id, resolved)]


def page(books: "Transaction", account_id: str | None, resolved: bool, place: str | None, size: int) -> Listed:
    """A page of them, by account, the oldest first. Raises Lost."""
    at = parts(place, 2)
    after = None if at is None else (at[0], number(at[1]))
    rows = books.breaks.listing(account_id, resolved, after, size + 1)
    last = rows[size - 1] if len(rows) > size else None
    listed = [as_json(each) | {"seen": seen(each)} for each in rows[:size]]
    return Listed(listed, last and cursor(last.account_id, str(last.id)))


def seen(row: Any) -> tuple[str, str]:
    """The figures of a break, exact: whoever resolves it has looked at these."""
    from domain.values.money import plain

    return plain(row.expected), plain(row.actual)


def numbered(books: "Transaction", break_id: int) -> Json:
    """One break, and the figures that it has. Raises Unknown."""
    for row in books.breaks.numbered([break_id]):
        return as_json(row) | {"seen": seen(row)}
    raise Unknown(f"There is no break {break_id}.")


def open_like(books: "Transaction", account_id: str | None, symbol: str | None, statement: str | None) -> list[int]:
    """The open breaks of an account, of a symbol ("" is cash), and that a statement found."""
    return books.breaks.open_like(account_id, symbol, statement)


def unresolved(books: "Transaction", account_id: str | None) -> int:
    """How many are open, of an account or of all."""
    return books.breaks.count(account_id)


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
    books, custodian = (words.number(plain(value)) for value in (each.expected, each.actual))
    return f"{each.id}, {each.symbol}: the books have {books}, the custodian {custodian}"
