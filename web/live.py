"""Live pages: a stream says that something changed, never what; the page then fetches its own fragment again.

One poller a process looks at the audit record, whatever the number of streams. No LISTEN and NOTIFY: that takes a lock
of the whole database at each commit.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from reading.record.events import Changed

EVERY = 0.4  # seconds between two looks at the record
REST = 1.0  # seconds at least between two words to one stream
BREATH = 15.0  # seconds after which a silent stream says that it is there
LONGEST = 600.0  # seconds of a stream; the browser comes again, and is asked again who it is
CHANGED = b"event: changed\ndata: \n\n"
ALIVE = b": \n\n"

Look = Callable[[], Changed]


class Stream:
    """One page that watches: an account, a rebalance, or everything."""

    def __init__(self, account: str | None, rebalance: str | None) -> None:
        self.account = account
        self.rebalance = rebalance
        self.changed = asyncio.Event()

    def concerns(self, changed: Changed) -> bool:
        """Whether the page may show something else now."""
        if changed.everything or not (self.account or self.rebalance):
            return True
        return self.account in changed.accounts or self.rebalance in changed.rebalances


class Live:
    """The streams of this process, and the one that looks for all of them."""

    def __init__(self, look: Look, beside: Callable[[], Awaitable[object]] | None = None) -> None:
        """`look` is asked on a thread; where what `beside` gives changes (whether workers poll), everybody is told."""
        self._look = look
        self._beside = beside
        self._streams: set[Stream] = set()
        self._over = asyncio.Event()

    @property
    def watching(self) -> int:
        """How many streams there are."""
        return len(self._streams)

    @property
    def closed(self) -> bool:
        """Whether the server ends."""
        return self._over.is_set()

    async def poll(self) -> None:
        """Looks until it is cancelled. A database that is away is looked for again."""
        while True:
            try:
                changed = await asyncio.to_thread(self._look)
                if changed:
                    self.tell(changed)
            except Exception as flaw:
                logging.getLogger("console").warning("can't look at the record: %s", type(flaw).__name__)
                await asyncio.sleep(2)
            await asyncio.sleep(EVERY)

    async def poll_beside(self, every: float = 5.0) -> None:
        """Looks at what no record tells, and tells everybody where that changed."""
        before: object = None
        while self._beside is not None:
            with contextlib.suppress(Exception):
                now = await self._beside()
                if before is not None and now != before:
                    self.tell(Changed(frozenset(), frozenset(), everything=True))
                before = now
            await asyncio.sleep(every)

    def tell(self, changed: Changed) -> None:
        """Wakes the streams that it concerns."""
        for each in self._streams:
            if each.concerns(changed):
                each.changed.set()

    def close(self) -> None:
        """Ends every stream."""
        self._over.set()
        self.tell(Changed(frozenset(), frozenset(), everything=True))

    async def stream(self, account: str | None = None, rebalance: str | None = None) -> AsyncIterator[bytes]:
        """What one page hears: `changed`, at most once a second, and that the line is open."""
        mine = Stream(account, rebalance)
        self._streams.add(mine)
        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST
        try:
            yield b"retry: 2000\n\n"
            while loop.time() < until and not self._over.is_set():
                try:
                    await asyncio.wait_for(mine.changed.wait(), BREATH)
                except TimeoutError:
                    yield ALIVE
                    continue
                mine.changed.clear()
                if not self._over.is_set():
                    yield CHANGED
                    await asyncio.sleep(REST)
        finally:
            self._streams.discard(mine)
