"""What people do at the trading desk: stop and start it, close a window, take an account out of a block, depart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acting.actors import actor
from acting.reasons import reason
from identity.person import Person
from reading.actions import do
from reading.refused import Conflict, Refused
from reading.temporal import Connect
from reading.work import desks as reading

if TYPE_CHECKING:
    from storage.connection import Books
    from venues.registry import Venues

Json = dict[str, Any]
LIKE = "the client called"


@dataclass(frozen=True, slots=True)
class Asked:
    """An account that was asked to leave a block: how the block stands, and what the account lacks in it, in shares."""

    block_id: str
    account_id: str
    status: str
    rest: str


def stop(books: "Books", venues: "Venues", person: Person, venue: str, why: str) -> Json:
    """Stops a venue's desk at once: nothing more is formed or released. What is open is in the answer."""
    _known(venues, venue)
    with books.transaction(actor(person)) as work:
        work.desk.stop(venue, reason(why, LIKE))
    with books.transaction() as read:
        return reading.desks(read, venues, venue)[0]


async def start(books: "Books", venues: "Venues", temporal: Connect, person: Person, venue: str) -> int:
    """Lets a venue's desk go on, and wakes it and its blocks: how many. One that was not stopped is woken too."""
    _known(venues, venue)
    client = await temporal()
    with books.transaction(actor(person)) as work:
        work.desk.start(venue)
        open_blocks = [each.id for each in work.blocks.open_of(venue)]
    await _wake(client, f"desk/{venue}", *(f"block/{each}" for each in open_blocks))
    return len(open_blocks)


async def release(books: "Books", venues: "Venues", temporal: Connect, person: Person, venue: str) -> None:
    """Forms and releases what a desk has gathered without waiting for its window. Raises Conflict."""
    _known(venues, venue)
    client = await temporal()
    with books.transaction(actor(person)) as work:
        stopped = work.desk.stopped(venue)
        if stopped is not None:
            raise Conflict(f"{stopped}: ", do("desk start", venue))
        if not work.desk.close_window(venue):
            raise Conflict(f"{venue}'s desk has gathered nothing: ", do("desk", venue, told="see `{}`"))
    await _wake(client, f"desk/{venue}")


async def leave(
    books: "Books", venues: "Venues", temporal: Connect, person: Person, block_id: str, account_id: str, why: str
) -> Asked:
    """Asks for an account to leave a block (BLOCK-5). Raises Unknown, Conflict."""
    from domain.executing.blocks import rests
    from domain.values.money import plain

    client = await temporal()
    with books.transaction(actor(person)) as work:
        row = reading.found(work, block_id)
        leg = {each.account_id: each for each in work.blocks.members(block_id)}.get(account_id)
        if leg is None:
            raise Conflict(f"{account_id} is not in {block_id}: ", do("block show", block_id, told="see `{}`"))
        if leg.ended_at is not None:
            raise Conflict(f"{account_id} has its last word in {block_id}: nothing of it is open")
        terms = venues.terms(row.venue).blocks
        if row.status == "RELEASED" and terms is not None and not terms.may_leave:
            raise Conflict(f"the terms of {row.venue} let nobody leave a released block: ", do("venue show"))
        if not work.blocks.ask_to_leave(block_id, account_id, leg.rebalance_id, reason(why, LIKE)):
            raise Conflict(f"{account_id} was asked to leave {block_id} already: ", do("block show", block_id))
        filled = sum(each.filled_units for each in work.blocks.children(block_id))
        segments = work.blocks.segments(block_id)
        rest = rests(segments, filled).get(account_id, 0) if segments else leg.units
    await _wake(client, f"block/{block_id}")
    return Asked(block_id, account_id, row.status, plain(rest * row.unit))


def depart(books: "Books", person: Person, block_id: str, moves: Mapping[str, int], why: str) -> int:
    """Asks for the block's day to be allocated otherwise (ALLOC-9): which day. Raises Unknown, Conflict, Refused.

    `moves`: units by account, below 0 given. Somebody else has to approve it before the day is booked.
    """
    with books.transaction(actor(person)) as work:
        row = reading.found(work, block_id)
        children = work.blocks.children(block_id)
        if row.status != "RELEASED" or children[-1].allocated_at is not None:
            raise Conflict(f"{block_id} has no day that is not booked yet: ", do("block show", block_id))
        named = {each.account_id for each in work.blocks.members(block_id)}
        unknown = sorted(moves.keys() - named)
        if unknown:
            raise Refused(f"{', '.join(unknown)} is not in {block_id}")
        if sum(moves.values()) or not any(moves.values()):
            raise Refused("what some give is what others receive: the moves have to sum to nothing, and not all be 0")
        _or_conflict(lambda: work.allocations.ask_to_depart(block_id, children[-1].day, moves, reason(why, LIKE)))
        return int(children[-1].day)


def approve_departure(books: "Books", person: Person, block_id: str) -> Json:
    """Approves what another person asked for: the moves. Raises Unknown, Conflict."""
    with books.transaction(actor(person)) as work:
        reading.found(work, block_id)
        row = _or_conflict(lambda: work.allocations.approve_departure(block_id))
        return {"block_id": block_id, "moves": row.moves, "why": row.why, "asked_by": row.asked_by}


def _or_conflict(act: Any) -> Any:
    from storage.desk.allocations import DepartureOpen

    try:
        return act()
    except DepartureOpen as flaw:
        raise Conflict(str(flaw)) from flaw


async def _wake(client: Any, *workflow_ids: str) -> None:
    from activities.knocking import knock
    from workflows.contract import TASK_QUEUE

    for each in workflow_ids:
        await knock(client, each, TASK_QUEUE)


def _known(venues: "Venues", venue: str) -> None:
    if venue not in venues.names:
        raise Refused(f"{venue} is no venue: there is {', '.join(venues.names)}")
