"""Pages of the queue for people: by keyset and from one index, whether it holds ten accounts or a hundred thousand."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, literal, or_, select, tuple_

from domain.queue import REASONS
from storage.schema.requests import account_holds
from storage.schema.tables import accounts, queue_entries
from storage.values import by_key

_COLUMNS = queue_entries.c
_OPEN = _COLUMNS.left_at.is_(None)
_ID = by_key(_COLUMNS.account_id)


class QueuePage(NamedTuple):
    """Rows of the queue, each with `name` and `held_until`; `after` is where the next page begins, None at the end."""

    rows: list[Any]
    after: str | None


class QueuePages:
    """The queue of one transaction, in its order: by primary reason, then account."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def page(self, reason: str | None, prefix: str, after: str | None, size: int, today: date) -> QueuePage:
        """Accounts with the reason among theirs (None: any) whose id begins with `prefix`, behind the place `after`;
        a hold that was over before `today` is none.

        Raises ValueError where `after` is no place that a page gave.
        """
        query = (
            select(queue_entries, accounts.c.name, accounts.c.rebalancing, account_holds.c.until.label("held_until"))
            .join(accounts, accounts.c.id == _COLUMNS.account_id)
            .outerjoin(account_holds, _held(today))
            .where(_OPEN, *_filter(reason, prefix))
            .order_by(_COLUMNS.rank, _ID)
            .limit(size + 1)
        )
        if after is not None:
            rank, _, account_id = after.partition("-")
            if not 0 <= int(rank) <= len(REASONS):
                raise ValueError(f"{rank} is no rank")
            query = query.where(tuple_(_COLUMNS.rank, _ID) > tuple_(int(rank), by_key(literal(account_id))))
        rows = list(self.connection.execute(query))
        last = rows[size - 1] if len(rows) > size else None
        return QueuePage(rows[:size], f"{last.rank}-{last.account_id}" if last else None)

    def counts(self, prefix: str = "") -> Mapping[str | None, int]:
        """How many accounts have each reason among theirs, those with none left out; under None how many there are."""
        together = select(_COLUMNS.reason_bits, func.count()).where(_OPEN, *_filter(None, prefix))
        by_bits = {row[0]: row[1] for row in self.connection.execute(together.group_by(_COLUMNS.reason_bits))}
        of = {code: sum(count for bits, count in by_bits.items() if bits & _bit(code)) for code in REASONS}
        return {None: sum(by_bits.values()), **{code: count for code, count in of.items() if count}}

    def chosen(self, reason: str | None, prefix: str, today: date) -> list[str]:
        """All accounts of the filter that nobody holds, in the queue's order."""
        holds = select(account_holds.c.account_id).where(_held(today)).correlate(queue_entries)
        query = select(_COLUMNS.account_id).where(_OPEN, ~holds.exists(), *_filter(reason, prefix))
        return list(self.connection.scalars(query.order_by(_COLUMNS.rank, _ID)))


def _held(today: date) -> ColumnElement[bool]:
    return and_(account_holds.c.account_id == _COLUMNS.account_id, account_holds.c.until >= today)


def _filter(reason: str | None, prefix: str) -> list[ColumnElement[bool]]:
    where = [] if reason is None else [_has(reason)]
    if prefix:
        where.append(or_(_ID.startswith(prefix, autoescape=True), _ID.startswith(prefix.upper(), autoescape=True)))
    return where


def _has(reason: str) -> ColumnElement[bool]:
    return _COLUMNS.reason_bits.bitwise_and(_bit(reason)) != 0


def _bit(reason: str) -> int:
    return 1 << REASONS.index(reason)
