"""Which rebalances and requests a person means: by id, or by a filter over what waits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reading.actions import do
from reading.refused import Unknown

if TYPE_CHECKING:
    from storage.connection import Books, Transaction


NAMED = 5  # of those that ended


@dataclass(frozen=True, slots=True)
class Rebalance:
    """A rebalance, and where its workflow is. `plan` is the digest of what waits, or waited last."""

    rebalance_id: str
    account_id: str
    workflow_id: str
    round: int
    ended: str | None
    plan: str | None
    liquidation: bool
    waits: bool  # for an approval


@dataclass(frozen=True, slots=True)
class Item:
    """What an id names: a rebalance, or a request with those of its rebalances under way, else some that ended.

    `shown` is the digest written behind it.
    """

    id: str
    rebalances: tuple[Rebalance, ...]
    workflow_id: str | None = None  # of a request
    known: bool = True  # the request is in the books, or has rebalances
    shown: str | None = None

    @property
    def is_request(self) -> bool:
        """True for a request, also where its workflow is gone or was never there."""
        return self.workflow_id is not None

    @property
    def pending(self) -> list[Rebalance]:
        """What of it waits for an approval, in the order in which a list of plans has it."""
        return [each for each in self.rebalances if each.waits]


def named(books: "Books", id_: str) -> Item:
    """What an id means, like R-000001, R-000001@1f3870be or Q-20261120-1f."""
    from storage.work.rebalances import UnknownRebalance
    from storage.work.requests import UnknownRequest
    from workflows.contract import request_workflow_id

    name, _, shown = id_.partition("@")
    with books.transaction() as read:
        try:
            return Item(name, (_rebalance(read.rebalances.get(name)),), shown=shown or None)
        except UnknownRebalance:
            rows = list(read.rebalances.listing(request_id=name, limit=None, under_way=True))
            if not rows:  # nothing can be decided about it: some are named
                rows = list(read.rebalances.listing(request_id=name, limit=NAMED))
        rows.sort(key=lambda row: str(row.account_id))
        try:
            request = read.requests.get(name)
        except UnknownRequest:  # no worker has taken it up yet, or its rebalances were started one by one
            there = tuple(map(_rebalance, rows))
            return Item(name, there, request_workflow_id(name), bool(rows), shown or None)
        return Item(name, _in_order(read, name, rows), str(request.workflow_id), True, shown or None)


def _in_order(books: "Transaction", request_id: str, rows: Iterable[Any]) -> tuple[Rebalance, ...]:
    """A request's rebalances: those that wait first, as the request's list has them, then the others by account."""
    at = {each.rebalance_id: place for place, each in enumerate(books.requests.pending(request_id))}
    made = [replace(each, waits=each.rebalance_id in at) for each in map(_rebalance, rows)]
    return tuple(sorted(made, key=lambda each: at.get(each.rebalance_id, len(at))))


def waiting(books: "Books", accounts: Sequence[str], requested_by: str | None) -> list[Item]:
    """What waits for an approval on these accounts, and that this person asked for. Refused where nothing does."""
    with books.transaction() as read:
        rows = read.rebalances.waiting(accounts, requested_by)
    if not rows:
        listed = do("history", status="PENDING_APPROVAL", told="see `{}`")
        raise Unknown("nothing that waits for an approval is of that: ", listed)
    return [Item(each.rebalance_id, (each,)) for each in map(_rebalance, rows)]


def list_of(item: Item) -> str:
    """The digest of what of a request waits for an approval; liquidations are approved by their own name."""
    from domain.approvals import listed

    return listed((each.rebalance_id, each.plan or "") for each in item.pending if not each.liquidation)


def _rebalance(row: Any) -> Rebalance:
    return Rebalance(
        row.id,
        row.account_id,
        row.workflow_id,
        row.round,
        row.status,
        row.plan_digest,
        row.liquidation,
        row.stage == "PENDING_APPROVAL",
    )
