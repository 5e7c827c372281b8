"""Rebalances, newest first; and what an id is of: a rebalance, a request or a model signal, whole."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from reading.accounts.known import must_be_known
from reading.actions import do
from reading.refused import Unknown
from reading.work import listed

if TYPE_CHECKING:
    from reading.work.rebalances import Rebalance
    from reading.work.requests import Request
    from storage.connection import Books

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class History:
    """The newest of what was asked for, and whether there are more."""

    rows: list[Json]
    more: bool


def newest(
    books: "Books",
    account_id: str | None,
    request_id: str | None,
    status: str | None,
    since: date | None,
    open_: bool,
    limit: int,
    page: int = 1,
) -> History:
    """The newest of a filter, or a later page of as many. Raises Unknown for an account that is not in the books."""
    with books.transaction() as read:
        if account_id is not None:
            must_be_known(read, account_id)
        rows = read.rebalances.listing(account_id, status, since, limit + 1, request_id, open_, skip=(page - 1) * limit)
    return History([listed.rebalance(row) for row in rows[:limit]], len(rows) > limit)


def whole(books: "Books", id_: str) -> "Rebalance | Request":
    """A rebalance, or a request or signal with all its rebalances. Raises Unknown."""
    from reading.work import rebalances, requests, signals
    from storage.work.rebalances import UnknownRebalance
    from storage.work.requests import UnknownRequest

    with books.transaction() as read:
        try:
            rebalance = rebalances.read(read, read.rebalances.get(id_))
        except UnknownRebalance:
            rebalance = None
        try:
            request = signals.read(read, id_) or (requests.read(read, id_) if rebalance is None else None)
        except UnknownRequest:
            ids = do("history", told="see `{}` for the ids")
            raise Unknown(f"{id_} is no rebalance and no request: ", ids) from None
    found = rebalance or request
    assert found is not None
    return found
