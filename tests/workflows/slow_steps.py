"""A worker on which one step takes long enough for something to happen meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from temporalio import activity

from tests.workflows.desk import TestDesk
from worker import make_worker

TAKES = 1.5  # seconds


@asynccontextmanager
async def slow(desk: TestDesk, step: str) -> AsyncIterator[asyncio.Event]:
    """A worker at work; the event is set while the step of that name, the first time, is inside its transaction."""
    loop, inside, seen = asyncio.get_running_loop(), asyncio.Event(), []
    ordinary = desk.desk

    def now() -> datetime:
        if activity.in_activity() and activity.info().activity_type == step and not seen:
            seen.append(step)
            loop.call_soon_threadsafe(inside.set)
            time.sleep(TAKES)
        return ordinary.now()

    async with make_worker(desk.client, replace(ordinary, now=now)):
        yield inside
