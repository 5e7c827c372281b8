"""`rebalancer status` is red where somebody has to act, each thing by its own numbers; none of it needs Temporal."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text, update

from domain.executing.reconciliation import Break
from policy.clock import EXCHANGE_ZONE, the_clock
from storage.actor import Actor
from storage.connection import Books
from storage.record.histories import ClosedWorkflow
from storage.schema.execution import breaks, rebalances
from storage.work.evaluations import Note, PageResult
from tests.cli.conftest import Command
from tests.cli.rebalanced import executed, pending


def told(loaded: Command) -> dict[str, dict[str, Any]]:
    """The checks by name."""
    said = loaded("status", "--format", "json")
    assert said.code == 1, "Temporal is not there"
    return {each["check"]: each for each in said.json["checks"]}


def evaluated(books: Books, notes: list[Note], queued: dict[str, int] | None = None) -> None:
    """An evaluation of 13 accounts that ended, with what it could not check."""
    with books.transaction(Actor("test")) as transaction:
        transaction.evaluations.begin("E-1", date(2022, 12, 28))
        page = PageResult(13, queued=queued or {})
        for each in notes:
            page.count(each.kind, each.why)
        transaction.evaluations.keep_page("E-1", "", "z", page, notes)
        transaction.evaluations.end("E-1")


def test_accounts_that_could_not_be_checked_by_reason_and_by_symbol(loaded: Command, desk: Books) -> None:
    assert told(loaded)["accounts"]["found"] == "none evaluated yet"
    prices = "PRICE_MISSING_OR_STALE"
    evaluated(
        desk,
        [
            Note("A-101", "unable_to_check", prices, "no price", {"symbols": ["GE", "KO"]}),
            Note("A-103", "unable_to_check", prices, "no price", {"symbols": ["KO"]}),
            Note("A-104", "unable_to_check", "ACCOUNT_FROZEN", "frozen", {}),
            Note("A-105", "within", "QUEUE-4", "nothing to trade", {}),
        ],
    )
    assert told(loaded)["accounts"] == {
        "check": "accounts",
        "ok": False,
        "found": "3 of 13 could not be checked: 1 ACCOUNT_FROZEN, 2 PRICE_MISSING_OR_STALE; by symbol: "
        "KO (2 accounts), GE (1 account)",
        "next_action": "rebalancer diagnose A-101 says of one what to do; then rebalancer evaluate",
    }


def test_what_was_queued_is_told_in_the_order_of_reasons(loaded: Command, desk: Books) -> None:
    evaluated(desk, [], {"LOW_CASH": 1, "NO_TARGET": 2, "OUTSIDE_TOLERANCE": 4, "FIRST_REBALANCE": 3})
    found = told(loaded)["last_evaluation"]["found"]
    assert found.endswith("queued 2 NO_TARGET, 3 FIRST_REBALANCE, 1 LOW_CASH, 4 OUTSIDE_TOLERANCE")


def test_frozen_and_closed_accounts_wait_for_nobody(loaded: Command, desk: Books) -> None:
    evaluated(desk, [Note("A-104", "unable_to_check", "ACCOUNT_FROZEN", "frozen", {})])
    found = told(loaded)["accounts"]
    assert (found["ok"], found["found"]) == (True, "1 of 13 could not be checked: 1 ACCOUNT_FROZEN")


def test_all_accounts_could_be_checked(loaded: Command, desk: Books) -> None:
    evaluated(desk, [])
    found = told(loaded)["accounts"]
    assert (found["ok"], found["found"]) == (True, "all 13 could be checked")


def test_what_is_held_without_a_price_that_counts(loaded: Command, desk: Books) -> None:
    """RRC of the demo's book, of 2022-12-19, is too old on 2022-12-28; held by one that is to be rebalanced."""
    found = told(loaded)["missing_prices"]
    assert (found["ok"], found["found"]) == (False, "1 symbol held without one that counts: RRC (1 account)")
    assert found["next_action"] == "rebalancer prices FILE, with these symbols"
    loaded("account", "rebalancing", "A-113", "off")
    assert told(loaded)["missing_prices"]["ok"] is True


