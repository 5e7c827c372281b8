"""How other processes find a running stack: `stack.json` in its home folder.

The command line asks this at every start, so nothing here imports more than the standard library.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from devstack.errors import StackError
from devstack.orphans import birth

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Process:
    """A child of a stack: `born` tells it from a later process with the same id."""

    name: str
    pid: int
    born: str


@dataclass(frozen=True, slots=True)
class StackConnection:
    """Where a stack's servers are. `alive`: it runs now; else this is what a stack left that ended unasked."""

    home: Path
    pid: int
    born: str
    database_url: str = field(repr=False)  # carries the password
    temporal_address: str
    ui_url: str | None
    console_url: str | None
    started_at: str  # ISO 8601, UTC
    processes: tuple[Process, ...]
    alive: bool


def home_folder(home: Path | None = None) -> Path:
    """The folder of a stack: the given one, else REBALANCER_HOME, else `.rebalancer` at the project's root."""
    return (home or Path(os.environ.get("REBALANCER_HOME") or PROJECT / ".rebalancer")).absolute()


def connection(home: Path | None = None) -> StackConnection | None:
    """The stack of a home folder, or None where there is none. StackError if it is another user's."""
    home = home_folder(home)
    try:
        told: dict[str, Any] = json.loads(_stack_file(home).read_text())
        processes = tuple(Process(**process) for process in told.pop("processes"))
        return StackConnection(home=home, processes=processes, alive=birth(told["pid"]) == told["born"], **told)
    except PermissionError:
        raise StackError(
            f"The stack in {home} belongs to another user. Next: work as that user, or run your own: "
            "REBALANCER_HOME=<folder> make up"
        ) from None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write(stack: StackConnection) -> None:
    """Tell others of this stack: at once and whole, readable by its user alone."""
    told = asdict(stack)
    del told["home"], told["alive"]
    draft = _stack_file(stack.home).with_suffix(".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(told, indent=2) + "\n")
    draft.replace(_stack_file(stack.home))


def remove(home: Path) -> None:
    """Tell nobody any more."""
    _stack_file(home).unlink(missing_ok=True)


def _stack_file(home: Path) -> Path:
    return home / "stack.json"
