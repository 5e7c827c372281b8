"""What many pages show and costs more than all else of them, asked once for all who ask.

How many are queued for which reason: counted once, until something is recorded.

Counting a hundred thousand costs more than all else of a page, and each who watches asks again after each change. What
changes the queue is recorded, and the console's poller sees that at most `EVERY` later (`web.live`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from reading.work import queue

if TYPE_CHECKING:
    from reading.health.checks import Check
    from storage.connection import Transaction

LOOKED = 2.0  # seconds since the poller's last look after which nothing is taken from memory
Counts = Mapping[str | None, int]


class Tiles:
    """The counts of one console. Threads may ask at once: what they keep is one value, replaced whole."""

    def __init__(self) -> None:
        self._version = 0
        self._looked: float | None = None
        self._kept: tuple[int, Counts] | None = None

    def looked(self, changed: bool) -> None:
        """The poller looked at the record, and found something new or nothing."""
        self._looked = time.monotonic()
        if changed:
            self.forget()

    def forget(self) -> None:
        """Something was done here: whoever did it is shown what came of it."""
        self._version += 1

    @property
    def version(self) -> int | None:
        """Of what is recorded, to be asked for before a transaction begins; None where nobody looks at the record."""
        if self._looked is None or time.monotonic() - self._looked > LOOKED:
            return None
        return self._version

    def counts(self, books: "Transaction", version: int | None, prefix: str = "") -> Counts:
        """By reason, and under None all of them; of accounts whose id begins with `prefix` counted each time."""
        kept = self._kept
        if not prefix and kept is not None and kept[0] == version:
            return kept[1]
        counts = queue.counts(books, prefix)
        if not prefix and version is not None:
            self._kept = version, counts
        return counts


FRESH = 5.0  # seconds for which the checks of `status` are good enough for the first page


class Checked:
    """The checks of `status`, as they were within the last seconds. What is kept is one value, replaced whole."""

    def __init__(self) -> None:
        self._kept: tuple[float, Sequence[Check]] | None = None

    def lately(self, ask: "Callable[[], Sequence[Check]]") -> "Sequence[Check]":
        """The checks, asked anew where they are older."""
        kept = self._kept
        if kept is not None and time.monotonic() - kept[0] <= FRESH:
            return kept[1]
        found = ask()
        self._kept = time.monotonic(), found
        return found
