"""Ports on the loopback address; nothing of a stack is reachable from elsewhere."""

from __future__ import annotations

import socket
import time

from devstack.errors import StackError

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A TCP port on the loopback address that nothing uses now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def port_in_use(port: int) -> bool:
    """Whether something else already listens on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError:
            raise StackError(f"Port {port} is not ours to use. Next: choose one above 1023.") from None
        except OSError:
            return True
    return False


def claim(port: int) -> int:
    """This port, or for 0 any free one; StackError if another program has it."""
    if port == 0:
        return free_port()
    deadline = time.monotonic() + 2.0  # what was killed a moment ago lets go of it soon
    while port_in_use(port):
        if time.monotonic() > deadline:
            raise StackError(
                f"Port {port} is used by another program. Next: stop that program, or choose another port."
            )
        time.sleep(0.05)
    return port
