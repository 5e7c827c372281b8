"""What needs somebody, in a few figures: what waits for an approval, what failed, what is under way, open breaks."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reading.work import listed
from reading.work.deciding import Waiting, waiting

if TYPE_CHECKING:
    from identity.person import Person
    from storage.connection import Transaction

Json = dict[str, Any]
LATELY = timedelta(days=7)
LISTED = 8


@dataclass(frozen=True, slots=True)
class Overview:
    """`failures` and `under_way` count all; the first of them are listed. `breaks`: how many are open, on how many."""

    waiting: Waiting
    failures: int
    failed: list[Json]
    under_way: int
    running: list[Json]
    breaks: Any


def overview(books: "Transaction", person: "Person", may_approve: bool, now: datetime) -> Overview:
    """How it is, to a person."""
    since = (now - LATELY).date()
    return Overview(
        waiting(books, person, may_approve),
        books.rebalances.failed(since),
        [listed.rebalance(each) for each in books.rebalances.listing(None, "FAILED", since, LISTED)],
        books.listings.request_count("RUNNING"),
        [listed.request(each) for each in books.listings.requests(0, LISTED, "RUNNING").rows],
        books.attention.breaks(),
    )
