"""`rebalancer fix`, and what `status` says of FIX sessions: as commands, beside a gateway and a broker."""

import signal
import time
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from tests.forked import Said, rebalancer
from tests.venues.fix.conftest import World, order

ONE, TWO = "E-R-000001-001", "E-R-000001-002"


def run(world: World, *arguments: str) -> Said:
    return rebalancer(arguments, world.environment)


def status(world: World) -> dict[str, Any]:
    return dict(run(world, "fix", "status", "--format", "json").json[0])


def test_without_a_session_there_is_nothing_to_look_after(world: World) -> None:
    done = run(world, "fix", "status")
    assert (done.code, "There is no FIX session" in done.out) == (0, True)
    done = run(world, "fix", "logout", "NOBODY", "--why", "x")
    assert (done.code, done.out) == (1, "")
    assert "no gateway ever held FIX session NOBODY: there is none" in done.err


def test_a_session_is_logged_out_stays_out_and_is_let_in_again(world: World) -> None:
    world.fixcore()
    gateway = world.gateway()
    world.logged_on()
    assert status(world)["state"] == "logged on"
    assert run(world, "fix", "logout", "BROKER", "--why", "their maintenance").code == 0
    world.until("the logout", lambda: world.rows("SELECT 1 FROM fix.sessions WHERE NOT logged_on"))
    world.venue.submit(order(ONE))
    time.sleep(2.5)
    told = status(world)
    assert (told["state"], told["waiting"], told["wanted"]) == ("logged out", 1, "logout")
    assert world.ledger() == []
    assert run(world, "fix", "logon", "BROKER", "--why", "it is over").code == 0
    world.until("the fill", lambda: world.stand(ONE).status == "FILLED")
    assert world.stop(gateway) == 0
    done = run(world, "fix", "status", "BROKER")
    assert done.code == 1
    assert "start one: python -m venues.fix BROKER" in done.out
    sending = {each["check"]: each for each in run(world, "status", "--format", "json").json["checks"]}
    assert sending["sending"]["found"] == "FIX session BROKER: no gateway"
    kept = world.rows("SELECT action FROM audit_records WHERE action LIKE 'fix session%' ORDER BY id")
    assert kept == [("fix session logout asked for",), ("fix session logon asked for",)]


def test_a_reset_begins_both_numbers_anew(world: World) -> None:
    world.write(heartbeat=60)  # each heartbeat takes a number, and the machine may be busy
    world.fixcore()
    world.gateway()
    world.venue.submit(order(ONE))
    world.until("the fill", lambda: world.stand(ONE).status == "FILLED")
    assert status(world)["next_sent"] >= 3
    assert run(world, "fix", "reset", "BROKER", "--why", "agreed with their desk").code == 0
    world.until("the reset", lambda: world.rows("SELECT 1 FROM fix.sessions WHERE wanted IS NULL AND logged_on"))
    assert status(world)["next_sent"] <= 3
    world.venue.submit(order(TWO))
    world.until("the fill", lambda: world.stand(TWO).status == "FILLED")
    assert world.stand(TWO).filled_quantity == Decimal(100)


def test_an_order_in_doubt_is_settled_by_a_person_once(world: World) -> None:
    world.write(rules={"unknown_is_proof": False})
    world.fixcore(lose=2)
    gateway = world.gateway()
    world.logged_on()
    world.venue.submit_many([order(ONE), order(TWO)])
    world.until("both", lambda: len(world.rows("SELECT 1 FROM fix.messages WHERE sequence IS NOT NULL")) == 2)
    time.sleep(0.3)
    world.stop(gateway, signal.SIGKILL)
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE fix.sessions SET lease_until = now() - interval '1 second'"))
    world.gateway()
    world.until("the doubts", lambda: len(world.rows("SELECT 1 FROM fix.orders WHERE doubt IS NOT NULL")) == 2)
    assert len(status(world)["doubts"]) == 2
    done = run(world, "fix", "settle", ONE, "--send-again", "--why", "Jo at their desk: never came")
    assert (done.code, done.out) == (0, f"{ONE} is sent again\n")
    assert run(world, "fix", "settle", TWO, "--canceled", "--why", "Jo: never came").code == 0
    world.until("the fill", lambda: world.stand(ONE).status == "FILLED")
    assert world.stand(TWO).status == "CANCELED"
    assert [each["order"] for each in world.ledger() if "order" in each] == [ONE]
    done = run(world, "fix", "settle", ONE, "--send-again", "--why", "again")
    assert (done.code, done.out) == (1, "")
    assert "is not in doubt" in done.err
