"""What waits for a person to decide about it, and what of it four eyes leave to somebody else."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reading.words import utc

if TYPE_CHECKING:
    from identity.person import Person
    from storage.connection import Transaction

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OfRequest:
    """Plans of one request that wait, and when the first of them expires."""

    request_id: str
    requested_by: str
    plans: int
    liquidations: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for the person, by request and in all; `alone`: of no request; `others`: for somebody else."""

    requests: list[OfRequest]
    alone: int
    mine: int
    others: int
    first: datetime | None


def waiting(books: "Transaction", person: "Person", may_approve: bool) -> Waiting:
    """What waits, as it is to a person; to who may not approve, all of it is somebody else's."""
    groups = books.waiting.by_request(person.name, person.subject)
    mine = [each for each in groups if may_approve and not each.forbidden]
    count = sum(each.plans for each in mine)
    return Waiting(
        [
            OfRequest(each.request_id, each.requested_by, each.plans, each.liquidations, each.expires_at)
            for each in mine
            if each.request_id is not None
        ],
        sum(each.plans for each in mine if each.request_id is None),
        count,
        sum(each.plans for each in groups) - count,
        min((each.expires_at for each in mine if each.expires_at), default=None),
    )


def listing(books: "Transaction", person: "Person", most: int | None = None, alone: bool = False) -> list[Json]:
    """The plans that wait for who may approve, those first that expire first; `alone`: those of no request."""
    return [
        {
            "rebalance_id": row.id,
            "account_id": row.account_id,
            "request_id": row.request_id,
            "requested_by": row.requested_by,
            "expires_at": utc(row.expires_at),
            "liquidation": row.liquidation,
        }
        for row in books.waiting.listing(person.name, person.subject, most, alone)
    ]


def forbidden(books: "Transaction", person: "Person", rebalance_ids: Collection[str]) -> set[str]:
    """Those of the rebalances that wait, and that the person asked for and may not approve too (four eyes)."""
    return books.waiting.forbidden(rebalance_ids, person.name, person.subject)
