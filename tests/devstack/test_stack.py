"""The stack as a whole: what starts together stops together, and others find it while it runs."""

import dataclasses
import os
import signal
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devstack import workers
from devstack.application import Application
from devstack.connection import connection
from devstack.errors import StackError
from devstack.orphans import birth
from devstack.ports import LOOPBACK
from devstack.processes import await_ready
from devstack.stack import AlreadyRunning, Stack


def pids(stack: Stack) -> dict[str, int]:
    return {process.name: process.pid for process in stack.connection.processes}


def test_it_is_found_while_it_runs_and_leaves_nothing_running(make_stack: Callable[..., Stack]) -> None:
    with make_stack(workers=2, ui_port=0) as stack:
        found = connection(stack.home)
        assert found == stack.connection
        assert found.alive
        assert found.pid == os.getpid()
        assert found.database_url not in repr(found), "the password is not for logs"
        assert stat.S_IMODE((stack.home / "stack.json").stat().st_mode) == 0o600
        assert stat.S_IMODE(stack.home.stat().st_mode) == 0o700
        running = pids(stack)
        assert list(running) == ["PostgreSQL", "Temporal", "worker 1", "worker 2"]
        with pytest.raises(AlreadyRunning) as refused:
            make_stack().start()
        assert refused.value.running == found
        stack.look_after()
    assert connection(stack.home) is None
    assert not any(birth(pid) for pid in running.values())


def test_two_stacks_run_side_by_side(make_stack: Callable[..., Stack], tmp_path: Path) -> None:
    with make_stack(workers=0) as one, make_stack(home=tmp_path / "other", workers=0) as other:
        assert one.connection.alive
        assert connection(other.home) == other.connection != one.connection


def test_the_application_gets_its_addresses_in_order(
    make_stack: Callable[..., Stack], application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_API_KEY", "of another cluster")
    code = "import os, time; print({k: v for k, v in os.environ.items() if k[:4] in ('REBA', 'TEMP')}); time.sleep(9)"
    got: list[str] = []
    application = dataclasses.replace(
        application, migrate=got.append, ensure_schedule=got.append, worker=(sys.executable, "-c", code)
    )
    with make_stack(application=application) as stack:
        assert got == [stack.postgres.url, stack.temporal.address]
        assert stack.workers is not None
        worker = stack.workers.children[0]
        await_ready(worker, lambda: "}" in worker.log(), timeout=5)
        assert f"'REBALANCER_DATABASE_URL': '{stack.database_url}'" in worker.log()
        assert f"'TEMPORAL_ADDRESS': '{stack.temporal.address}'" in worker.log()
        assert "API_KEY" not in worker.log()


def test_a_dead_worker_is_replaced_and_a_dead_server_ends_it(make_stack: Callable[..., Stack], said: list[str]) -> None:
    with make_stack() as stack:
        first = pids(stack)["worker 1"]
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        stack.look_after()
        assert said[-1].startswith(f"worker 1 (pid {first}) was killed by SIGKILL; another takes its place.")
        found = connection(stack.home)
        assert found is not None
        assert {process.name: process.pid for process in found.processes}["worker 1"] not in (first, None)

        server = pids(stack)["PostgreSQL"]
        os.kill(server, signal.SIGKILL)
        os.waitid(os.P_PID, server, os.WEXITED | os.WNOWAIT)
        with pytest.raises(StackError, match=r"PostgreSQL .* was killed by SIGKILL.*\n(?s:.)*postgres.log"):
            stack.look_after()


def test_workers_that_only_ever_die_end_it(
    make_stack: Callable[..., Stack], application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "SHORT_LIVES", 2)
    dying = dataclasses.replace(application, worker=(sys.executable, "-c", "raise SystemExit('no module named x')"))
    with make_stack(application=dying, workers=1) as stack, pytest.raises(StackError, match=r"2 times.*\n.*no module"):
        stack.watch()


def test_a_migration_that_fails_is_one_line_and_stops_what_had_started(
    make_stack: Callable[..., Stack], application: Application
) -> None:
    def fail(url: str) -> None:
        raise ValueError("revision 7 is missing\nand more")

    stack = make_stack(application=dataclasses.replace(application, migrate=fail))
    with pytest.raises(StackError) as told:
        stack.start()
    assert str(told.value).splitlines()[0].endswith("failed: ValueError: revision 7 is missing")
    assert "Traceback" in (stack.logs / "stack.log").read_text()
    assert stack.postgres.child is None
    assert connection(stack.home) is None


def test_a_port_in_use_is_named_before_anything_starts(make_stack: Callable[..., Stack]) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]
        stack = make_stack(temporal_port=port)
        with pytest.raises(StackError, match=rf"Port {port}, meant for Temporal.*TEMPORAL_PORT=\d+ make up"):
            stack.start()
    assert not stack.postgres.data_dir.exists()


def test_a_stack_that_never_was_and_one_whose_file_is_broken(tmp_path: Path) -> None:
    assert connection(tmp_path) is None
    (tmp_path / "stack.json").write_text("{half a fi")
    assert connection(tmp_path) is None
