"""The story of a day in commands, on the day that the tests live on; `python -m tests.days` has every odd one.

Only the clock that was handed in is asked what day it is (DAY-1); what a page says of days has to follow from it.
"""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from devstack.temporal import TemporalServer
from policy.clock import the_clock
from policy.trading_days import last_session, next_close, trade_date
from tests.workflows import requests_desk as requests
from tests.workflows.command import Command
from tests.workflows.desk import TestDesk, account, book, drifted
from tests.workflows.test_days import live

STATEMENT = "account_id,symbol,quantity,as_of\n"
HELD = (("X", "400"), ("Y", "700"), ("Z", "1150"), ("CASH", "2000.00"))  # of A-1, before anything trades


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str, str], str]:
    """Writes a file; its path."""

    def write(name: str, content: str) -> str:
        (tmp_path / name).write_text(content)
        return str(tmp_path / name)

    return write


def session_after(day: date) -> date:
    """The trading day behind a day."""
    later = day + timedelta(days=1)
    while last_session(later) == last_session(day):
        later += timedelta(days=1)
    return later


@pytest.mark.clock
@pytest.mark.timeout(600)  # some thirty commands, one after the other
async def test_a_day_in_commands(
    desk: TestDesk, temporal_server: TemporalServer, written: Callable[[str, str], str]
) -> None:
    command = Command(desk, temporal_server)

    async def said(*words: str, code: int = 0) -> str:
        """What a command tells, however its lines are broken."""
        answer = await command(*words)
        assert answer.code == code, (words, answer)
        assert "Traceback" not in answer.err
        return " ".join((answer.out + answer.err).split())

    today = the_clock().today()
    day, ahead = last_session(today), session_after(today)

    # load, prices, positions: the last session is the business day; no file is of a day to come (DAY-4, DAY-5)
    file = written("book.json", json.dumps(book(drifted(), account("A-2"), **live())))
    assert f"business day {day}" in await said("load", file)
    early = await said("prices", written("early.csv", f"symbol,date,close\nX,{ahead},101.00\n"))
    assert f"business day stays {day}, and is not {ahead}: it is after today" in early
    closes = "".join(f"{symbol},{day},{close}\n" for symbol, close in (("X", 100), ("Y", 50), ("Z", 20)))
    assert "was loaded already" in await said("prices", written("closes.csv", f"symbol,date,close\n{closes}"))
    statement = "".join(f"A-1,{symbol},{quantity},{day}\n" for symbol, quantity in HELD)
    told = await said("positions", written("statement.csv", STATEMENT + statement))
    assert "what the books have" in told
    assert f"is of {ahead}, after today" in await said(
        "positions", written("later.csv", STATEMENT + statement.replace(str(day), str(ahead))), code=1
    )

    # evaluate, queue, plan, diagnose: as of that day
    assert f"Evaluated 2 accounts as of {day}: 2 queued, 0 unable to check" in await said("evaluate")
    assert "A-1 OUTSIDE_TOLERANCE" in await said("queue")
    assert f"as of {day}" in await said("plan", "--book", file, "--account", "A-1")
    assert f"the oldest of {day}" in await said("diagnose", "A-1")
    assert f"prices of {day}" in await said("status", code=1)  # red: no schedule is there

    # hold: until a day that is over, refused; until tomorrow, left out
    tomorrow = today + timedelta(days=1)
    assert "is over" in await said("account", "hold", "A-2", "--until", str(day - timedelta(1)), "--why", "x", code=1)
    await said("account", "hold", "A-2", "--until", str(tomorrow), "--why", "moves house")
    assert f"left out of --queue until {tomorrow}" in await said("queue")

    # corporate-actions: of the last session, before anything trades (of what was held)
    paid = {"id": "CA-1", "type": "cash_dividend", "symbol": "Z", "date": str(day), "amount": "0.25"}
    assert "applied: 1 action" in await said(
        "corporate-actions", written("actions.json", json.dumps({"actions": [paid]}))
    )

    # submit and approve: until the next close (DAY-6); the trades are of the venue's day (DAY-2)
    request = (await command("submit", "--queue", "--by", "ann")).out.strip()
    assert request.startswith(f"Q-{today:%Y%m%d}-")
    handle = desk.client.get_workflow_handle(f"rebalance-request/{request}")
    await requests.pending(handle, 1)
    until = f"{next_close(the_clock().now()):%Y-%m-%d %H:%M:%SZ}"
    assert f"waits for an approval until {until}" in await said("show", "R-000001")
    assert "until today's close" in await said("status", code=1) or not _closes_today()
    plan = (await command("show", "R-000001", "--format", "json")).json["plan_digest"]
    traded = trade_date(the_clock().now())
    await said("approve", "R-000001", "--by", "ben", "--plan", plan[:8])
    assert (await requests.result(handle))["status"] == "COMPLETE"
    assert "R-000001 A-1 COMPLETE" in await said("history")
    shown = (await command("account", "show", "A-1", "--format", "json")).json
    opened = {lot["acquired"] for sleeve in shown["sleeves"] for held in sleeve["holdings"] for lot in held["lots"]}
    assert opened - {None} == {str(traded)}

    # a statement of the last session: what traded since is told apart from what differs (DAY-5); where that session
    # is the trades' own, it lacks them: what the managed sleeve holds is booked, what a model's does is a break
    again = await said("positions", written("again.csv", STATEMENT + statement.replace("400", "401")))
    assert "that somebody has to resolve: rebalancer breaks" in again
    listed = (await command("breaks", "--format", "json")).json
    assert {each["symbol"] for each in listed} == ({"X"} if traded > day else {"X", "Y"})
    await said("breaks", "resolve", "--account", "A-1", "--note", "told by the custodian", "--by", "ben")
    assert (await command("breaks", "--format", "json")).json == []

    # audit: the record of it all
    assert "approved" in await said("audit", "show", "R-000001")
    await said("audit", "verify")


def _closes_today() -> bool:
    return next_close(the_clock().now()).date() == the_clock().today()
