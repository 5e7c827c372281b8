"""The kill switch: nothing is sent any more, by any worker, until somebody else lets it go on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acting.actors import actor
from acting.reasons import reason
from identity.person import Person
from reading.actions import do
from reading.refused import Conflict

if TYPE_CHECKING:
    from storage.connection import Books, Transaction

Json = dict[str, Any]
LIKE = "prices of XYZ are wrong"


@dataclass(frozen=True, slots=True)
class Halted:
    """Who halted sending and why; orders that are open at venues, and how many approved ones wait to be sent."""

    by: str
    why: str
    out: list[Json]
    waiting: int

    def as_json(self) -> Json:
        """The public form."""
        return {"halted_by": self.by, "why": self.why, "open": self.out, "waiting": self.waiting}


@dataclass(frozen=True, slots=True)
class Resumed:
    """Who let sending go on and why, and the halts that this ended."""

    by: str
    why: str
    halts: list[Json]

    def as_json(self) -> Json:
        """The public form."""
        return {"resumed_by": self.by, "why": self.why, "halts": self.halts}


def halt(books: "Books", person: Person, why: str) -> Halted:
    """Halts all sending. When this returns, no order is sent any more."""
    with books.transaction(actor(person)) as work:
        work.halts.halt(reason(why, LIKE))
    with books.transaction() as read:
        return Halted(person.name, why.strip(), _out(read), read.halts.waiting())


def resume(books: "Books", person: Person, why: str) -> Resumed:
    """Lets sending go on. Raises Conflict for whoever halted it (four eyes), and where nothing is halted."""
    from reading.words import utc
    from storage.work.halts import NotHalted, SamePerson

    try:
        with books.transaction(actor(person)) as work:
            ended = work.halts.resume(reason(why, LIKE))
    except NotHalted as flaw:
        request = do("resume", "Q-…", told="A paused request is named: {}")
        raise Conflict(f"{flaw}: there is nothing to resume. ", request) from flaw
    except SamePerson as flaw:
        raise Conflict(f"{flaw}: ", do("resume", by="SOMEBODY-ELSE", why="TEXT")) from flaw
    halts = [{"halted_by": each.halted_by, "why": each.why, "halted_at": utc(each.halted_at)} for each in ended]
    return Resumed(person.name, why.strip(), halts)


def _out(books: "Transaction") -> list[dict[str, Any]]:
    from domain.values.money import plain

    return [
        {
            "rebalance_id": each.rebalance_id,
            "account_id": each.account_id,
            "client_order_id": each.client_order_id,
            "side": each.side,
            "symbol": each.symbol,
            "quantity": plain(each.quantity),
            "filled": plain(each.filled_quantity),
            "status": each.status,
            "block_id": each.block_id,
        }
        for each in books.halts.out()
    ]
