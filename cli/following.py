"""Following a request to its end: a bar on a terminal, else a line for every change. To stop looking stops nothing."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from cli import connections, say
from reading.work.following import Standing, must_run, standing

if TYPE_CHECKING:
    from domain.values.outcome import Status
    from storage.connection import Books

EVERY = 0.5  # seconds between looks
NARROW = 60  # columns: with fewer, there is room for words alone
ALIVE_EVERY = 5.0  # seconds between looks whether the request's workflow still runs


class _Screen(Protocol):
    def show(self, found: Standing) -> None:
        """How far it is, and the counts in words."""

    def say(self, line: str) -> None:
        """A line of its own, whatever else is on the screen."""


def follow(books: "Books", request_id: str) -> "Status":
    """The status in which the request ends. Refused where its workflow is gone without one."""
    asked, hinted = 0.0, False
    with _screen() as screen:
        while True:
            began = time.monotonic()
            found = standing(books, request_id)
            if found is not None:
                screen.show(found)
                if found.status:
                    return found.status
                if not hinted and found.only_waits:
                    hinted = True
                    screen.say(f"next: rebalancer approve {request_id} --by WHO (or cancel)")
            if began - asked > ALIVE_EVERY:
                asked = began
                connections.run(must_run(connections.temporal, request_id, known=found is not None))
            time.sleep(max(EVERY, 4 * (time.monotonic() - began)))


@contextmanager
def _screen() -> Iterator[_Screen]:
    """A live bar where a person looks at a terminal, else plain lines; both on standard error."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    console = Console(stderr=True, markup=False, highlight=False)
    told = TextColumn("{task.description}", markup=False, table_column=Column(overflow="fold"))
    drawn = () if console.width < NARROW else (BarColumn(min(30, console.width // 4)), TimeElapsedColumn())
    with Progress(*drawn, MofNCompleteColumn(), told, console=console) as progress:
        yield _Bar(progress)


class _Lines:
    """A line whenever something changed, at most one every two seconds."""

    def __init__(self) -> None:
        self.said, self.at = "", 0.0

    def show(self, found: Standing) -> None:
        now = time.monotonic()
        line = f"{found.ended} of {found.accounts} ended: {found.told}"
        if line != self.said and (now - self.at >= 2 or found.ended == found.accounts):
            self.said, self.at = line, now
            say.message(line)

    def say(self, line: str) -> None:
        say.message(line)


class _Bar:
    """A bar in place, once there is something to tell; what is said stands above it."""

    def __init__(self, progress: Any) -> None:
        self.progress = progress
        self.task = progress.add_task("", total=None, visible=False)

    def show(self, found: Standing) -> None:
        shown = {"total": found.accounts, "completed": found.ended, "description": found.told}
        self.progress.update(self.task, **shown, visible=True, refresh=True)

    def say(self, line: str) -> None:
        self.progress.console.print(line, soft_wrap=True)
