"""Whole rebalances with blocks, while scenarios change, fills are busted, accounts leave, people cancel, desks stop,
sending is halted, workflows are ended, and days go by: proved by arithmetic that shares nothing with the desk.

`WHOLE_SEEDS=6 make trials ARGS='-n 0 tests/whole'` tells more stories, and counts whether everything was seen.
"""

import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from storage.connection import Books
from tests.venues.fix.conftest import World
from tests.whole.paper import PaperMarket
from tests.whole.proof import proved
from tests.whole.story import Story
from tests.whole.wire import Wire
from venues.fix.sessions import SESSIONS

SEEDS = range(1, 1 + int(os.environ.get("WHOLE_SEEDS", "2")))  # a story takes half a minute
SEEN: Counter[str] = Counter()


@pytest.fixture
async def quiet(client: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setattr("workflows.venue_desk.SELDOM", timedelta(seconds=10))  # what takes a quarter of an hour
    yield client
    async for left in client.list_workflows("ExecutionStatus = 'Running'"):
        try:
            await client.get_workflow_handle(left.id).terminate()
        except RPCError:  # the listing lags: it may have ended by itself
            continue


async def told(client: Client, books: Books, market: PaperMarket | Wire, seed: int, how: str) -> None:
    """One story with its proof: what every story has to have seen, and what all of them did together."""
    story = Story(client, books, market, seed)
    await story.told()
    proved(story, market.filled(story), market.charged(story), market.ordered(story), market.name_of)
    assert story.seen["days proved"] and story.seen["full"] + story.seen["filled in part"], story.seen
    SEEN.update(story.seen)
    sys.stdout.write(f"\n{how}seed {seed}: {dict(story.seen)}\n")


@pytest.mark.trial
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", SEEDS)
async def test_at_the_paper_venue(quiet: Client, books: Books, seed: int) -> None:
    await told(quiet, books, PaperMarket(), seed, "")


@pytest.mark.trial
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", SEEDS)
async def test_through_fix(
    quiet: Client, books: Books, world: World, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setenv(SESSIONS, str(world.folder))
    await told(quiet, books, Wire(world, confirms=seed % 2 == 0), seed, "by FIX, ")


@pytest.mark.trial
@pytest.mark.skipif("PYTEST_XDIST_WORKER" in os.environ, reason="several processes tell the stories: count with -n 0")
@pytest.mark.skipif(len(SEEDS) < 6, reason="too few stories to have seen everything")
def test_everything_was_seen() -> None:
    """What stories are told for, and how often it has to have come."""
    least = {"cancel": 3, "leave": 2, "bust": 2, "terminate": 2, "halt": 2, "stop": 1, "depart": 1, "move": 2,
             "requests": 2, "in lots": 2, "another day": 6, "filled in part": 4, "refused parts": 1, "segments": 2,
             "charged": 20, "full": 20, "days proved": 40, "tails": 20, "wire: fill": 4,
             "wire: change": 2, "wire: kill": 1}  # fmt: skip
    assert {each: SEEN[each] for each, times in least.items() if SEEN[each] < times} == {}
