"""Child processes: started, awaited and stopped by their id, and never outliving us.

Each child has a session of its own, so that Ctrl-C in the terminal reaches us alone and we stop the children
in our order. What it prints goes to its log file. It is stopped at our exit; where we are killed outright,
the kernel tells it (see `launch`).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from devstack.errors import StackError
from devstack.unprivileged import RunAs

LAUNCH = Path(__file__).with_name("launch.py")
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOG_LIMIT = 10_000_000  # bytes; a larger log is set aside as `.1` when its process starts again

_running: set[Child] = set()
_owner = os.getpid()  # a fork of ours must not stop our children when it ends


class Child:
    """One process that we started."""

    def __init__(
        self, name: str, process: subprocess.Popen[bytes], log_file: Path, log_start: int, stop_signal: int
    ) -> None:
        self.name = name
        self.log_file = log_file
        self.pid = process.pid
        self._process = process
        self._log_start = log_start
        self._stop_signal = stop_signal
        _running.add(self)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    @property
    def ending(self) -> str:
        """How it ended, as a phrase: `ended with exit code 3`, `was killed by SIGKILL`."""
        code = self._process.poll()
        if code is None:
            return "is running"
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def ask_to_stop(self) -> None:
        """Send it its stop signal and return at once."""
        if self.running:
            self._process.send_signal(self._stop_signal)

    def stop(self, grace: float = 10.0) -> None:
        """Ask it to end, and after `grace` seconds make it."""
        if self.running:
            self.ask_to_stop()
            try:
                self._process.wait(grace)
            except subprocess.TimeoutExpired:
                self.kill()
        _running.discard(self)

    def kill(self) -> None:
        """End it at once, with everything in its process group: SIGKILL, no clean-up on its side."""
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        _running.discard(self)

    def log(self) -> str:
        """What it has printed since it was started."""
        with contextlib.suppress(FileNotFoundError), self.log_file.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")
        return ""

    def last_words(self, lines: int = 5) -> str:
        """The end of its log, indented for an error message, and where to read more."""
        said = [line.rstrip() for line in self.log().splitlines() if line.strip()][-lines:]
        return "".join(f"\n  {line[:300]}" for line in said) + f"\nAll of it: {self.log_file}"


def spawn(
    name: str,
    command: Sequence[str],
    log_file: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: RunAs | None = None,
    stop_signal: int = signal.SIGTERM,
) -> Child:
    """Start a child that lives until it is stopped or we end."""
    _set_aside(log_file)
    with log_file.open("ab") as log:
        log_start = log.tell()
        process = subprocess.Popen(
            _launched(command, user, stop_signal),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
    return Child(name, process, log_file, log_start, stop_signal)


def finish(
    name: str,
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: RunAs | None = None,
    timeout: float = 60.0,
) -> str:
    """Run a short command to its end and return what it printed; StackError with its words if it fails."""
    try:
        done = subprocess.run(
            _launched(command, user, signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=env,
            cwd=cwd,
            start_new_session=True,
            timeout=timeout,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"{name} did not end within {timeout:.0f} s. Next: try again.") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip() or error.stdout.strip() or f"exit code {error.returncode}"
        raise StackError(f"{name} failed: {said[-2000:]}") from None
    return done.stdout


def await_ready(child: Child, ready: Callable[[], bool], timeout: float, every: float = 0.05) -> None:
    """Return once `ready` says so, asked `every` so many seconds; StackError if the child ends, or at `timeout`."""
    deadline = time.monotonic() + timeout
    while not (ready() and child.running):
        if not child.running:
            raise StackError(f"{child.name} {child.ending} while it was starting. Its last words:{child.last_words()}")
        if time.monotonic() > deadline:
            raise StackError(f"{child.name} was not ready after {timeout:.0f} s. Its last words:{child.last_words()}")
        time.sleep(every)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """No Ctrl-C in here: for stopping, which takes seconds and must come to its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _launched(command: Sequence[str], user: RunAs | None, death_signal: int) -> list[str]:
    # The kernel watches the thread that spawned, not the process: only the main thread lives as long as we do.
    watched = threading.current_thread() is threading.main_thread()
    terms = {
        "parent": os.getpid(),
        "signal": int(death_signal) if watched else 0,
        "user": None if user is None else [user.uid, user.gid],
        "search": user is not None and user.search,
    }
    return [sys.executable, "-I", "-S", str(LAUNCH), json.dumps(terms), *map(str, command)]


def _set_aside(log_file: Path) -> None:
    log_file.parent.mkdir(parents=True, exist_ok=True)
    if log_file.exists() and log_file.stat().st_size > LOG_LIMIT:
        log_file.replace(log_file.with_name(log_file.name + ".1"))


@atexit.register
def _stop_all() -> None:
    if os.getpid() == _owner:
        for child in reversed(list(_running)):
            child.stop(grace=5.0)
