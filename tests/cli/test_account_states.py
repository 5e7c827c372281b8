"""`rebalancer account hold|freeze|close|reopen`: who says so, until when, why, and what follows."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from policy.clock import the_clock
from storage.actor import Actor
from storage.connection import Books
from storage.schema.audit import audit_records
from tests.cli.conftest import Command
from tests.cli.rebalanced import pending

HELD = "A-106"  # in the queue for NO_TARGET


def submitted(desk: Books, days: int = 0) -> list[str]:
    """Whom a request from the queue would take, some days from now."""
    with desk.transaction(Actor("test")) as books:
        return books.requests.queued([], the_clock().today() + timedelta(days=days))


def in_queue(loaded: Command) -> dict[str, object]:
    return {each["account_id"]: each["held_until"] for each in loaded("queue", "--format", "json").json}


def last_record(desk: Books, action: str | None = None) -> tuple[str, str, object]:
    with desk.transaction() as books:
        newest = select(audit_records).where(audit_records.c.account_id == HELD).order_by(audit_records.c.id.desc())
        if action is not None:
            newest = newest.where(audit_records.c.action == action)
        row = books.connection.execute(newest.limit(1)).one()
    return row.action, row.who, row.after


def test_a_hold_keeps_an_account_out_of_the_queues_requests_until_its_day_is_over(loaded: Command, desk: Books) -> None:
    """
    held until tomorrow   left out today and tomorrow, in the queue all the while
    the day after         taken again
    """
    before = submitted(desk)
    assert HELD in before
    until = str(the_clock().today() + timedelta(days=1))
    said = loaded("account", "hold", HELD, "--until", until, "--why", "moves house", "--by", "ann")
    assert (said.code, said.out) == (0, f"account {HELD} is held until {until}, that day included: moves house\n")
    assert last_record(desk) == ("account held", "ann", {"until": until, "why": "moves house"})
    assert "1 of them held. Submit the others: rebalancer submit --queue" in loaded("queue").out
    assert submitted(desk) == submitted(desk, 1) == [each for each in before if each != HELD]
    assert submitted(desk, 2) == before
    assert in_queue(loaded)[HELD] == until
    assert f"left out of --queue until {until}" in loaded("queue").out
    assert loaded("account", "hold", HELD, "--lift", "--why", "stays").out == f"account {HELD} is held no more\n"
    assert (submitted(desk), in_queue(loaded)[HELD]) == (before, None)
    again = loaded("account", "hold", HELD, "--lift", "--why", "stays").out
    assert again == f"account {HELD} is not held: nothing changes\n"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("hold A-106 --until 2020-01-02 --why x", 1, "--until 2020-01-02 is over: a hold ends today or later"),
        ("hold A-106 --until soon --why x", 2, "--until needs a date like 2026-11-20, not soon"),
        ("hold A-106 --why x", 2, "say --until DATE, or --lift; one of them"),
        ("hold A-106 --lift", 2, "Missing option '--why'"),
        ("hold X --until 2999-01-04 --why x", 1, "account X is unknown"),
        ("freeze X --why x", 1, "account X is unknown"),
        ("close A-106 --why x", 1, "account A-106 can't be closed now: it still holds cash or securities"),
    ],
)
def test_what_is_refused(loaded: Command, desk: Books, words: str, code: int, told: str) -> None:
    before = submitted(desk)
    said = loaded("account", *words.split())
    assert said.code == code
    assert told in said.err
    assert submitted(desk) == before


def test_a_frozen_account_leaves_the_queue_and_is_not_planned_until_it_is_open_again(
    loaded: Command, desk: Books
) -> None:
    said = loaded("account", "freeze", HELD, "--why", "estate in probate", "--by", "ann")
    assert (said.code, said.out) == (0, f"account {HELD} is frozen: its queue entry is withdrawn\n")
    assert HELD not in in_queue(loaded)
    assert loaded("account", "show", HELD, "--format", "json").json["status"] == "frozen"
    assert f"rebalancer account reopen {HELD} --why TEXT" in " ".join(loaded("diagnose", HELD).out.split())
    again = loaded("account", "freeze", HELD, "--why", "again").out
    assert again == f"account {HELD} is frozen already: nothing changes\n"
    not_queued = f"not queued, because it is frozen. Next: rebalancer account reopen {HELD} --why TEXT, which queues it"
    loaded("account", "rebalancing", HELD, "off", "--by", "ann")
    assert not_queued in loaded("account", "rebalancing", HELD, "on", "--by", "ann").out
    assert not_queued in loaded("target", "assign", HELD, "GROWTH", "--by", "ann").out
    assert HELD not in in_queue(loaded)
    told = loaded("account", "reopen", HELD, "--why", "probate is over", "--by", "ben").out
    assert told == f"account {HELD} is open: queued for FIRST_REBALANCE, HIGH_CASH, OUTSIDE_TOLERANCE\n"
    assert HELD in in_queue(loaded)
    assert last_record(desk, "account open") == ("account open", "ben", {"status": "open", "why": "probate is over"})


def test_what_is_under_way_is_decided_first(loaded: Command, desk: Books) -> None:
    waits = pending(desk, HELD)
    said = loaded("account", "freeze", HELD, "--why", "estate")
    assert (said.code, f"rebalancer cancel {waits}" in said.err) == (1, True)
    assert loaded("account", "show", HELD, "--format", "json").json["status"] == "open"
