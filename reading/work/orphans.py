"""Rebalances under way whose workflow has ended or is unknown: after something broke."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from reading.refused import Refused
from reading.temporal import Connect
from reading.words import utc

if TYPE_CHECKING:
    from storage.connection import Books

AT_ONCE = 20  # workflows that are asked after at the same time
Json = dict[str, Any]
T = TypeVar("T")


async def orphans(books: "Books", temporal: Connect) -> list[Json]:
    """All of them, oldest first; what became of each is not known yet."""
    from activities.orphans import is_over

    with books.transaction() as read:
        rows = read.rebalances.all_under_way()
    client, gate = await temporal(), asyncio.Semaphore(AT_ONCE)

    async def gone(row: Any) -> bool:
        async with gate:
            return await is_over(client, row.start_key)

    over = await answered(gone(row) for row in rows)
    return [
        {
            "rebalance_id": row.id,
            "account_id": row.account_id,
            "stage": row.stage,
            "workflow_id": row.workflow_id,
            "started_at": utc(row.started_at),
            "outcome": None,
        }
        for row, it_is in zip(rows, over, strict=True)
        if it_is
    ]


async def answered(asked: Iterable[Awaitable[T]]) -> list[T]:
    """All at once. Refused where Temporal does not answer."""
    from temporalio.service import RPCError

    try:
        return await asyncio.gather(*asked)
    except RPCError as flaw:
        raise Refused(f"Temporal does not answer ({flaw.message}): see `rebalancer status`") from flaw
