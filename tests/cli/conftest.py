"""What tests of commands share: the command as an operator calls it, alone in the world but for what a test names."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

NOWHERE = "127.0.0.1:1"  # nobody listens there


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Said]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """`command("queue", "--format", "json", REBALANCER_DATABASE_URL=…)`: no stack, no database, no Temporal unless named."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("REBALANCER_", "TEMPORAL_"))}
    alone = {"REBALANCER_HOME": str(tmp_path / "no-stack"), "TEMPORAL_ADDRESS": NOWHERE, "COLUMNS": "160"}

    def run(*arguments: str, **environment: str) -> Said:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("rebalancer")), *arguments],
            env=kept | alone | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def loaded(command: Command, database_url: str, examples: Path) -> Command:
    """The command at a database with the demo's book in it."""

    def run(*arguments: str, **environment: str) -> Said:
        return command(*arguments, REBALANCER_DATABASE_URL=database_url, **environment)

    assert run("load", str(examples / "demo.yaml")).code == 0
    return run
