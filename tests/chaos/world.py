"""The stack under chaos: PostgreSQL, Temporal, workers; each may be killed and comes back on its data."""

import contextlib
import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import LiteralString, Self

import psycopg
from sqlalchemy import make_url

from devstack.errors import StackError
from devstack.postgres import Postgres
from devstack.processes import Child, finish, spawn
from devstack.temporal import TemporalServer, binary, clean_env
from policy.clock import AHEAD, the_clock
from storage import migrations
from storage.connection import Books
from storage.engine import connect
from tests.chaos.attempts import Attempts
from tests.chaos.book import account_id
from tests.chaos.faults import Fault
from tests.chaos.restoring import Restorer
from tests.chaos.session import Session

PROJECT = Path(__file__).resolve().parents[2]
JUMP = 120  # seconds: twice as long may what one worker sent be early for another, and the end has to wait for it
WAITS = 6.0  # seconds for a plan that waits for its approval
FOREIGN: LiteralString = (
    "INSERT INTO paper.orders (client_order_id, account_id, side, symbol, quantity, price, status, filled_quantity,"
    " filled_amount, traded_on)"
    " SELECT e.epoch || '-' || r.id || '-001', 'C-001', 'buy', 'ASH', 7777, 1, 'FILLED', 7777, 7777, '2026-11-20'"
    " FROM rebalances r, (SELECT epoch FROM installation_epochs ORDER BY number DESC LIMIT 1) e"
    " WHERE r.stage = 'PENDING_APPROVAL' ORDER BY md5(r.id || %s) LIMIT 1"
    " ON CONFLICT DO NOTHING RETURNING client_order_id"
)
RESETS = ("FirstWorkflowTask", "LastWorkflowTask")


