"""The short form of `make fuzz`: some inputs at every boundary, the same each time; and the watch itself works."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import strategies as st
from sqlalchemy import Engine, insert

from cli import main
from storage.schema.tables import metadata
from tests.fuzz import outlets
from tests.fuzz.__main__ import alone
from tests.fuzz.boundaries import BOOK, Boundary, Place, boundaries
from tests.fuzz.outlets import Broken, command, fingerprint
from tests.fuzz.trial import attempt
from tests.storage.small_book import by_hand

INPUTS = {"book files, planned": 100, "workflow inputs and updates": 150}
FEWER = 10  # where each input opens a database; `make fuzz` tries them for minutes


@pytest.fixture
def place(tmp_path: Path, database_url: str, owner: Engine, monkeypatch: pytest.MonkeyPatch) -> Place:
    alone(tmp_path, database_url, monkeypatch.setenv, monkeypatch.delenv)
    return Place(tmp_path, owner)


@pytest.mark.parametrize("boundary", boundaries(), ids=lambda each: each.name)
def test_whatever_comes_in_is_taken_or_refused_in_words(boundary: Boundary, place: Place) -> None:
    sound = place.folder / "sound.json"
    sound.write_text(json.dumps(BOOK))
    assert command("load", str(sound), "--by", "ann").code == 0
    tried = attempt(boundary, place, INPUTS.get(boundary.name, FEWER), 1)
    assert tried.broken is None
    assert tried.count >= FEWER


# --- what the watch must see


def _answering(monkeypatch: pytest.MonkeyPatch, does: Callable[[], Any]) -> None:
    """Puts another command in the place of `rules`."""
    made = click.Command("rules", callback=lambda **given: does(), params=[click.Option(["--format"])])
    monkeypatch.setattr(main.rebalancer, "get_command", lambda context, name: made)


def test_a_traceback_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    _answering(monkeypatch, lambda: 1 // 0)
    with pytest.raises(Broken, match="ZeroDivisionError"):
        command("rules")


def test_a_hang_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def forever() -> None:
        while True:
            pass

    monkeypatch.setattr(outlets, "SECONDS", 0.2)
    _answering(monkeypatch, forever)
    with pytest.raises(Broken, match="hangs"):
        command("rules")


@pytest.mark.parametrize(
    ("does", "told"),
    [
        (lambda: 3, "exit status 3"),
        (lambda: 1, "no reason"),
        (lambda: click.echo("Traceback (most recent call last):"), "a traceback is shown"),
        (lambda: click.echo("loading…"), "not json"),
        (lambda: click.echo('{"weight": NaN}'), "not json"),
    ],
)
def test_an_answer_that_no_one_can_use_is_seen(monkeypatch: pytest.MonkeyPatch, does: Any, told: str) -> None:
    _answering(monkeypatch, does)
    with pytest.raises(Broken, match=told):
        command("rules", "--format", "json")


def test_a_partial_write_is_seen(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def half() -> int:
        with place.engine.begin() as connection:
            connection.execute(
                insert(metadata.tables["securities"]).values(symbol="HALF", name="", quantity_increment=1)
            )
            by_hand(connection)
        click.echo("refused", err=True)
        return 1

    before = fingerprint(place.engine)
    _answering(monkeypatch, half)
    boundary = next(each for each in boundaries() if each.name == "arguments")
    tried = attempt(Boundary("half", st.just(["rules"]), boundary.attempt), place, 1, 1)
    assert tried.broken is not None
    assert "has changed the books" in tried.broken
    assert fingerprint(place.engine) != before
