"""The plans that somebody was shown, kept before they are approved: an approval names their list by its digest."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from acting.actors import actor
from reading.work.shown import RequestAccount, ShownPlan

if TYPE_CHECKING:
    from identity.person import Person
    from storage.connection import Books


def keep(books: "Books", person: "Person", request_id: str, plans: Iterable[RequestAccount]) -> str:
    """Keeps a list of a request's plans as a person was shown them; its digest (DECIDE-1)."""
    shown = [ShownPlan(str(each.rebalance_id), each.round or 0, str(each.plan)) for each in plans]
    with books.transaction(actor(person)) as work:
        return work.proof.show(request_id, shown, person.subject)