def test_open_breaks_by_age(loaded: Command, desk: Books, as_owner: Books) -> None:
    assert told(loaded)["breaks"]["found"] == "none is open"
    with desk.transaction(Actor("test")) as books:
        found = [Break("quantity", symbol, Decimal(10), Decimal(8)) for symbol in ("KO", "GE")]
        numbers = books.breaks.open("A-103", None, found) + books.breaks.open("A-101", None, found[:1])
    with as_owner.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for number, age in zip(numbers, ("2 days", "9 days", "1 minute"), strict=True):
            aged = text(f"now() - interval '{age}'")
            connection.execute(update(breaks).where(breaks.c.id == number).values(opened_at=aged))
    check = told(loaded)["breaks"]
    assert check["ok"] is False
    start = "3 open, of 2 accounts: 1 of the last day, 1 older than a day, 1 older than a week; the oldest since "
    assert check["found"].startswith(start)
    assert check["next_action"] == "rebalancer breaks"


def test_approvals_that_expire_today(loaded: Command, desk: Books) -> None:
    assert told(loaded)["approvals"]["found"] == "nothing waits for one"
    first, second = pending(desk, "A-103"), pending(desk, "A-110")
    today = datetime.combine(the_clock().today(), datetime.min.time(), EXCHANGE_ZONE)
    _expiring(desk, {first: today + timedelta(days=1, hours=16), second: today + timedelta(days=1)})
    assert told(loaded)["approvals"]["ok"] is True, "the first second of tomorrow is not today"
    _expiring(desk, {first: today + timedelta(hours=16)})
    check = told(loaded)["approvals"]
    assert check["ok"] is False
    assert check["found"].startswith("2 rebalances waiting, 1 of them until today's close; the first expires ")


def test_plans_that_a_law_refused_until_the_account_did_well(loaded: Command, desk: Books) -> None:
    refused = pending(desk, "A-103")
    with desk.transaction(Actor("test")) as books:
        said = {"rule": "LAW-2", "severity": "error", "message": "a sleeve would be short", "evidence": {}}
        books.rebalances.end(refused, "FAILED", "a sleeve would be short", {"findings": [said]})
    check = told(loaded)["plans"]
    assert (check["ok"], check["found"]) == (False, f"LAW-2 refused 1: {refused}")
    assert check["next_action"].startswith(f"rebalancer show {refused} ")
    _another(desk, refused)
    executed(desk, pending(desk, "A-103"))
    assert told(loaded)["plans"]["ok"] is True


def test_signals_that_failed_for_accounts(loaded: Command, desk: Books) -> None:
    made = pending(desk, "A-103")
    with desk.transaction(Actor("test")) as books:
        books.rebalances.end(made, "FAILED", "no price", {"findings": []})
    assert told(loaded)["signals"]["ok"] is True, "it was no signal's"
    with desk.engine.begin() as connection:
        of_signal = update(rebalances).where(rebalances.c.id == made).values(request_id="model-signal/DIVIDEND/7")
        connection.execute(of_signal)
    check = told(loaded)["signals"]
    assert (check["ok"], check["found"]) == (False, "model-signal/DIVIDEND/7 failed for 1 account")
    assert check["next_action"] == "rebalancer show model-signal/DIVIDEND/7"


def test_an_archive_that_lags(loaded: Command, desk: Books) -> None:
    executed(desk, made := pending(desk, "A-103"))
    executed(desk, pending(desk, "A-110"))
    now = the_clock().now()
    kept = ClosedWorkflow("rebalance/A-110", "r", "run-A-110", "RebalanceAccount", "COMPLETED", now, now, 1, "{}")
    with desk.transaction(Actor("test")) as books:
        assert books.histories.keep(kept)
    assert told(loaded)["archive"]["ok"] is True, "the sweep has time to find it"
    with desk.engine.begin() as connection:
        aged = update(rebalances).values(ended_at=text("now() - interval '4 hours'"))
        connection.execute(aged)
    check = told(loaded)["archive"]
    assert check["ok"] is False
    assert check["found"].startswith("it lags: 1 rebalance without a kept history"), made


def _expiring(desk: Books, at: dict[str, datetime]) -> None:
    with desk.engine.begin() as connection:
        for rebalance_id, moment in at.items():
            connection.execute(update(rebalances).where(rebalances.c.id == rebalance_id).values(expires_at=moment))


def _another(desk: Books, rebalance_id: str) -> None:
    """Lets the account start another rebalance under the same name."""
    with desk.engine.begin() as connection:
        connection.execute(update(rebalances).where(rebalances.c.id == rebalance_id).values(start_key="earlier"))
