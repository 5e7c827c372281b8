"""As which user PostgreSQL runs when we are root: it refuses root, and there may be nobody else on the machine.

Nothing is installed or opened for this: no user is created and no folder's mode is changed.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

NOBODY = "nobody"  # exists on every Linux and macOS


@dataclass(frozen=True, slots=True)
class RunAs:
    """A user to become, and whether some folder on the way is closed to that user (`launch` then keeps a key)."""

    uid: int
    gid: int
    search: bool


def run_as(data_dir: Path, reads: Iterable[Path]) -> RunAs | None:
    """Who runs a server on `data_dir`: we ourselves (None), or, if we are root, its owner or else `nobody`.

    `reads` are files it also needs: the binaries.
    """
    if os.geteuid() != 0:
        return None
    owner = data_dir.stat() if data_dir.exists() else None
    if owner is not None and owner.st_uid != 0:
        uid, gid = owner.st_uid, owner.st_gid
    else:
        entry = pwd.getpwnam(NOBODY)
        uid, gid = entry.pw_uid, entry.pw_gid
    needed = [data_dir, *reads]
    return RunAs(uid, gid, search=not all(may_reach(path, uid, gid) for path in needed))


def may_reach(path: Path, uid: int, gid: int) -> bool:
    """Whether every folder above `path` lets this user in."""
    return all(may_enter(folder.stat(), uid, gid) for folder in path.resolve().parents)


def may_enter(folder: os.stat_result, uid: int, gid: int) -> bool:
    """Whether this user may pass through a folder."""
    if folder.st_uid == uid:
        return bool(folder.st_mode & stat.S_IXUSR)
    if folder.st_gid == gid:
        return bool(folder.st_mode & stat.S_IXGRP)
    return bool(folder.st_mode & stat.S_IXOTH)
