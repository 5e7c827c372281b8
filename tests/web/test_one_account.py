"""Pages about one account at one moment agree: commands, console and API, whatever state it is in."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.executing.reconciliation import Break
from policy.clock import the_clock
from storage.actor import Actor
from storage.connection import Books
from storage.engine import DATABASE_URL
from tests.cli.rebalanced import executed, pending, refused, requested
from tests.forked import Said, rebalancer
from tests.web.conftest import Visitor
from tests.web.test_every_page import read

WAITS, DONE, FAILED, HELD, ONCE_HELD = "A-103", "A-110", "A-113", "A-104", "A-105"
FROZEN, BROKEN, OFF, STALE = "A-101", "A-106", "A-108", "A-114"
STATES = (WAITS, DONE, FAILED, HELD, ONCE_HELD, FROZEN, BROKEN, OFF, STALE)


@pytest.fixture
def told(demo: Books, alone: dict[str, str]) -> Any:
    """A command at the books, as JSON or as it reads."""
    url = demo.engine.url.render_as_string(hide_password=False)

    def command(*words: str, json: bool = True) -> Any:
        said: Said = rebalancer([*words, *(["--format", "json"] if json else [])], alone | {DATABASE_URL: url})
        return said.json if json else " ".join(said.out.split())

    return command


def in_every_state(books: Books) -> None:
    """Waiting, executed, failed, held, held once, frozen, with an open break, off, and of prices that moved since."""
    today = the_clock().today()
    made = {each: pending(books, each) for each in (WAITS, DONE, FAILED)}
    requested(books, list(made))
    executed(books, made[DONE])
    refused(books, made[FAILED])
    with books.transaction(Actor("ann")) as work:
        for each in (HELD, ONCE_HELD, BROKEN, STALE):
            work.queue.add(each, {"MANUAL": {"requested_by": "ann"}})
        work.account_states.hold(HELD, today + timedelta(days=2), "moves house")
        work.account_states.hold(ONCE_HELD, today - timedelta(days=1), "moved house")
        work.account_states.set_status(FROZEN, "frozen", "probate", today)
        work.breaks.open(BROKEN, None, [Break("quantity", "KO", Decimal(10), Decimal(8))])
        outside = {"model:HEALTH": {"value": "1.00", "weight": "0.9123", "target_weight": "0.55", "lower": "0.44",
                                    "upper": "0.539", "breach": "above"}}  # fmt: skip
        work.queue.add(STALE, {"OUTSIDE_TOLERANCE": outside})
        work.accounts.switch_rebalancing(OFF, False, today)


def test_commands_console_and_api_agree(demo: Books, visitor: Visitor, told: Any) -> None:
    in_every_state(demo)
    client = visitor("dora")
    api = {each: client.get(f"/api/v1/accounts/{each}").json() for each in STATES}
    pages = {each: " ".join(read(client.get(f"/accounts/{each}").text).split()) for each in STATES}
    queue = {each["account_id"]: each for each in told("queue")}
    of_api = {each["account_id"]: each for each in client.get("/api/v1/queue").json()["entries"]}
    listed = {each["account_id"]: each for each in told("account", "list")}
    by_api = {each["account_id"]: each for each in client.get("/api/v1/accounts").json()["accounts"]}
    breaks = {each["account_id"] for each in told("breaks")}
    in_console = client.get("/queue").text
    for each in STATES:
        shown, entry = told("account", "show", each), queue.get(each)
        checks = {check["check"]: check for check in told("diagnose", each)["checks"]}
        reasons = entry["reasons"] if entry else []
        # in the queue, and why
        assert shown["in_queue"] == api[each]["queued"] == reasons, each
        assert listed[each]["queued"] == by_api[each]["queued"] == (reasons[0] if reasons else None), each
        assert (entry is None) == (each not in of_api) == (f'id="row-{each}"' not in in_console), each
        assert ("In the queue since" in pages[each]) == bool(entry), each
        assert checks["queue"]["found"].startswith("in the queue for " if entry else "not in the queue"), each
        if entry:
            assert {key: entry[key] for key in ("reasons", "evidence", "held_until", "last_issue")} == {
                key: of_api[each][key] for key in ("reasons", "evidence", "held_until", "last_issue")
            }, each
        # held
        until = entry["held_until"] if entry else None
        assert (shown["held"] or {}).get("until") == until, each
        assert (f"held until {until}" in pages[each]) == bool(until), each
        assert (f"held until {until}" in checks["queue"]["found"]) == bool(until), each
        # under way
        assert shown["in_flight"] == api[each]["in_flight"], each
        assert ("is under way" in pages[each]) == bool(shown["in_flight"]), each
        # status and toggle
        of_all = (shown, api[each], listed[each], by_api[each])
        assert len({(at["status"], at["rebalancing"], at["target"]) for at in of_all}) == 1, each
        assert f"{shown['status']} at PAPER" in pages[each], each
        # breaks
        assert [int(number) for number in shown["open_breaks"]] == api[each]["open_breaks"], each
        assert bool(shown["open_breaks"]) == (each in breaks) == ("Open breaks" in pages[each]), each
        # what it is worth, and its cash
        assert shown["managed_value"] == listed[each]["managed_value"], each
        assert f"{Decimal(shown['total_cash']):,.2f}" in pages[each], each
        assert listed[each]["cash"] == shown["total_cash"], each
    assert queue[HELD]["held_until"] is not None
    assert queue[ONCE_HELD]["held_until"] is None


def test_what_is_measured_on_an_account_s_own_pages_is_of_now(demo: Books, visitor: Visitor, told: Any) -> None:
    """The queue has what was measured then, and says so; 91.23 % of HEALTH are 61.13 % by now."""
    in_every_state(demo)
    page = " ".join(read(visitor("ann").get(f"/accounts/{STALE}").text).split())
    for said in (page, told("account", "show", STALE, json=False), told("diagnose", STALE, json=False)):
        assert "model:HEALTH 61.13 % is above 53.90 %" in said
        assert "91.23 %" not in said
    listing = " ".join(read(visitor("ann").get("/queue").text).split())
    for said in (listing, told("queue", json=False)):
        assert "91.23 %" in said
        assert "Measured as each account joined: no evaluation has ended yet." in said


def test_all_of_a_filter_leaves_out_who_is_held(demo: Books) -> None:
    in_every_state(demo)
    with demo.reading() as books:
        today = the_clock().today()
        assert HELD not in books.queue_pages.chosen(None, "A-", today)
        assert ONCE_HELD in books.queue_pages.chosen(None, "A-", today)
