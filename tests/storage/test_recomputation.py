"""A kept decision is computed again by the rules that made it, whatever today's are (AUDIT-1)."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from domain.values.purpose import from_json
from domain.values.rules import RULES_VERSION
from planners.kept import kept_plans
from storage import recomputation
from storage.actor import Actor
from storage.connection import Books
from storage.recomputation import recompute
from storage.work import rebalances
from storage.work.rebalances import NewRebalance
from tests.kept_plans.__main__ import PROJECT
from tests.storage.small_book import loaded, rows

LINES = kept_plans(PROJECT, "1").read_text(encoding="utf-8").splitlines()
DECISIONS = [json.loads(line) for line in LINES[:: len(LINES) // 6]]  # some of each sort


def decided(books: Books, decision: dict[str, Any], version: str | None = None) -> str:
    """A rebalance with a kept decision, as a release with these rules kept it; without one, as the first ones did."""
    with books.transaction(Actor("ann")) as transaction:
        made = transaction.rebalances.create(
            NewRebalance(
                account_id="A-1",
                start_key=decision["name"],
                workflow_id="rebalance/A-1",
                request_id=None,
                purpose=from_json(decision["purpose"]),
                mode=decision["mode"],
                approval="required",
                requested_by="ann",
                overrides=tuple(decision["overrides"]),
            )
        )
        transaction.rebalances.keep_snapshot(made, 1, decision["snapshot"], decision["policy"])
        if version is not None:
            transaction.rebalances.keep_plan(made, decision["plan"], "CHECKING", None)
        elif decision["plan"] is not None:
            changed = {"plan": json.dumps(decision["plan"], ensure_ascii=False), "id": made}
            transaction.execute(text("UPDATE rebalances SET plan = CAST(:plan AS json) WHERE id = :id"), changed)
        transaction.rebalances.end(made, "COMPLETE", None, {})
    return made


@pytest.fixture
def no_rules_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(*given: object) -> str:
        raise AssertionError("today's planner was asked for a decision of other rules")

    monkeypatch.setattr(recomputation, "decided", decide)


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision["name"])
def test_a_decision_of_rules_1_comes_out_again(
    books: Books, decision: dict[str, Any], no_rules_of_today: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(books)
    with monkeypatch.context() as earlier:
        earlier.setattr(rebalances, "RULES_VERSION", "1")
        made = decided(books, decision, "1")
    with books.transaction(Actor("auditor")) as transaction:
        (again,) = recompute(transaction, made)
    assert (again.ok, again.rules_version, again.same, again.differences) == (True, "1", True, ())
    assert set(again.evidence.values()) == {True}


def test_a_plan_from_before_versions_were_noted_is_of_rules_1(books: Books, no_rules_of_today: None) -> None:
    loaded(books)
    made = decided(books, DECISIONS[0])
    assert rows(books, "SELECT rules_version FROM rebalance_rounds") == [("1",)]
    with books.transaction(Actor("auditor")) as transaction:
        (again,) = recompute(transaction, made)
    assert (again.ok, again.same) == (True, True)


def test_what_a_check_refused_is_of_todays_rules(books: Books) -> None:
    loaded(books)
    decided(books, DECISIONS[0] | {"plan": None})
    assert rows(books, "SELECT rules_version, plan FROM rebalance_rounds") == [(RULES_VERSION, None)]
