"""The commands that read: accounts, targets, the queue and what was rebalanced. None of them needs Temporal."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.executing.reconciliation import Break
from storage.actor import Actor
from storage.connection import Books
from tests.cli.conftest import Command, Said
from tests.cli.rebalanced import REQUEST, executed, pending


def refused(said: Said) -> str:
    """The one line of a refusal."""
    assert (said.code, said.out) == (1, ""), said.out
    assert len(said.err.splitlines()) == 1, said.err
    return said.err.strip()


@pytest.mark.parametrize(
    "words",
    ["account show X", "account rebalancing X on", "target assign X GROWTH", "history --account X", "diagnose X"],
)
def test_an_unknown_account(loaded: Command, words: str) -> None:
    assert refused(loaded(*words.split())).startswith("rebalancer: account X is unknown")


@pytest.mark.parametrize("words", ["target show X", "target assign A-101 X"])
def test_an_unknown_target(loaded: Command, words: str) -> None:
    assert refused(loaded(*words.split())).startswith("rebalancer: target X is unknown")


@pytest.mark.parametrize("words", ["queue", "target show X"])
def test_a_database_without_tables_is_said_in_a_line(command: Command, empty_database_url: str, words: str) -> None:
    said = refused(command(*words.split(), REBALANCER_DATABASE_URL=empty_database_url))
    assert "python -m storage.migrations" in said


@pytest.mark.parametrize("words", ["queue", "target remove A-1", "status", "diagnose A-1"])
def test_without_a_stack(command: Command, words: str) -> None:
    said = command(*words.split())
    assert said.code == 1
    assert "make up" in said.out + said.err
    assert "Traceback" not in said.err


# --- account -----------------------------------------------------------------------------------------------------


def test_an_account_in_its_public_form(loaded: Command) -> None:
    told = loaded("account", "show", "A-106", "--format", "json").json
    expected = {
        "account_id": "A-106",
        "rebalancing": True,
        "status": "open",
        "target": None,
        "managed_value": "117679.11",
        "cash": "4318.02",
        "in_queue": ["NO_TARGET"],
        "in_flight": None,
        "open_breaks": [],
    }
    assert told | expected == told
    sleeves = {each["sleeve"]: each for each in told["sleeves"]}
    assert {key: (each["status"], each["cash"], each["value"]) for key, each in sleeves.items()} == {
        "managed": ("open", "4318.02", "56438.34"),
        "model:DIVIDEND": ("closing", "1152.24", "61240.77"),
        "protected": ("open", "0.00", "21326.00"),
    }
    held = {each["symbol"]: each for each in sleeves["managed"]["holdings"]}
    assert held["HD"] == {
        "symbol": "HD",
        "quantity": "100",
        "value": "31122.00",
        "lots": [{"acquired": "2018-03-05", "quantity": "100", "cost_per_share": "159.20"}],
    }
    assert held["GE"]["lots"] == [{"acquired": None, "quantity": "140", "cost_per_share": None}]


def test_an_accounts_components_are_those_of_its_plan(loaded: Command, examples: Path) -> None:
    shown = loaded("account", "show", "A-110", "--format", "json").json["components"]
    planned = loaded("plan", "--book", str(examples / "demo.yaml"), "--account", "A-110", "--format", "json").json[
        "components"
    ]
    of_the_plan = {"planned_value", "planned_weight", "investment_minimum"}
    assert shown == [{key: each[key] for key in each if key not in of_the_plan} for each in planned]


def test_an_account_as_a_page(loaded: Command) -> None:
    said = loaded("account", "show", "A-113").out
    assert "A-113 · Lindqvist forestry partners · as of 2022-12-28" in said
    assert "prices missing or too old: RRC (price of 2022-12-19); the oldest allowed is of 2022-12-22" in said
    assert "500 at 15.22 of 2021-06-14, 214 at 25.98 of 2022-06-17" in said


def test_the_toggle(loaded: Command) -> None:
    """
    before   off, outside tolerance, in no queue
    on       queued for OUTSIDE_TOLERANCE and TOGGLED_ON
    off      withdrawn
    """
    on = loaded("account", "rebalancing", "A-108", "on", "--by", "ann")
    assert on.out.strip() == "rebalancing of account A-108 is on: queued for OUTSIDE_TOLERANCE, TOGGLED_ON"
    entry = next(each for each in loaded("queue", "--format", "json").json if each["account_id"] == "A-108")
    assert entry["evidence"]["TOGGLED_ON"] == {"switched_by": "ann"}
    assert "its queue entry is withdrawn" in loaded("account", "rebalancing", "A-108", "off").out
    assert "nothing changes" in loaded("account", "rebalancing", "A-108", "off").out
    assert loaded("account", "rebalancing", "A-108", "maybe").code == 2


# --- target ------------------------------------------------------------------------------------------------------


def test_a_target_flattened(loaded: Command) -> None:
    told = loaded("target", "show", "GROWTH", "--format", "json").json
    assert (told["target"], told["version"], told["accounts"]) == ("GROWTH", 1, 2)
    assert told["sub_targets"] == [
        {"target": "CORE-INCOME", "name": "Core income, four steady dividend payers", "weight": "0.40"}
    ]
    weights = {each["component"]: (each["lower"], each["weight"], each["upper"]) for each in told["components"]}
    assert weights == {
        "model:LARGE-GROWTH": ("0.464", "0.58", "0.696"),
        "security:JNJ": ("0.075", "0.10", "0.125"),
        "security:KO": ("0.075", "0.10", "0.125"),
        "security:PEP": ("0.075", "0.10", "0.125"),
        "security:PG": ("0.075", "0.10", "0.125"),
        "cash": ("0.01", "0.02", "0.03"),
    }
    assert "A lower threshold of 0" in loaded("target", "show", "FLEXIBLE").out


def test_removing_and_assigning_a_target_queues_at_once(loaded: Command) -> None:
    removed = loaded("target", "remove", "A-107", "--by", "ann")
    assert removed.out.startswith("target GROWTH removed from account A-107: queued for NO_TARGET, TARGET_CHANGED")
    listed = loaded("queue", "--reason", "TARGET_CHANGED")
    assert "target GROWTH was removed" in listed.out
    assert "1 account. Submit them: rebalancer submit --queue --reason TARGET_CHANGED" in listed.out
    assert "target BALANCED assigned to account A-107" in loaded("target", "assign", "A-107", "BALANCED").out
    assert "nothing changes" in loaded("target", "assign", "A-107", "BALANCED").out


# --- queue -------------------------------------------------------------------------------------------------------


def test_the_queue_in_its_public_form(loaded: Command) -> None:
    listed = loaded("queue", "--format", "json").json
    assert [(each["primary_reason"], each["account_id"]) for each in listed] == [
        ("NO_TARGET", "A-106"),
        ("FIRST_REBALANCE", "A-101"),
        ("FIRST_REBALANCE", "A-102"),
        ("FIRST_REBALANCE", "A-110"),
        ("FIRST_REBALANCE", "A-111"),
    ]
    keys = {"account_id", "primary_reason", "reasons", "evidence", "queued_at", "last_issue", "held_until"}
    assert set(listed[1]) == keys
    assert listed[1]["queued_at"].endswith("Z")
    assert [each["account_id"] for each in loaded("queue", "--reason", "no_target", "--format", "json").json] == [
        "A-106"
    ]
    assert loaded("queue", "--reason", "MANUAL", "--format", "json").json == []
    assert loaded("queue", "--reason", "HUNCH").code == 2


def test_the_last_issue_stands_with_the_entry(loaded: Command, desk: Books) -> None:
    with desk.transaction(Actor("ann")) as transaction:
        transaction.queue.note_issue("A-111", "[red]nothing could open[/red]")
    assert "last issue       [red]nothing could open[/red]" in loaded("queue").out


# --- history and show --------------------------------------------------------------------------------------------


@pytest.fixture
def three(loaded: Command, desk: Books) -> list[str]:
    """A-103 complete, A-114 complete with errors as JNJ was halted, A-110 pending."""
    made = [pending(desk, account) for account in ("A-103", "A-114", "A-110")]
    executed(desk, made[0])
    executed(desk, made[1], rejected="JNJ")
    return made


def test_history_newest_first_and_narrowed(loaded: Command, three: list[str]) -> None:
    def ids(*words: str) -> list[str]:
        return [each["rebalance_id"] for each in loaded("history", *words, "--format", "json").json]

    assert ids() == three[::-1]
    assert ids("--status", "complete") == [three[0]]
    assert ids("--status", "PENDING_APPROVAL") == [three[2]]
    assert ids("--account", "A-114") == [three[1]]
    assert ids("--since", "2000-01-01") == three[::-1]
    assert ids("--since", "2999-01-01") == []
    assert loaded("history", "--since", "soon").code == 2
    newest = loaded("history", "--limit", "1", "--format", "json")
    assert (len(newest.json), "there are more than 1: --page 2" in newest.err) == (1, True)
    assert ids("--limit", "2", "--page", "2") == three[:1]
    assert ids("--limit", "1", "--page", "2") == [three[1]]


def test_history_in_its_public_form(loaded: Command, three: list[str]) -> None:
    row = loaded("history", "--account", "A-114", "--format", "json").json[0]
    started = row.pop("started_at")
    assert started.endswith("Z")
    assert row.pop("ended_at") >= started
    assert row == {
        "rebalance_id": three[1],
        "account_id": "A-114",
        "status": "COMPLETE_WITH_ERRORS",
        "mode": "best_fit",
        "kind": "full",
        "requested_by": "ann",
        "approved_by": "ben",
        "issue": "JNJ was halted",
        "request_id": REQUEST,
    }


def test_one_rebalance_whole(loaded: Command, three: list[str]) -> None:
    said = loaded("show", three[1]).out
    assert f"{three[1]} · account A-114 · best_fit" in said
    assert "issue: JNJ was halted" in said
    assert "rebalancer submit A-114" in said
    assert "requested by ann" in said
    assert "approved by ben, 2022-12-28 21:00:00Z" in said
    assert ": halted" in next(line for line in said.splitlines() if " JNJ " in line and "REJECTED" in line)
    assert "temporal workflow show -w rebalance/A-114 -r run-A-114 --address 127.0.0.1:1" in said


def test_one_rebalance_for_scripts(loaded: Command, three: list[str]) -> None:
    told = loaded("show", three[2], "--format", "json").json
    assert (told["status"], told["run_id"], told["expires_at"]) == (
        "PENDING_APPROVAL",
        "run-A-110",
        "2022-12-28T21:00:00Z",
    )
    assert told["plan"]["expected_status"] == "COMPLETE_WITH_ERRORS"
    assert told["result"] is None
    assert told["next_action"].startswith(f"rebalancer approve {three[2]} --by WHO, who is not ann")


def test_one_request_with_its_rebalances(loaded: Command, three: list[str]) -> None:
    told = loaded("show", REQUEST, "--format", "json").json
    assert (told["status"], len(told["rebalances"])) == ("IN_PROGRESS", 3)
    assert f"rebalancer approve {REQUEST} --by WHO" in loaded("show", REQUEST).out


def test_an_unknown_id(loaded: Command) -> None:
    assert refused(loaded("show", "R-9")).startswith("rebalancer: R-9 is no rebalance and no request")


# --- diagnose ----------------------------------------------------------------------------------------------------


def diagnosed(loaded: Command, account: str) -> dict[str, Any]:
    said = loaded("diagnose", account, "--format", "json")
    assert said.code == 0, said.err
    assert said.json["account_id"] == account
    return {each["check"]: each for each in said.json["checks"]}


def test_the_questions_in_their_order(loaded: Command) -> None:
    found = diagnosed(loaded, "A-112")
    assert list(found) == [
        "target",
        "rebalancing",
        "queue",
        "sleeves",
        "minimums",
        "lower_thresholds",
        "prices",
        "in_flight",
        "last_rebalance",
        "rebalancer",
    ]
    assert [key for key, each in found.items() if not each["ok"]] == ["rebalancer"], "Temporal is not there"
    assert all((each["next_action"] is None) is each["ok"] for each in found.values())


def test_a_lower_threshold_of_0(loaded: Command) -> None:
    found = diagnosed(loaded, "A-109")
    assert "model:HEALTH has a lower threshold of 0" in found["lower_thresholds"]["found"]
    assert "every component is inside its threshold" in found["queue"]["found"]
    assert "model:HEALTH" in found["sleeves"]["found"]


def test_a_minimum_that_is_missed(loaded: Command) -> None:
    found = diagnosed(loaded, "A-110")
    assert "It opens from an account value of 357,142.86" in found["minimums"]["found"]
    assert "bring the account to 357,142.86" in found["minimums"]["next_action"]
    assert "none, as its minimum is not met: model:CONSUMER" in found["sleeves"]["found"]
    assert found["queue"]["next_action"] == "rebalancer submit A-110, then an approval"


def test_rebalancing_off(loaded: Command) -> None:
    found = diagnosed(loaded, "A-108")
    assert "switched on, it would be queued for OUTSIDE_TOLERANCE" in found["queue"]["found"]
    assert found["rebalancing"]["next_action"].endswith("rebalancer account rebalancing A-108 on")


def test_prices_that_are_too_old(loaded: Command) -> None:
    found = diagnosed(loaded, "A-113")
    assert "RRC (price of 2022-12-19)" in found["prices"]["found"]
    assert found["queue"]["next_action"] == "rebalancer prices FILE, with newer ones"


def test_drift_that_no_evaluation_has_seen(loaded: Command) -> None:
    found = diagnosed(loaded, "A-103")
    assert "model:LARGE-GROWTH 38.91 % is above 36.00 %" in found["queue"]["found"]
    assert "No evaluation has ended yet" in found["queue"]["found"]
    assert found["queue"]["next_action"] == "rebalancer evaluate"


def test_what_waits_for_whose_approval(loaded: Command, three: list[str]) -> None:
    found = diagnosed(loaded, "A-110")
    assert f"{three[2]} is PENDING_APPROVAL, asked for by ann" in found["in_flight"]["found"]
    assert "for the approval of anyone but ann (four eyes)" in found["in_flight"]["found"]
    assert found["in_flight"]["next_action"].startswith(f"rebalancer approve {three[2]}")


def test_the_last_issue_and_an_open_break(loaded: Command, desk: Books, three: list[str]) -> None:
    issue = diagnosed(loaded, "A-114")["last_rebalance"]
    assert issue["found"] == f"{three[1]} ended COMPLETE_WITH_ERRORS: JNJ was halted"
    with desk.transaction(Actor("ann")) as transaction:
        found = Break("quantity", "AAPL", expected=_shares("262"), actual=_shares("260"))
        transaction.breaks.open("A-103", three[0], [found])
    broken = diagnosed(loaded, "A-103")["last_rebalance"]
    assert broken["found"] == "open break: 1, AAPL: the books have 262, the custodian 260"
    assert "rebalancer breaks resolve 1 --note TEXT" in broken["next_action"]
    shown = loaded("account", "show", "A-103", "--format", "json").json
    assert shown["open_breaks"] == [1]
    assert "--override open_break" in broken["next_action"]


def _shares(quantity: str) -> Any:
    return Decimal(quantity)


def test_the_walk_as_a_page(loaded: Command) -> None:
    said = loaded("diagnose", "A-111")
    assert "Is a target assigned?" in said.out
    assert "Does the rebalancer itself work?" in said.out
    assert "→ rebalancer status" in said.out
