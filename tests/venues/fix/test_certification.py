"""`make fix-certify` against fixcore's acceptor: every step passes, and one that the broker gets wrong fails."""

import contextlib
import subprocess
import sys
from typing import Any

import pytest

from tests.venues.fix.conftest import World
from venues.fix.certification.steps import STEPS

KIND: dict[str, Any] = {"parts": 1, "by_symbol": {"PARTS": {"parts": 3}, "RESTS": {"hold": True},
                                                  "REJECTED": {"reject": "j"}}}  # fmt: skip

SEEN = (
    "both Logons", "35=1, 112=", "4 executions", "unknown security", "35=F, CANCELED", "confirmed, then cancelled",
    "we filled the gap", "was not sent twice", "both sides began at 1",
)  # fmt: skip


def certify(world: World) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "devstack", "certify", "BROKER"]
    environment = world.environment | {"COLUMNS": "200"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=170)


def test_every_step_is_passed(world: World) -> None:
    world.write(heartbeat=2, port=world.broker_port)
    world.fixcore(**KIND)
    done = certify(world)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(STEPS)} passed" in done.stdout
    for seen in SEEN:
        assert seen in done.stdout


@pytest.mark.trial
def test_what_the_broker_gets_wrong_fails_and_what_the_session_has_not_is_left_out(world: World) -> None:
    world.write(heartbeat=2, port=world.broker_port, rules={"replaces": False, "answers_status": False},
                certification={"parts": None, "rests": None})  # fmt: skip
    world.fixcore(parts=1)  # it refuses nothing
    done = certify(world)
    assert done.returncode == 1
    assert "1 failed" in done.stdout
    assert "ended FILLED, and REJECTED was expected" in done.stdout
    assert "certification.parts of BROKER.yaml names no order for it" in done.stdout
    assert "rules.replaces is false" in done.stdout


@pytest.mark.parametrize(
    ("changes", "why"), [({"tls": {"ca": "BROKER.yaml"}}, "certify through stunnel"), ({"port": 0}, "port: ")]
)
def test_what_can_not_be_certified_is_refused_in_a_sentence(world: World, changes: dict[str, Any], why: str) -> None:
    with contextlib.suppress(ValueError):
        world.write(**changes)
    done = certify(world)
    assert (done.returncode, done.stdout) == (1, "")
    assert why in done.stderr
    assert "Traceback" not in done.stderr
