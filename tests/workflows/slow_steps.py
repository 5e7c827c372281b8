"""A worker on which one step takes long enough for something to happen meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from temporalio import activity

from policy.clock import Clock
from tests.workflows.desk import TestDesk
from worker import make_worker

TAKES = 1.5  # seconds


@dataclass(frozen=True, slots=True)
class SlowToTell(Clock):
    """The clock, which takes its time where somebody wants it to."""

    asked: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        """The moment, in UTC."""
        self.asked()
        return Clock.now(self)


@asynccontextmanager
async def slow(desk: TestDesk, step: str) -> AsyncIterator[asyncio.Event]:
    """A worker at work; the event is set while the step of that name, the first time, is inside its transaction."""
    loop, inside, seen = asyncio.get_running_loop(), asyncio.Event(), []

    def asked() -> None:
        if activity.in_activity() and activity.info().activity_type == step and not seen:
            seen.append(step)
            loop.call_soon_threadsafe(inside.set)
            time.sleep(TAKES)

    async with make_worker(desk.client, replace(desk.desk, clock=SlowToTell(desk.clock.ahead, asked))):
        yield inside
