"""`rebalancer target edit`: a new version and everybody that it serves in the queue, or nothing at all (TARGET-6)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.connection import Books
from tests.cli.conftest import Command, Said
from tests.storage.small_book import BOOK, audited, effects, last_audit, loaded, rows

Edit = Callable[..., Said]
CORE: dict[str, Any] = BOOK["targets"][0]
EDITED = CORE | {"components": [{"security": "Y", "weight": "0.4"}, {"security": "Z", "weight": "0.6"}]}


@pytest.fixture
def edit(inside: Command, books: Books, database_url: str, tmp_path: Path) -> Edit:
    """`edit({"id": …}, "--format", "json")` on the small book, whose queue is empty."""
    loaded(books)
    with books.transaction() as transaction:
        transaction.queue.leave("A-2", "the test begins")

    def run(given: Any, *words: str, name: str = "target.json") -> Said:
        path = tmp_path / name
        path.write_text(given if isinstance(given, str) else json.dumps(given))
        return inside("target", "edit", str(path), *words, REBALANCER_DATABASE_URL=database_url)

    return run


def queued(books: Books) -> list[Any]:
    return rows(books, "SELECT account_id, primary_reason, reasons FROM queue_entries WHERE left_at IS NULL ORDER BY 1")


def evidence(target: str, before: int, now: int) -> dict[str, Any]:
    return {"target": target, "version": now, "previous_version": before, "rule": "TARGET-6"}


def test_whom_it_serves_is_queued_those_included_whose_target_contains_it(edit: Edit, books: Books) -> None:
    at = last_audit(books)
    said = edit(EDITED, "--format", "json", "--by", "ann")
    assert (said.code, said.err) == (0, "")
    assert said.json["version"] == 2
    assert said.json["versions"] == {"CORE": {"before": 1, "now": 2}, "GROWTH": {"before": 1, "now": 2}}
    assert said.json["queued"] == {"TARGET_CHANGED": 2}
    assert queued(books) == [
        ("A-1", "TARGET_CHANGED", {"TARGET_CHANGED": evidence("GROWTH", 1, 2)}),
        ("A-2", "TARGET_CHANGED", {"TARGET_CHANGED": evidence("CORE", 1, 2)}),
    ]
    assert sorted(each for each in audited(books, at) if each[1]) == [("queued", "A-1"), ("queued", "A-2")]
    kept = rows(books, "SELECT symbol, weight FROM target_components WHERE target_id = 'CORE' AND version = 2")
    assert [(symbol, str(weight.normalize())) for symbol, weight in kept] == [("Y", "0.4"), ("Z", "0.6")]


def test_the_reason_joins_what_is_queued_and_leaves_the_primary_one_first(edit: Edit, books: Books) -> None:
    with books.transaction() as transaction:
        transaction.queue.add("A-1", {"HIGH_CASH": {"weight": "0.9"}})
        transaction.queue.add("A-2", {"FIRST_REBALANCE": {"target": "CORE", "version": 1}})
    said = edit(EDITED)
    assert "queued      1 FIRST_REBALANCE, 1 TARGET_CHANGED" in said.out
    (_, first, reasons), (_, second, _) = queued(books)
    assert (first, second) == ("TARGET_CHANGED", "FIRST_REBALANCE")
    assert reasons == {"HIGH_CASH": {"weight": "0.9"}, "TARGET_CHANGED": evidence("GROWTH", 1, 2)}


def test_an_account_whose_rebalancing_is_off_is_not_queued_and_this_is_said(edit: Edit, books: Books) -> None:
    with books.transaction() as transaction:
        transaction.accounts.switch_rebalancing("A-1", False, transaction.market.book_day().as_of)  # type: ignore[union-attr]
    said = edit(EDITED)
    assert said.out.splitlines() == [
        "target CORE is now version 2 (was 1)",
        "  target GROWTH, which contains it, is now version 2 (was 1)",
        "  queued      1 TARGET_CHANGED",
        "  not queued  1, because their rebalancing is off",
        "Nothing trades until it is submitted and approved. Next: rebalancer queue",
    ]
    assert [row[0] for row in queued(books)] == ["A-2"]


def test_the_same_content_again_changes_nothing(edit: Edit, books: Books) -> None:
    edit(EDITED)
    before = effects(books)
    said = edit(EDITED)
    assert said.code == 0
    assert "target CORE holds what" in said.out
    assert "already: nothing changes, version 2 stays" in said.out
    assert effects(books) == before


def test_a_new_name_is_no_new_version(edit: Edit, books: Books) -> None:
    said = edit(CORE | {"name": "The core"})
    assert "only its name changes, version 1 stays" in said.out
    assert rows(books, "SELECT name, version FROM targets WHERE id = 'CORE'") == [("The core", 1)]
    assert queued(books) == []


def test_yaml_and_a_threshold_of_zero_is_accepted_with_a_warning(edit: Edit) -> None:
    said = edit(
        "id: CORE\ncomponents:\n- {security: Y, weight: 0.5, threshold: {lower: 0, upper: 0.6}}\n", name="core.yaml"
    )
    assert said.code == 0
    assert said.err.startswith("warning: security:Y has a lower threshold of 0")
    assert "(TARGET-5)" in said.err


GROWTH = {"target": "GROWTH", "weight": "0.1"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (EDITED | {"id": "NEW"}, ['id: unknown target "NEW": an edit is of one that is there']),
        (CORE | {"components": [{"security": "NO", "weight": "2"}, {"model": "NO", "weight": "-1"}]},
         ['components[0].security: unknown security "NO"', 'components[1].model: unknown model "NO"']),
        (CORE | {"components": [{"security": "Y", "weight": "0.6"}, {"security": "Z", "weight": "0.6"}]},
         ["the weights sum to 120.00 %, 20.00 % too much (TARGET-1)"]),
        (CORE | {"components": [{"security": "Y", "weight": "0.5"}, GROWTH]},
         ["targets form a cycle: CORE → GROWTH → CORE (TARGET-2)"]),
        (CORE | {"components": [{"security": "Y", "weight": "0.5", "precision": {"lower": "0.1", "upper": "0.9"}}]},
         ["(TARGET-3)"]),
        ({"targets": [EDITED]}, ["id: is missing", "targets: is not a key of the book format"]),
        ({"id": 7, "components": 7}, ["id: ", "components: a list is needed"]),
        ([EDITED], ["is not one target, an object with id and components"]),
        ("{", ["the file is not JSON"]),
    ],
)  # fmt: skip
def test_a_refused_target_changes_nothing(edit: Edit, books: Books, given: Any, told: list[str]) -> None:
    before = effects(books)
    said = edit(given)
    assert (said.code, said.out) == (1, "")
    assert "nothing was changed" in said.err
    for each in told:
        assert each in said.err
    assert "targets[0]" not in said.err
    assert effects(books) == before


def test_a_cycle_through_targets_that_the_database_has_is_named(edit: Edit) -> None:
    assert edit(CORE | {"components": [{"target": "ALL-X", "weight": "1"}]}).code == 0  # GROWTH → CORE → ALL-X
    said = edit({"id": "ALL-X", "components": [GROWTH]})
    assert said.code == 1
    assert "targets form a cycle: ALL-X → GROWTH → CORE → ALL-X" in said.err


def test_as_a_process_of_its_own(command: Command, books: Books, database_url: str, tmp_path: Path) -> None:
    loaded(books)
    path = tmp_path / "core.json"
    path.write_text(json.dumps(EDITED))
    said = command("target", "edit", str(path), "--by", "ann", REBALANCER_DATABASE_URL=database_url)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("target CORE is now version 2 (was 1)\n")
