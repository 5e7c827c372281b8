"""The pulse of a run: when something was done last, and in how much of the time anything was.

A machine that others use too starts a worker in ten seconds instead of two, and a worker that is killed every few
seconds then does nothing. So faults wait until what the last one broke is at work again, and what a run has to have
seen is counted by the minute in which it worked.
"""

import contextlib
import threading
import time
from collections.abc import Callable

import psycopg

WINDOW = 5.0  # seconds; one in which a step of a workflow was recorded is one of work
LOOK = 0.5
RECORDED = "SELECT coalesce(max(id), 0) FROM audit_records WHERE activity IS NOT NULL"
SHARE = 1 / 30  # of a run's seconds
SURVIVED = 10.0  # seconds after which the next fault comes though nothing was done since the last


class Pulse:
    """Looks at the audit record, in a thread of its own, until it is stopped."""

    def __init__(self, connect: Callable[[], psycopg.Connection]) -> None:
        self._connect = connect
        self._stop = threading.Event()
        self._beats: set[int] = set()
        self._began = self._beat = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self._thread.start()

    @property
    def seconds_of_work(self) -> float:
        """How long anything was done, in windows."""
        return len(self._beats) * WINDOW

    def survived(self, since: float, of: float) -> None:
        """Waits until something was done since a moment, not for ever: less in a run of fewer seconds."""
        until = time.monotonic() + min(SURVIVED, SHARE * of)
        while self._beat <= since and time.monotonic() < until:
            time.sleep(LOOK / 2)

    def stop(self) -> None:
        """No more is looked."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        newest = 0
        while not self._stop.wait(LOOK):
            with contextlib.suppress(psycopg.Error, OSError), self._connect() as connection:  # OSError: a lost disk
                while not self._stop.wait(LOOK):
                    found = connection.execute(RECORDED).fetchone()
                    if found and found[0] != newest:  # less after a restore
                        newest, self._beat = found[0], time.monotonic()
                        self._beats.add(int((self._beat - self._began) / WINDOW))
