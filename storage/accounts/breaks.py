"""Breaks: differences between the books and the custodian, open until somebody resolves them with a note."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    and_,
    any_,
    bindparam,
    func,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from domain.executing.reconciliation import RECON_1, Break
from domain.values.money import plain
from storage.record.audit import Audit
from storage.schema.deliveries import custodian_statements
from storage.schema.execution import breaks
from storage.values import by_key


class UnknownBreak(LookupError):
    """There is no break of that number."""


OPENED_BY = (
    select(breaks).where(breaks.c.rebalance_id == bindparam("of"), breaks.c.resolved_at.is_(None)).order_by(breaks.c.id)
)


class Breaks:
    """The breaks of one transaction."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def open(self, account_id: str, rebalance_id: str | None, found: Iterable[Break]) -> list[int]:
        """Opens breaks and says their numbers; one that is open already for the same thing takes the newest figures."""
        numbers = []
        for each in found:
            figures = {"expected": each.expected, "actual": each.actual, "rebalance_id": rebalance_id}
            number: int = self.connection.execute(
                insert(breaks)
                .values(account_id=account_id, kind=each.kind, symbol=each.symbol, **figures)
                .on_conflict_do_update(
                    index_elements=["account_id", "kind", "symbol"],
                    index_where=breaks.c.resolved_at.is_(None),
                    set_=figures,
                )
                .returning(breaks.c.id)
            ).scalar_one()
            self.audit.record(
                "break opened",
                account_id=account_id,
                rebalance_id=rebalance_id,
                rule=RECON_1.code,
                after=_told(number, each),
            )
            numbers.append(number)
        return numbers

    def changed_fill(
        self,
        account_id: str,
        rebalance_id: str,
        symbol: str,
        told: tuple[Decimal, Decimal],
        now: tuple[Decimal, Decimal],
    ) -> list[int]:
        """Opens a break where a fill (shares, cash) is otherwise now than was told; of the price alone, about cash."""
        shares = told[0] != now[0]
        at = 0 if shares else 1
        found = Break("changed_fill", symbol if shares else None, told[at], now[at])
        return self.open_once(account_id, rebalance_id, found)

    def open_once(self, account_id: str, rebalance_id: str, found: Break) -> list[int]:
        """As `open`; nothing where it was opened with these figures before, whether it is resolved since or not."""
        same = select(breaks.c.id).where(
            breaks.c.account_id == account_id,
            breaks.c.rebalance_id == rebalance_id,
            breaks.c.kind == found.kind,
            breaks.c.symbol.is_not_distinct_from(found.symbol),
            breaks.c.expected == found.expected,
            breaks.c.actual == found.actual,
        )
        known = self.connection.scalar(same.limit(1)) is not None
        return [] if known else self.open(account_id, rebalance_id, [found])

    def get(self, number: int) -> Row[Any]:
        """A break, locked. Raises UnknownBreak."""
        row = self.connection.execute(select(breaks).where(breaks.c.id == number).with_for_update()).one_or_none()
        if row is None:
            raise UnknownBreak(f"there is no break {number}")
        return row

    def numbered(self, numbers: Sequence[int]) -> Sequence[Row[Any]]:
        """Those of these breaks that there are, by number; nothing is locked."""
        return self.connection.execute(
            select(breaks).where(breaks.c.id == any_(literal(list(numbers), ARRAY(BigInteger)))).order_by(breaks.c.id)
        ).all()

    def open_like(self, account_id: str | None, symbol: str | None, statement: str | None) -> list[int]:
        """The numbers of the open breaks of an account, of a symbol ("" is cash), and that a statement found.

        `statement`: the name of its file, the newest of the account.
        """
        where: list[ColumnElement[bool]] = [breaks.c.resolved_at.is_(None)]
        where += [] if account_id is None else [breaks.c.account_id == account_id]
        where += [] if symbol is None else [breaks.c.symbol == symbol if symbol else breaks.c.kind == "cash"]
        if statement is not None:
            of = select(custodian_statements.c.account_id).where(custodian_statements.c.source == statement)
            where += [breaks.c.rebalance_id.is_(None), breaks.c.account_id.in_(of)]
        return list(self.connection.scalars(select(breaks.c.id).where(*where).order_by(breaks.c.id)))

    def open_of(self, account_id: str) -> Sequence[Row[Any]]:
        """The open breaks of an account, oldest first."""
        return self.listing(account_id)

    def of_rebalance(self, rebalance_id: str) -> dict[int, Break]:
        """The breaks that a rebalance opened and nobody has resolved, by number."""
        rows = self.connection.execute(OPENED_BY, {"of": rebalance_id})
        return {row.id: Break(row.kind, row.symbol, row.expected, row.actual) for row in rows}

    def listing(
        self,
        account_id: str | None = None,
        resolved: bool = False,
        after: tuple[str, int] | None = None,
        most: int | None = None,
    ) -> Sequence[Row[Any]]:
        """The open breaks, by account, oldest first; with `resolved`, those that were resolved too.

        `after`: the account and the number behind which they are.
        """
        place = by_key(breaks.c.account_id), breaks.c.id
        where = [] if account_id is None else [breaks.c.account_id == account_id]
        where += [] if resolved else [breaks.c.resolved_at.is_(None)]
        where += [] if after is None else [tuple_(*place) > tuple_(by_key(literal(after[0])), after[1])]
        return self.connection.execute(select(breaks).where(and_(True, *where)).order_by(*place).limit(most)).all()

    def count(self, account_id: str | None = None) -> int:
        """How many are open, of an account or of all."""
        where = [] if account_id is None else [breaks.c.account_id == account_id]
        query = select(func.count()).where(breaks.c.resolved_at.is_(None), *where)
        return self.connection.scalar(query) or 0

    def renew(self, row: Row[Any], now: Break) -> None:
        """Takes the figures as they are now into an open break."""
        self.connection.execute(
            update(breaks).where(breaks.c.id == row.id).values(expected=now.expected, actual=now.actual)
        )
        self.audit.record(
            "break changed",
            account_id=row.account_id,
            rule=RECON_1.code,
            before=_told(row.id, Break(row.kind, row.symbol, row.expected, row.actual)),
            after=_told(row.id, now),
        )

    def resolve(self, row: Row[Any], note: str, booked: bool) -> None:
        """Closes a break with who, when and why; `booked` says that the custodian's figure is in the books now."""
        self.connection.execute(
            update(breaks)
            .where(breaks.c.id == row.id, breaks.c.resolved_at.is_(None))
            .values(resolved_at=func.now(), resolved_by=self.audit.actor.who, note=note, booked=booked)
        )
        self.audit.record(
            "break resolved",
            account_id=row.account_id,
            rebalance_id=row.rebalance_id,
            rule=RECON_1.code,
            before=_told(row.id, Break(row.kind, row.symbol, row.expected, row.actual)),
            after={"break_id": row.id, "note": note, "booked": booked},
        )


def _told(number: int, each: Break) -> dict[str, object]:
    return {
        "break_id": number,
        "kind": each.kind,
        "symbol": each.symbol,
        "expected": plain(each.expected),
        "actual": plain(each.actual),
    }
