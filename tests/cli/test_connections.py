"""Ctrl-C reaches a command also where what it waits for swallows the cancellation that asyncio makes of it."""

import subprocess
import sys

INTERRUPTED = """
import asyncio, os, signal
from cli import connections

async def swallows() -> None:
    try:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(1)
    except BaseException:
        pass

try:
    connections.run(swallows())
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_is_not_lost() -> None:
    said = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout == "interrupted\n"
