"""The console's port: every page is sent at once, and not held back until its beginning is acknowledged."""

import asyncio
import socket

from web.__main__ import _door
from web.settings import Settings


async def test_what_there_is_to_send_is_sent_at_once() -> None:
    door = _door(Settings(port=0))
    assert door is not None
    said = asyncio.get_running_loop().create_future()

    def come(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken = writer.get_extra_info("socket")
        said.set_result(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(come, sock=door):
        _, writer = await asyncio.open_connection(*door.getsockname()[:2])
        assert await said
        writer.close()
