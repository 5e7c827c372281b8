"""`python -m devstack up` as a person meets it: its page, its exit codes, its one-line troubles."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack.connection import StackConnection, connection
from devstack.orphans import birth
from devstack.ports import free_port

UP = """
import functools, sys
from devstack import __main__ as program
from devstack.application import Application
idle = Application(lambda url: None, lambda address: None, (sys.executable, "-c", "import time; time.sleep(600)"), None)
program.Stack = functools.partial(program.Stack, application=idle)
sys.exit(program.main(["up"]))
"""

Up = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def up(home: Path) -> Iterator[Up]:
    started: list[subprocess.Popen[str]] = []
    ports = {"TEMPORAL_PORT": str(free_port()), "TEMPORAL_UI_PORT": str(free_port())}

    def start() -> subprocess.Popen[str]:
        env = os.environ | ports | {"REBALANCER_HOME": str(home)}
        command = [sys.executable, "-c", UP]
        started.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=30)


def running(home: Path) -> StackConnection:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        stack = connection(home)
        if stack is not None and stack.alive:
            return stack
        time.sleep(0.05)
    raise AssertionError("the stack did not come up")


def test_ctrl_c_stops_it_and_a_second_one_changes_nothing(up: Up, home: Path) -> None:
    process = up()
    assert process.stdout is not None
    page = ""
    while "Ctrl-C stops it" not in page:
        page += process.stdout.readline()
    stack = running(home)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 0
    assert stack.temporal_address in page
    assert str(stack.ui_url) in page
    assert stack.database_url not in page + told
    assert "stopped; the data is in" in told
    assert "Traceback" not in told
    assert not any(birth(child.pid) for child in stack.processes)


def test_ctrl_c_while_it_starts(up: Up, home: Path) -> None:
    process = up()
    assert process.stderr is not None
    assert "starting PostgreSQL" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert (process.returncode, told.strip()) == (130, "stopped before it was done")


def test_a_second_up_says_where_the_first_is(up: Up, home: Path) -> None:
    up()
    stack = running(home)
    second = up()
    page, _ = second.communicate(timeout=30)
    assert second.returncode == 0
    assert stack.temporal_address in page
    assert f"It was up already, since {stack.started_at} (pid {stack.pid})." in page
    named = re.search(r"^  export REBALANCER_HOME=(\S+)$", page, re.MULTILINE)
    assert named is not None  # the commands below it are of this stack, and not of the folder's own
    assert Path(named[1]).resolve() == home.resolve()


def test_after_a_kill_it_comes_up_again_on_the_same_data(up: Up, home: Path) -> None:
    first = up()
    left = running(home)
    first.kill()
    first.wait()
    stale = connection(home)
    assert stale is not None
    assert not stale.alive
    second = up()
    stack = running(home)
    assert stack.pid == second.pid
    assert not any(birth(process.pid) == process.born for process in left.processes)
    second.terminate()
    _, told = second.communicate(timeout=30)
    assert f"the stack of {left.started_at} in {home} ended without stopping; its data is kept" in told


def test_a_server_that_dies_ends_it_with_its_last_words(up: Up, home: Path) -> None:
    process = up()
    stack = running(home)
    os.kill(next(child.pid for child in stack.processes if child.name == "Temporal"), signal.SIGKILL)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "was killed by SIGKILL. Its last words:" in told
    assert "Traceback" not in told
    assert not any(birth(child.pid) for child in stack.processes)


@pytest.mark.parametrize("given", ["temporal", "0", "70000"])
def test_a_port_that_is_none(given: str) -> None:
    env = os.environ | {"TEMPORAL_PORT": given}
    told = subprocess.run(
        [sys.executable, "-m", "devstack", "up"], env=env, capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith(f"TEMPORAL_PORT={given} is not a port.")
