"""What can't be done is said in one sentence with the next action, by the commands that people and machines type."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.venues.fix.conftest import NAME, World, order

COMMAND = str(Path(sys.executable).with_name("rebalancer"))
GATEWAY = (sys.executable, "-m", "venues.fix", NAME)
ONE = "E-R-000001-001"


def typed(world: World, *command: str) -> str:
    """What a command that is refused says: with status 1, and no traceback."""
    done = subprocess.run(command, env=world.environment, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (1, "", False), done.stderr
    return " ".join(done.stderr.split())


def changed(world: World, **changes: Any) -> None:
    """Writes the session's file as it is, without looking whether it can be used."""
    path = world.folder / f"{NAME}.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "says", "do"),
    [
        ({"dictionary": "theirs.xml"}, "theirs.xml is missing", "leave dictionary out for ours of FIX.4.4"),
        ({"order_type": "stop"}, 'order_type "stop" is not supported', "give market or limit"),
        ({"order_type": "market", "rules": {"order_types": ["limit"]}}, "none that this broker takes", "say limit"),
    ],
)
def test_a_session_that_can_not_be_used_is_refused_by_its_gateway_and_by_every_command(
    world: World, changes: dict[str, Any], says: str, do: str
) -> None:
    changed(world, **changes)
    for command in (GATEWAY, (COMMAND, "fix", "status"), (COMMAND, "venue", "set", "PAPER", "--patience", "60")):
        told = typed(world, *command)
        assert NAME in told
        assert says in told
        assert do in told


def test_blocks_for_a_session_that_takes_no_allocations_are_refused(world: World) -> None:
    """FIX-8: and where its rules say so only afterwards, orders are sent one by one from then on."""
    venue_set, by = (COMMAND, "venue", "set", "PAPER", "--blocks", "window"), ("--by", "ann")
    done = subprocess.run([*venue_set, *by], env=world.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    changed(world, rules={"takes_allocations": False})
    told = typed(world, *venue_set, "--window", "30", *by)
    assert told == (
        "rebalancer: orders of PAPER can't go in blocks: by its rules of engagement FIX session BROKER takes no "
        "allocations (35=J), so it would not know whose the shares are. Leave --blocks off; if the broker does take "
        "them, say rules: {takes_allocations: true} in BROKER.yaml"
    )
    assert world.rows("SELECT blocks, window_seconds FROM venue_terms") == [("window", None)]
    script = "from storage.engine import connect; import os; from venues.registry import Venues; "
    script += "print(Venues(connect(os.environ['REBALANCER_DATABASE_URL'])).terms('PAPER').blocks)"
    said = subprocess.run(
        [sys.executable, "-c", script], env=world.environment, capture_output=True, text=True, check=True
    )
    assert said.stdout == "None\n"


def test_a_brokers_reject_and_a_symbol_that_nobody_named_end_the_order_in_a_sentence(world: World) -> None:
    world.write(only_symbols=True, symbols={"Y": "Y.N"})
    world.venue.submit(order(ONE))
    assert (world.stand(ONE).status, world.stand(ONE).reason) == (
        "REJECTED",
        "not sent: FIX session BROKER knows no symbol X: add it under symbols of BROKER.yaml, as the broker calls it",
    )
    assert world.rows("SELECT count(*) FROM fix.messages") == [(0,)]
    world.write()
    world.paper_broker()
    world.gateway()
    two = "E-R-000001-002"
    world.venue.submit(order(two))  # its account is none of the paper venue's
    world.until("the reject", lambda: world.stand(two).status == "REJECTED")
    assert "no such account" in str(world.stand(two).reason)
