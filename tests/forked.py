"""`rebalancer` as a process of its own, without a second of imports each time.

A server process imports what commands import, once, and does nothing else with it. For each command it forks a process
that takes the caller's environment, folder and standard streams, and calls `cli.main` as the installed script does.
What a person would see is the same; tests of the interpreter's own start, of signals and of terminals start the script.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

from policy.clock import the_clock
from policy.trading_days import last_session

DEMOS_DAY = date(2022, 12, 28)  # of examples/demo.yaml
PROJECT = Path(__file__).parents[1]
ROOMS = ("cli", "acting", "reading", "markup")  # all of whose modules some command imports
IMPORTED = (  # what commands import of others when they are called
    "cli.main",
    "cli.commands",
    "cli.connections",
    "cli.say",
    "reading.refused",
    "sqlalchemy.dialects.postgresql.psycopg",
    "storage.connection",
    "storage.engine",
    "venues.registry",
    "workflows.connection",
    "psycopg",
    "rich.console",
    "rich.table",
    "domain.household_plans",
    "domain.telling.derivation",
    "temporalio.client",
    "temporalio.worker",
    "domain.plan",
    "workflows.rebalance_account",
    "workflows.rebalance_request",
)


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def rebalancer(arguments: Sequence[str], environment: Mapping[str, str], timeout: float = 60) -> Said:
    """Calls the command and waits for its end. Raises TimeoutError where that does not come."""
    with socket.socket(socket.AF_UNIX) as call:
        call.settimeout(timeout)
        call.connect(_server())
        folder = str(Path.cwd())
        asked = json.dumps({"arguments": list(arguments), "environment": dict(environment), "folder": folder})
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, Path(os.devnull).open("rb") as nothing:
            socket.send_fds(call, [b"\0"], [nothing.fileno(), out.fileno(), err.fileno()])
            call.sendall(asked.encode() + b"\n")
            code = int(call.makefile().readline())
            out.seek(0)
            err.seek(0)
            return Said(code, out.read().decode(), err.read().decode())


@cache
def _server() -> str:
    """Where the server of this test process listens; it ends with this process."""
    address = str(Path(tempfile.mkdtemp(prefix="forked-")) / "socket")
    one_thread = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=one_thread,
        cwd=PROJECT,
    )
    assert server.stdout
    assert server.stdout.readline() == b"listening\n"
    _started.append(server)
    return address


_started: list[subprocess.Popen[bytes]] = []  # kept, as their standard input tells them that this process lives


def _serve(address: str) -> None:
    """Forks a process for each call, until whoever started this one is gone."""
    within = (each.name for room in ROOMS for each in walk_packages([str(PROJECT / room)], f"{room}."))
    for name in (*IMPORTED, *within):
        __import__(name)
    for day in (the_clock().today(), DEMOS_DAY):
        last_session(day)  # the exchange's calendar of a year takes as long to make as all that a command does
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who watch over commands
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(64)
        os.write(1, b"listening\n")
        if os.fork() == 0:
            sys.stdin.buffer.read()  # ends with the test process
            os.kill(os.getppid(), signal.SIGTERM)
            os._exit(0)
        while True:
            call, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _watch(call)
                os._exit(0)
            call.close()


def _watch(call: socket.socket) -> None:
    """Forks the command, waits for it and tells its exit status, as a shell would."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(call, 1, 3)
    asked = json.loads(call.makefile().readline())
    command = os.fork()
    if command == 0:
        call.close()
        _run(asked, streams)
    _, status = os.waitpid(command, 0)
    with suppress(BrokenPipeError):  # whoever asked gave up
        call.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _run(asked: Mapping[str, Any], streams: Sequence[int]) -> None:
    """Becomes the command."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.argv = ["rebalancer", *asked["arguments"]]
    code: Any = 1
    try:
        from cli.main import main

        main()
        code = 0
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    _serve(sys.argv[1])
