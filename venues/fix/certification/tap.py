"""A tap in the wire: everything that passes is read, and a message can be swallowed, or the wire cut."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

from venues.fix.wire import Fields

MESSAGE = re.compile(rb"8=FIX.*?\x0110=\d{3}\x01", re.DOTALL)
T = TypeVar("T")
Whose = Literal["ours", "theirs"]


@dataclass(frozen=True, slots=True)
class Passed:
    """A message that came by, or was swallowed."""

    whose: Whose
    kind: str
    fields: Fields
    swallowed: bool


class Tap:
    """Listens on a free port of this machine, and relays to the broker."""

    def __init__(self, host: str, port: int) -> None:
        self.broker = (host, port)
        self.passed: list[Passed] = []
        self._muted: dict[tuple[Whose, str], int | None] = {}
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where the gateway connects to."""
        return int(self._listening.getsockname()[1])

    def swallow(self, whose: Whose, kind: str, times: int | None = 1) -> None:
        """Keeps back the next messages of a type; None: until `let` is called."""
        with self._lock:
            self._muted[whose, kind] = times

    def let(self) -> None:
        """Lets everything through again."""
        with self._lock:
            self._muted.clear()

    def cut(self) -> None:
        """Breaks the connection off, without a Logout."""
        with self._lock:
            ending, self._sockets = self._sockets, []
        for each in ending:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends everything."""
        self._listening.close()
        self.cut()

    def since(self, mark: int, whose: Whose, kind: str, *, swallowed: bool = False) -> Iterator[Fields]:
        """The messages of a type since a mark (`len(passed)` then)."""
        for each in self.passed[mark:]:
            if (each.whose, each.kind, each.swallowed) == (whose, kind, swallowed):
                yield each.fields

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                try:
                    far = socket.create_connection(self.broker, 5)
                except OSError:
                    near.close()
                    continue
                far.settimeout(None)
                with self._lock:
                    self._sockets += [near, far]
                threading.Thread(target=self._relay, args=(near, far, "ours"), daemon=True).start()
                threading.Thread(target=self._relay, args=(far, near, "theirs"), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, whose: Whose) -> None:
        held = b""
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                held += data
                end = 0
                for found in MESSAGE.finditer(held):
                    end = found.end()
                    if not self._seen(whose, found.group()):
                        target.sendall(found.group())
                held = held[end:]
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _seen(self, whose: Whose, raw: bytes) -> bool:
        """Notes a message; True where it is to be swallowed."""
        fields = Fields.of(raw.decode("latin-1"))
        kind = fields.get(35) or ""
        with self._lock:
            left = self._muted.get((whose, kind), 0)
            if left:
                self._muted[whose, kind] = left - 1
            swallowed = left is None or left > 0
            self.passed.append(Passed(whose, kind, fields, swallowed))
        return swallowed


def until(found: Callable[[], T], seconds: float) -> T | None:
    """What is found, once something is; None after so many seconds."""
    give_up = time.monotonic() + seconds
    while not (got := found()):
        if time.monotonic() > give_up:
            return None
        time.sleep(0.05)
    return got
