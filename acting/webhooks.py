"""Where events are sent: webhooks added, given another secret, enabled again, removed; and their senders started."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from acting.actors import actor
from acting.starting import starting
from identity.person import Person
from reading.refused import Refused, Unknown
from reading.temporal import Connect

if TYPE_CHECKING:
    from datetime import datetime

    from temporalio.client import Client

    from storage.connection import Books
    from webhooks.destination import Destinations

MOST = 50  # webhooks; a worker sends to twice as many at once, so that none waits for another's receiver


async def add(
    books: "Books", temporal: Connect, person: Person, url: str, actions: Sequence[str], allowed: "Destinations"
) -> tuple[str, str]:
    """A new webhook with its sender: its id, and its secret, shown this once. Refused where nothing may be sent there.

    Also where there are so many that one would have to wait for another's receiver.

    `actions`: which events, by what the record calls them; none is all. Nothing is kept where Temporal does not answer.
    """
    from webhooks import signing
    from webhooks.destination import NotAllowed

    try:
        allowed.check(url)
    except NotAllowed as flaw:
        raise Refused(f"No webhook was added: {flaw}.") from flaw
    client = await starting(temporal)
    secret = signing.fresh()
    with books.transaction(actor(person)) as work:
        if len(work.webhooks.listing()) >= MOST:
            raise Refused(f"No webhook was added: there are {MOST}, and no more are sent to at once. Remove one.")
        id_ = work.webhooks.add(url, actions, secret)
    try:
        await start(client, id_)
    except Exception:
        with books.transaction(actor(person)) as work:
            work.webhooks.remove(id_)
        raise
    return id_, secret


def rotate(books: "Books", person: Person, id_: str, now: "datetime") -> str:
    """Signs by a new secret, which is shown this once; for a day the one before signs too. Raises Unknown."""
    from webhooks import signing

    secret = signing.fresh()
    with _known(id_), books.transaction(actor(person)) as work:
        work.webhooks.rotate(id_, secret, now)
    return secret


def remove(books: "Books", person: Person, id_: str) -> None:
    """Sends nothing there any more. Raises Unknown."""
    with _known(id_), books.transaction(actor(person)) as work:
        work.webhooks.remove(id_)


async def enable(books: "Books", temporal: Connect, person: Person, id_: str) -> None:
    """Goes on with one that was disabled, with the first event that was not taken. Raises Unknown."""
    client = await starting(temporal)
    with _known(id_), books.transaction(actor(person)) as work:
        work.webhooks.enable(id_)
    await start(client, id_)


async def start_all(books: "Books", client: "Client") -> None:
    """Starts the senders of all webhooks: after a restore, or where whoever added one died, there may be none."""
    with books.reading() as work:
        there = [row.id for row in work.webhooks.listing() if row.disabled_at is None]
    for each in there:
        await start(client, each)


async def start(client: "Client", id_: str) -> None:
    """Starts a webhook's sender, unless it runs already. Raises Refused where Temporal refuses."""
    from temporalio.common import WorkflowIDConflictPolicy
    from temporalio.service import RPCError

    from workflows.contract import WEBHOOK_QUEUE, sender_workflow_id

    try:
        await client.start_workflow(
            "SendEvents",
            {"webhook_id": id_},
            id=sender_workflow_id(id_),
            task_queue=WEBHOOK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"sends events to webhook {id_}",
        )
    except RPCError as flaw:
        raise Refused(f"nothing is sent to webhook {id_}: {flaw.message}. Try again.") from flaw


@contextmanager
def _known(id_: str) -> Iterator[None]:
    """Within it a webhook that is not there raises Unknown."""
    from storage.people.webhooks import UnknownWebhook

    try:
        yield
    except UnknownWebhook as flaw:
        raise Unknown(f"There is no webhook {id_}.") from flaw
