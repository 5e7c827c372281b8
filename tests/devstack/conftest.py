"""A stack small enough to start in two seconds: real servers, free ports, and workers that only wait."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devstack.application import Application
from devstack.stack import Stack

WAIT = (
    "import signal, sys, time; signal.signal(15, lambda *_: sys.exit()); print('at work', flush=True); time.sleep(600)"
)


@pytest.fixture
def application() -> Application:
    return Application(
        migrate=lambda url: None,
        ensure_schedule=lambda address: None,
        worker=(sys.executable, "-c", WAIT),
        task_queue=None,
    )


@pytest.fixture
def said() -> list[str]:
    """What the stack told its operator."""
    return []


@pytest.fixture
def make_stack(tmp_path: Path, application: Application, said: list[str]) -> Callable[..., Stack]:
    def make(**given: object) -> Stack:
        defaults = {
            "home": tmp_path / "home",
            "temporal_port": 0,
            "ui_port": None,
            "application": application,
            "say": said.append,
        }
        return Stack(**(defaults | given))  # type: ignore[arg-type]

    return make
