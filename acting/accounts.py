"""What a person says of an account: held, frozen, closed, open; rebalanced or not."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from acting.actors import actor
from acting.proving import Sign, deciding
from acting.reasons import reason
from identity.person import Person
from reading.accounts.known import known, must_all_be_known
from reading.refused import Conflict, Refused

if TYPE_CHECKING:
    from storage.accounts.states import Status
    from storage.connection import Books


def switch_rebalancing(
    books: "Books", person: Person, account_ids: Sequence[str], on: bool, today: date, sign: Sign | None = None
) -> list[str]:
    """Switches rebalancing on, which queues accounts at once, or off, which withdraws them: all or none.

    Says what it did, of each.
    """
    what = {"account_ids": sorted(account_ids), "rebalancing": on}
    with deciding(books, person, "switch", what, sign) as work:
        must_all_be_known(work, account_ids)  # locked in one order, so that two of these never wait for each other
        done = {each: work.accounts.switch_rebalancing(each, on, today) for each in sorted(account_ids)}
    return [done[each] for each in account_ids]


def hold(books: "Books", person: Person, account_id: str, until: date, why: str, today: date) -> str:
    """Keeps an account out of what is submitted from the queue, `until` included; says what it did."""
    must_be_ahead(until, today)
    reason = given(why)
    with books.transaction(actor(person)) as work, known(account_id):
        work.account_states.hold(account_id, until, reason)
    return f"account {account_id} is held until {until}, that day included: {reason}"


def lift(books: "Books", person: Person, account_id: str, why: str) -> str:
    """Takes a hold back; says what it did."""
    reason = given(why)
    with books.transaction(actor(person)) as work, known(account_id):
        if work.account_states.lift(account_id, reason):
            return f"account {account_id} is held no more"
        return f"account {account_id} is not held: nothing changes"


def set_status(books: "Books", person: Person, account_id: str, status: "Status", why: str, today: date) -> str:
    """Opens, freezes or closes an account; says what it did. Raises Conflict where it can't be now."""
    from storage.accounts.states import NotNow

    reason = given(why)
    try:
        with books.transaction(actor(person)) as work, known(account_id):
            followed = work.account_states.set_status(account_id, status, reason, today)
    except NotNow as flaw:
        raise Conflict(f"account {account_id} can't be {status} now: {flaw}") from flaw
    told = f"account {account_id} is {status}"
    return f"{told} already: nothing changes" if followed is None else f"{told}: {followed}"


def must_be_ahead(until: date, today: date) -> None:
    """Refused where the last day of a hold is over."""
    if until < today:
        raise Refused(f"--until {until} is over: a hold ends today or later")


def given(why: str) -> str:
    """A reason that says something."""
    return reason(why, "estate in probate", what="why")
