"""The whole embedded stack: PostgreSQL, migrations, Temporal, the schedule, workers; all of it in one folder.

    .rebalancer/postgres      the database
    .rebalancer/temporal.db   the workflow histories
    .rebalancer/logs          what each process printed
    .rebalancer/stack.json    where everything is, for the command line (while it runs; readable by its user alone)

Several stacks run side by side if each has a folder and ports of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from devstack import connection as connections
from devstack.application import REBALANCER, Application
from devstack.connection import Process, StackConnection, connection, home_folder
from devstack.errors import StackError
from devstack.orphans import birth, end_orphan
from devstack.ports import port_in_use
from devstack.postgres import Postgres
from devstack.processes import Child, await_ready, undisturbed
from devstack.temporal import NAMESPACE, TemporalServer
from devstack.temporal import clean_env as without_other_clusters
from devstack.workers import Workers
from policy.clock import the_clock

__all__ = ["AlreadyRunning", "Stack", "StackConnection", "connection"]

TEMPORAL_PORT, UI_PORT, CONSOLE_PORT = 7233, 8233, 8234
LOOK_EVERY = 0.5  # seconds between looks at the children
CONSOLE_TIMEOUT = 30.0  # seconds from its start to its first answer
WORKER_TIMEOUT = 60.0  # seconds from a worker's start to its first poll


class AlreadyRunning(StackError):
    """There is a stack in this folder already, and this is where."""

    def __init__(self, running: StackConnection) -> None:
        super().__init__(f"A stack already runs in {running.home} (pid {running.pid}).")
        self.running = running


def say_on_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Stack:
    """Use as a context manager, or `start` and `stop`; `watch` in between keeps it whole.

    Ports given as 0 are chosen free; `ui_port=None` runs without the UI. `say` gets a line at each step.
    Not to be started inside a running event loop.
    """

    def __init__(
        self,
        home: Path | None = None,
        *,
        temporal_port: int = TEMPORAL_PORT,
        ui_port: int | None = UI_PORT,
        console_port: int | None = None,
        workers: int = 1,
        application: Application = REBALANCER,
        say: Callable[[str], None] = say_on_stderr,
    ) -> None:
        self.home = home_folder(home)
        self.logs = self.home / "logs"
        self.postgres = Postgres(self.home / "postgres", log_file=self.logs / "postgres.log")
        self.temporal = TemporalServer(
            self.home / "temporal.db", temporal_port, ui_port, log_file=self.logs / "temporal.log"
        )
        self.workers: Workers | None = None
        self.console: Workers | None = None
        self.console_port = console_port
        self._worker_count = workers
        self._application = application
        self._say = say
        self._started_at = ""
        self._undo = contextlib.ExitStack()

    @property
    def database_url(self) -> str:
        """For SQLAlchemy, as workers and commands log in. Carries the password."""
        return self.postgres.application_url

    @property
    def connection(self) -> StackConnection:
        """Where everything is, as others read it."""
        return StackConnection(
            home=self.home,
            pid=os.getpid(),
            born=birth(os.getpid()) or "",
            database_url=self.database_url,
            temporal_address=self.temporal.address,
            ui_url=self.temporal.ui_url,
            console_url=self.console_url,
            started_at=self._started_at,
            processes=tuple(Process(child.name, child.pid, birth(child.pid) or "") for child in self._children()),
            alive=True,
        )

    def start(self) -> Self:
        """Start everything in its order, or nothing: what had started is stopped if the rest can't."""
        try:
            self._lock()
            self._end_orphans()
            self._check_ports()
            self._undo.callback(self.postgres.stop)
            self._say("starting PostgreSQL")
            self.postgres.start()
            self._step("bringing the database up to date", lambda: self._application.migrate(self.postgres.url))
            self._undo.callback(self.temporal.stop)
            self._say("starting Temporal")
            self.temporal.start()
            self._start_workers()  # they take seconds to take up work; meanwhile:
            self._step("checking the schedule", lambda: self._application.ensure_schedule(self.temporal.address))
            self._await_workers()
            self._start_console()
            self._started_at = the_clock().now().isoformat(timespec="seconds").replace("+00:00", "Z")
            self._undo.callback(connections.remove, self.home)
            connections.write(self.connection)
        except BaseException:
            self.stop()
            raise
        return self

    def watch(self) -> None:
        """Return never: replace workers that die; StackError when a server does."""
        while True:
            self.look_after()
            time.sleep(LOOK_EVERY)

    def look_after(self) -> None:
        """One look at all children."""
        for child in (self.postgres.child, self.temporal.child):
            if child is not None and not child.running:
                raise StackError(f"{child.name} (pid {child.pid}) {child.ending}. Its last words:{child.last_words()}")
        replaced = [each.replace_dead() for each in (self.workers, self.console) if each is not None]
        if any(replaced):
            connections.write(self.connection)

    def stop(self) -> None:
        """Stop everything, last started first. The data stays."""
        with undisturbed():
            self._undo.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _children(self) -> list[Child]:
        servers = [child for child in (self.postgres.child, self.temporal.child) if child is not None]
        return servers + [child for each in (self.workers, self.console) if each for child in each.children]

    def _lock(self) -> None:
        """One stack a folder. The lock goes with our process, however that ends."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.home.stat().st_uid == os.geteuid():
            self.home.chmod(0o700)  # clients' data and passwords, in one that an earlier release made too
        lock: IO[str] = self._undo.enter_context((self.home / "lock").open("a"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            running = connection(self.home)
            if running is not None and running.alive:
                raise AlreadyRunning(running) from None
            raise StackError(
                f"A stack is just starting or stopping in {self.home}. Next: try again in a moment."
            ) from None

    def _end_orphans(self) -> None:
        """What an earlier stack left running, if it was killed before it could stop it. Nothing else is touched."""
        left = connection(self.home)
        if left is None:
            return
        ended = [process.name for process in reversed(left.processes) if end_orphan(process.pid, process.born)]
        self._say(
            f"the stack of {left.started_at} in {self.home} ended without stopping; its data is kept"
            + (f", still running and now stopped: {', '.join(ended)}" if ended else "")
        )
        connections.remove(self.home)

    def _check_ports(self) -> None:
        """Before anything is started: the ports that people know by heart."""
        for what, port, variable in (
            ("Temporal", self.temporal.port, "TEMPORAL_PORT"),
            ("Temporal's UI", self.temporal.ui_port, "TEMPORAL_UI_PORT"),
            ("the console", self.console_port, "REBALANCER_CONSOLE_PORT"),
        ):
            if port and port_in_use(port):
                raise StackError(
                    f"Port {port}, meant for {what}, is used by another program. "
                    f"Next: stop that program, or choose another port: {variable}={port + 100} make up"
                )

    @property
    def console_url(self) -> str | None:
        """Where the console is, if there is one."""
        return f"http://localhost:{self.console_port}" if self.console else None

    def _environment(self) -> dict[str, str]:
        return without_other_clusters() | {
            "REBALANCER_DATABASE_URL": self.database_url,
            "TEMPORAL_ADDRESS": self.temporal.address,
            "TEMPORAL_NAMESPACE": NAMESPACE,
            "PYTHONUNBUFFERED": "1",
        }

    def _start_console(self) -> None:
        """The pages, where the application has any and somebody asked for them."""
        command = self._application.console
        if command is None or self.console_port is None:
            return
        env = self._environment() | {"REBALANCER_CONSOLE_PORT": str(self.console_port)}
        env |= {"TEMPORAL_UI_URL": self.temporal.ui_url} if self.temporal.ui_url else {}
        env.setdefault("REBALANCER_SIGNING_KEY", str(self.home / "signing-key.json"))
        self.console = Workers(command, env, self.logs, 1, self._say, called="console")
        self._undo.callback(self.console.stop)
        self._say("starting the console")
        self.console.start()
        await_ready(self.console.children[0], lambda: port_in_use(self.console_port or 0), CONSOLE_TIMEOUT, every=0.2)

    def _start_workers(self) -> None:
        env = {**self._environment(), **self._application.environment}
        self.workers = Workers(self._application.worker, env, self.logs, self._worker_count, self._say)
        self._undo.callback(self.workers.stop)
        self._say(f"starting {self._worker_count} worker{'s' if self._worker_count != 1 else ''}")
        self.workers.start()

    def _await_workers(self) -> None:
        """Until one of them polls the task queue."""
        queue = self._application.task_queue
        if queue is not None and self.workers is not None and self.workers.children:
            version, deploy = self._application.version, self._application.deploy
            first = self.workers.children[0]
            await_ready(first, lambda: bool(self.temporal.pollers(queue, version)), WORKER_TIMEOUT, every=0.3)
            if deploy is not None:
                self._step("letting its version take new work", lambda: deploy(self.temporal.address))

    def _step(self, what: str, do: Callable[[], None]) -> None:
        """Run a piece of the application; its fault becomes one line here and a traceback in the log."""
        self._say(what)
        try:
            do()
        except StackError:
            raise
        except Exception as error:
            log = self.logs / "stack.log"
            with log.open("a") as file:
                traceback.print_exc(file=file)
            reason = str(error).strip().splitlines()
            raise StackError(
                f"{what} failed: {type(error).__name__}: {(reason or [''])[0]}\nAll of it: {log}"
            ) from error