class World:
    """To be used from the main thread: the kernel then ends what it started, should it be killed itself."""

    def __init__(self, home: Path, workers: int, accounts: int) -> None:
        self.home = home
        self.accounts = accounts
        self.postgres = Postgres(home / "postgres", durable=False)
        self.temporal = TemporalServer(home / "temporal.db", log_file=home / "temporal.log")
        self.workers: list[Child | None] = [None] * workers
        self.injected: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.ahead = [the_clock().ahead] * workers
        self.away = threading.Event()  # set while an operator restores: nobody asks for anything
        self.restorer = Restorer(self)
        self.session = Session(home)
        self.trades_by_fix = False  # once its accounts are there
        self.attempts: Attempts

    def __enter__(self) -> Self:
        try:
            self.postgres.start()
            migrations.upgrade(self.postgres.url)
            self.attempts = Attempts(Books(connect(self.postgres.application_url, pool_size=1)))
            self.temporal.start()
            for number in range(len(self.workers)):
                self._start_worker(number)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            if worker is not None:
                worker.kill()
        self.session.close()
        self.temporal.stop()
        self.postgres.stop()

    def inject(self, fault: Fault) -> None:
        """Does it, and counts it; a workflow that is not there to be hit is counted as missed."""
        happened = {
            "worker killed": self._kill_worker,
            "database connections dropped": self._drop_connections,
            "PostgreSQL restarted": self._restart_postgres,
            "Temporal restarted": self._restart_temporal,
            "workflow reset": self._reset,
            "workflow cancelled": self._cancel,
            "workflow terminated": self._terminate,
            "desk halted": self.attempts.halt,
            "record forged": self.attempts.forge,
            "foreign answer": self._foreign,
            "clock jumped": self._jump,
            "gateway killed": lambda number: self._kill_of_session("gateway"),
            "broker killed": lambda number: self._kill_of_session("broker"),
            "restored from a backup": self.restorer.restore,
        }[fault.kind](fault.number)
        (self.injected if happened else self.missed)[fault.kind] += 1

    def look_after(self) -> None:
        """Starts again what died by itself: a worker that could not reach a server while it started."""
        for number, worker in enumerate(self.workers):
            if worker is None or not worker.running:
                self._start_worker(number)
        if self.trades_by_fix:
            self.session.look_after(self._environment())

    def open_session(self) -> None:
        """The accounts are there: gateway and broker begin."""
        self.trades_by_fix = True
        self.look_after()

    def _kill_of_session(self, name: str) -> bool:
        self.session.kill(name)
        self.session.look_after(self._environment())
        return True

    def _kill_worker(self, number: int) -> bool:
        at = number % len(self.workers)
        if (worker := self.workers[at]) is not None:
            worker.kill()
        self._start_worker(at)
        return True

    def stop_workers(self) -> None:
        """All of them, gateway and broker too, as before a restore."""
        self.session.close()
        for at, worker in enumerate(self.workers):
            if worker is not None:
                worker.kill()
            self.workers[at] = None

    def _jump(self, number: int) -> bool:
        """A worker's clock is minutes ahead or behind from now on, and the others' are not."""
        at = number % len(self.workers)
        self.ahead[at] = the_clock().ahead + timedelta(seconds=number % (2 * JUMP) - JUMP)
        return self._kill_worker(at)

    def _foreign(self, number: int) -> bool:
        """The venue has somebody else's order under the ID that a plan's first order will have; False without one."""
        until = time.monotonic() + WAITS
        while time.monotonic() < until:
            with self.connect() as connection:
                if made := connection.execute(FOREIGN, [str(number)]).fetchone():
                    self.attempts.foreign.append(made[0])
                    return True
            time.sleep(0.3)
        return False

    def _restart_postgres(self, number: int) -> bool:
        self.postgres.kill()
        self.postgres.start()
        return True

    def _restart_temporal(self, number: int) -> bool:
        self.temporal.kill()
        self.temporal.start()
        return True

    def _drop_connections(self, number: int) -> bool:
        """Half of the workers' connections, whatever they are doing."""
        with self.connect() as connection:
            dropped = connection.execute(
                "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name LIKE 'rebalancer-%%' AND pid %% 2 = %s",
                [number % 2],
            ).fetchone()
        return bool(dropped and dropped[0])

    def _reset(self, number: int) -> bool:
        """A rebalance from its first task, or its last, whether it has ended or not."""
        how = RESETS[number % len(RESETS)]
        whom = self._busy(number) if number % 3 == 0 else self._any(number)
        return self._told("reset", "--workflow-id", whom, "--type", how, "--reason", "chaos")

    def _cancel(self, number: int) -> bool:
        return self._told("cancel", "--workflow-id", self._busy(number))

    def _terminate(self, number: int) -> bool:
        return self._told("terminate", "--workflow-id", self._busy(number), "--reason", "chaos")

    def _told(self, *arguments: str) -> bool:
        with contextlib.suppress(StackError):
            command = [str(binary()), "workflow", *arguments, "--address", self.temporal.address]
            finish("temporal workflow", command, env=clean_env(), timeout=20)
            return True
        return False

    def _busy(self, number: int) -> str:
        """A workflow whose rebalance is under way, where there is one."""
        return self._chosen("SELECT workflow_id FROM rebalances WHERE stage <> 'ENDED' ORDER BY md5(id || %s)", number)

    def _any(self, number: int) -> str:
        """A workflow whose rebalance is under way or has ended."""
        return self._chosen("SELECT workflow_id FROM rebalances ORDER BY md5(id || %s)", number)

    def _chosen(self, query: LiteralString, number: int) -> str:
        with self.connect() as connection:
            found = connection.execute(query, [str(number)]).fetchone()
        return str(found[0]) if found else f"rebalance/{account_id(number % self.accounts + 1)}"

    def _start_worker(self, number: int) -> None:
        env = self._environment() | {AHEAD: str(self.ahead[number].total_seconds())}
        log = self.home / f"worker-{number + 1}.log"
        self.workers[number] = spawn(f"worker {number + 1}", [sys.executable, "worker.py"], log, env=env, cwd=PROJECT)

    def _environment(self) -> dict[str, str]:
        return (
            clean_env()
            | the_clock().environment
            | self.session.environment
            | {
                "REBALANCER_DATABASE_URL": self.postgres.application_url,
                "TEMPORAL_ADDRESS": self.temporal.address,
                "LOG_LEVEL": "WARNING",
            }
        )

    def connect(self) -> psycopg.Connection:
        """As the superuser, each statement by itself."""
        url = make_url(self.postgres.url).set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(url, connect_timeout=10, autocommit=True)
