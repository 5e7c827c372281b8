"""`--dry-run`: the same report as the real thing, the same refusals, and the books as they were."""

from pathlib import Path

import pytest
from sqlalchemy import text

from storage.connection import Books
from tests.cli.conftest import Command

STATE = text(
    "SELECT (SELECT count(*) FROM audit_records), (SELECT count(*) FROM prices), (SELECT count(*) FROM accounts),"
    " (SELECT sum(version) FROM targets), (SELECT count(*) FROM queue_entries)"
)
TARGET = (
    '{"id": "GROWTH", "name": "Growth", "components": [{"security": "KO", "weight": "0.98"},'
    ' {"cash": true, "weight": "0.02"}]}'
)


def state(desk: Books) -> tuple[object, ...]:
    with desk.reading() as books:
        return tuple(books.connection.execute(STATE).one())


@pytest.mark.parametrize(
    ("words", "name", "content"),
    [
        ("prices", "prices.csv", "symbol,date,close\nKO,2022-12-29,63.95\n"),
        ("target edit", "target.json", TARGET),
        ("load", "book.json", '{"as_of": "2022-12-28", "accounts": [{"id": "Z-1", "name": "Z", "custodian": "PAPER", '
                              '"tax_status": "exempt", "cash": "10.00"}]}'),
    ],
)  # fmt: skip
def test_the_same_report_and_nothing_written(
    loaded: Command, desk: Books, tmp_path: Path, words: str, name: str, content: str
) -> None:
    file = tmp_path / name
    file.write_text(content)
    before = state(desk)
    dry = loaded(*words.split(), str(file), "--dry-run")
    assert (dry.code, dry.err.splitlines()[0]) == (0, "dry run: nothing was written"), dry.err
    assert state(desk) == before
    real = loaded(*words.split(), str(file))
    assert (real.code, real.out) == (0, dry.out)
    assert state(desk) != before


def test_what_would_be_refused_is_refused(loaded: Command, desk: Books, tmp_path: Path) -> None:
    file = tmp_path / "target.json"
    file.write_text(TARGET.replace("0.98", "1.98"))
    said = loaded("target", "edit", str(file), "--dry-run")
    assert said.code == 1
    assert said.err == loaded("target", "edit", str(file)).err
