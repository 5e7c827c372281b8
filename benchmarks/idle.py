"""A workflow whose activities do nothing: what Temporal and the SDK cost alone.

`python -m benchmarks.idle` is its worker.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.worker import Worker

IDLE_QUEUE = "idle"


@activity.defn
def nothing(_: str) -> str:
    """Does nothing."""
    return ""


@workflow.defn
class Idle:
    """So many activities, one after another."""

    @workflow.run
    async def run(self, steps: int) -> None:
        """Runs them."""
        for _ in range(steps):
            await workflow.execute_activity(nothing, "", start_to_close_timeout=timedelta(seconds=10))


async def main() -> None:
    """Works until it is ended, with as many threads as our own worker."""
    from worker import THREADS
    from workflows.connection import connect

    async with Worker(
        await connect(),
        task_queue=IDLE_QUEUE,
        workflows=[Idle],
        activities=[nothing],
        activity_executor=ThreadPoolExecutor(THREADS),
        max_concurrent_activities=THREADS,
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
