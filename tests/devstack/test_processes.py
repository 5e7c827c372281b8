"""Children: they end when asked, when made to, and when we do."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devstack.errors import StackError
from devstack.orphans import birth, end_orphan
from devstack.ports import LOOPBACK, claim, free_port, port_in_use
from devstack.processes import await_ready, finish, spawn

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
PARENT = """
import sys, time
from pathlib import Path
from devstack.processes import spawn
child = spawn("child", [sys.executable, "-c", "import time; time.sleep(600)"], Path(sys.argv[1]))
print(child.pid, flush=True)
if sys.argv[2] == "waits":
    time.sleep(600)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def gone(pid: int, within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while birth(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    return birth(pid) is None


def test_a_child_ends_when_it_is_asked(tmp_path: Path) -> None:
    child = spawn("child", python("import time; time.sleep(600)"), tmp_path / "log")
    child.stop()
    assert child.ending == "was killed by SIGTERM"
    assert birth(child.pid) is None


def test_a_child_that_will_not_end_is_made_to(tmp_path: Path) -> None:
    child = spawn("child", python(STUBBORN), tmp_path / "log")
    await_ready(child, lambda: "ready" in child.log(), timeout=5)
    child.stop(grace=0.2)
    assert child.ending == "was killed by SIGKILL"


@pytest.mark.parametrize("ending", ["returns", "SIGTERM", "SIGKILL"])
def test_no_child_outlives_its_parent(tmp_path: Path, ending: str) -> None:
    command = [*python(PARENT), str(tmp_path / "log"), "returns" if ending == "returns" else "waits"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        if ending != "returns":
            parent.send_signal(signal.Signals[ending])
        parent.wait(10)
    assert gone(child)


def test_a_child_that_dies_while_starting_is_quoted(tmp_path: Path) -> None:
    child = spawn("the server", python("print('no space left'); raise SystemExit(3)"), tmp_path / "log")
    with pytest.raises(StackError, match=r"the server ended with exit code 3 .*(?s:.)*no space left(?s:.)*log"):
        await_ready(child, lambda: False, timeout=10)


def test_waiting_has_an_end(tmp_path: Path) -> None:
    child = spawn("the server", python("import time; time.sleep(600)"), tmp_path / "log")
    with pytest.raises(StackError, match="not ready after 0 s"):
        await_ready(child, lambda: False, timeout=0.1)
    child.kill()


def test_a_log_is_quoted_from_this_start_only(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("an older trouble\n")
    child = spawn("child", python("print('a new one')"), tmp_path / "log")
    while child.running:
        time.sleep(0.01)
    assert child.log() == "a new one\n"
    assert (tmp_path / "log").read_text() == "an older trouble\na new one\n"


def test_a_short_command_that_fails_tells_why() -> None:
    with pytest.raises(StackError, match="Checking failed: no such book"):
        finish("Checking", python("raise SystemExit('no such book')"))


def test_an_orphan_is_ended_only_if_it_is_the_same_process(tmp_path: Path) -> None:
    with subprocess.Popen(python("import time; time.sleep(600)")) as process:
        born = birth(process.pid)
        assert born is not None
        assert not end_orphan(process.pid, born="another time")
        assert process.poll() is None
        assert end_orphan(process.pid, born)
    assert not end_orphan(process.pid, born)


def test_ports() -> None:
    port = free_port()
    assert not port_in_use(port)
    assert claim(port) == port
    with socket.socket() as other:
        other.bind((LOOPBACK, port))
        other.listen()
        assert port_in_use(port)
        with pytest.raises(StackError, match=f"Port {port} is used by another program"):
            claim(port)
