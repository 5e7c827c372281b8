"""A person's request goes before the schedule's, where both wait for a worker: on the server as everybody starts it."""

from temporalio.client import Client

from storage.connection import Books
from tests.workflows import requests_desk as requests
from tests.workflows.desk import TestDesk, drifted
from worker import make_worker


async def test_a_persons_accounts_are_rebalanced_before_the_schedules(client: Client, books: Books) -> None:
    """
    scheduled  10 accounts, asked for first; all of them wait for a worker
    person     2 accounts, asked for afterwards
    then       one activity at a time: the person's end with the first of the schedule's at most before them
    """
    desk = TestDesk(client, books)
    scheduled = [f"S-{number}" for number in range(10)]
    desk.load(*map(drifted, [*scheduled, "P-1", "P-2"]))
    async with make_worker(client, desk.desk, threads=1):
        slow = await requests.start(
            desk, *scheduled, request_id="Q-night", requested_by="nightly", approval="automatic", priority="schedule"
        )
        await requests.until(slow, lambda told: told["counts"].get("CHECKING") == 10)
        fast = await requests.start(desk, "P-1", "P-2", request_id="Q-person", approval="automatic")
        for handle in (fast, slow):
            assert (await requests.result(handle))["status"] == "COMPLETE"
    assert {"P-1", "P-2"} <= set(_by_end(desk)[:4])  # two tasks of the schedule's may have been handed out already


def _by_end(desk: TestDesk) -> list[str]:
    """The accounts in the order in which their rebalances ended."""
    with desk.books.transaction() as books:
        rows = books.rebalances.listing(limit=None)
    return [row.account_id for row in sorted(rows, key=lambda row: row.ended_at)]
