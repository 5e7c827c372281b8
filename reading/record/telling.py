"""The whole story of one rebalance; its history is of the archive, or of the Temporal server until it is there."""

import contextlib
from typing import TYPE_CHECKING, Any, Literal

from reading.actions import do
from reading.record.recompute import no_rebalance
from reading.refused import Conflict, Refused, Unknown
from reading.temporal import Connect

if TYPE_CHECKING:
    from reading.record.story import Story
    from storage.connection import Books

SHOWN = 5  # rebalances of a request that are named
Witness = Literal["archived", "of the Temporal server"]


async def story(books: "Books", temporal: Connect, rebalance_id: str) -> "tuple[Story, Witness | None]":
    """The story, and where its second witness is from. Raises Unknown, and Conflict where a history is damaged."""
    from reading.record.story import archived, story_of
    from storage.record.histories import HistoryDamaged
    from storage.work.rebalances import UnknownRebalance

    try:
        with books.transaction() as read:
            row = read.rebalances.get(rebalance_id)
            kept = archived(read, row)
        live = {} if kept else await _live(temporal, row)
        with books.transaction() as read:
            told = story_of(read, rebalance_id, live)
    except UnknownRebalance as flaw:
        raise _no_rebalance(books, rebalance_id) from flaw
    except HistoryDamaged as flaw:
        raise Conflict(f"{flaw}. ", do("audit verify", told="Keep the database as it is: {}")) from flaw
    return told, "archived" if kept else "of the Temporal server" if live else None


def _no_rebalance(books: "Books", id_: str) -> Unknown:
    """What an id is that is no rebalance's."""
    with books.transaction() as read:
        of_request = [row.id for row in read.rebalances.listing(request_id=id_, limit=SHOWN + 1)]
    if of_request:
        more = " and more" if len(of_request) > SHOWN else ""
        return Unknown(f"{id_} is a request: ask for one of its rebalances, {', '.join(of_request[:SHOWN])}{more}")
    return no_rebalance(id_)


async def _live(temporal: Connect, row: Any) -> dict[str, str]:
    """The history of a workflow that is not archived yet; none where Temporal or the workflow is away."""
    from temporalio.service import RPCError

    from payloads.errors import CannotDecode
    from payloads.messages import readable

    with contextlib.suppress(Refused, RPCError, TimeoutError, CannotDecode):
        client = await temporal()
        run_id = row.start_key.rpartition("#")[2]
        history = await client.get_workflow_handle(row.workflow_id, run_id=run_id).fetch_history()
        for event in history.events:
            readable(client, event)
        return {run_id: history.to_json()}
    return {}
