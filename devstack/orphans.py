"""Processes of a stack that was killed before it could stop them: known by id and time of birth, never by name."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path


def birth(pid: int) -> str | None:
    """A mark that tells this process from a later one with the same id; None if there is no such process."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    return None if sys.platform.startswith("linux") else _ps(pid, "lstart=") or None


def children(parent: int) -> dict[int, str]:
    """The children of a process with their births; nothing where there is no /proc."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found[int(stat.parent.name)] = fields[19]
    return found


def end_orphan(pid: int, born: str, grace: float = 10.0) -> bool:
    """End a process whose parent of ours is gone; False if it is gone too, or its id is another's now.

    It is asked first, and killed after `grace` seconds; with 0 it is killed at once.
    """
    if birth(pid) != born:
        return False
    deadline = time.monotonic() + grace
    for number in (signal.SIGINT, signal.SIGKILL) if grace else (signal.SIGKILL,):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        while birth(pid) == born and time.monotonic() < deadline:
            time.sleep(0.05)
    return True


def command_line(pid: int) -> str:
    """The command of a running process, arguments and all; empty if there is none."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return "" if sys.platform.startswith("linux") else _ps(pid, "command=")


def _ps(pid: int, column: str) -> str:
    """What `ps` says of a process, where there is no /proc."""
    import subprocess

    asked = subprocess.run(["ps", "-o", column, "-p", str(pid)], capture_output=True, text=True, check=False)
    return asked.stdout.strip()
