"""What every page has at hand: the books, the way to Temporal, the clock, and who is signed in."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from policy.clock import Clock, the_clock
from storage.connection import Books
from web.refusals import Refusal
from web.session import Asserted, Sessions
from web.settings import Settings
from web.tiles import Checked, Tiles

if TYPE_CHECKING:
    from joserfc.jwk import OKPKey
    from temporalio.client import Client

    from web.live import Live
    from web.oidc import Provider

T = TypeVar("T")
PATIENCE = timedelta(seconds=30)


class Temporal:
    """Temporal's client, made once on the server's loop; pages are answered on threads, and ask it from there."""

    def __init__(self, connect: Callable[[], Awaitable["Client"]]) -> None:
        self._connect = connect
        self._client: Client | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    async def client(self) -> "Client":
        """The client. Raises Refusal where Temporal does not answer."""
        if self._client is None:
            try:
                self._client = await asyncio.wait_for(self._connect(), 10)
            except (RuntimeError, OSError, TimeoutError) as flaw:
                why = "It is known what was decided; nothing new can be started or decided until it answers."
                raise Refusal(503, "Temporal does not answer", why, (("/status", "See what works"),)) from flaw
        return self._client

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """From a page's thread: what a question of `reading` answers."""
        assert self.loop is not None, "the server has not begun"
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE.total_seconds())

    def ask(self, what: Callable[["Client"], Awaitable[T]]) -> T:
        """From a page's thread: what somebody asks of Temporal, and its answer."""

        async def asked() -> T:
            return await what(await self.client())

        return self.run(asked())


@dataclass
class Console:
    """One console: what its pages are made of."""

    books: Books
    temporal: Temporal
    settings: Settings = field(default_factory=Settings)
    clock: Clock = field(default_factory=the_clock)
    sessions: Sessions = field(default_factory=Asserted)
    live: "Live | None" = None
    tiles: Tiles = field(default_factory=Tiles)
    checked: Checked = field(default_factory=Checked)
    key: "OKPKey | None" = None  # signs what people decide, where `identity` is `signed`
    oidc: "Provider | None" = None  # who vouches for people beside this console
