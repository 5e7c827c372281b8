"""`--dry-run`: the same report as the real thing, the same refusals, and the database as it was, table by table.

`submit` and `model signal` need Temporal: tests/workflows/test_dry_runs.py.
"""

from pathlib import Path

import pytest

from storage.connection import Books
from tests.cli.conftest import Command
from tests.storage.contents import contents

TARGET = (
    '{"id": "GROWTH", "name": "Growth", "components": [{"security": "KO", "weight": "0.98"},'
    ' {"cash": true, "weight": "0.02"}]}'
)
BOOK = (
    '{"as_of": "2022-12-28", "accounts": [{"id": "Z-1", "name": "Z", "custodian": "PAPER", '
    '"tax_status": "exempt", "cash": "10.00"}]}'
)


def same_but_for_the_writing(loaded: Command, desk: Books, *words: str) -> None:
    before = contents(desk.engine)
    dry = loaded(*words, "--dry-run")
    assert (dry.code, dry.err.splitlines()[0]) == (0, "dry run: nothing was written"), dry.err
    assert contents(desk.engine) == before
    real = loaded(*words)
    assert (real.code, real.out) == (0, dry.out)
    assert contents(desk.engine) != before


@pytest.mark.parametrize(
    ("words", "name", "content"),
    [
        ("prices", "prices.csv", "symbol,date,close\nKO,2022-12-29,63.95\n"),
        ("target edit", "target.json", TARGET),
        ("load", "book.json", BOOK),
        ("positions --date 2022-12-28", "statement.csv", "account_id,symbol,quantity\nA-101,,1.00\n"),
    ],
)
def test_the_same_report_and_nothing_written(
    loaded: Command, desk: Books, tmp_path: Path, words: str, name: str, content: str
) -> None:
    file = tmp_path / name
    file.write_text(content)
    same_but_for_the_writing(loaded, desk, *words.split(), str(file))


@pytest.mark.parametrize(
    "words",
    [
        "account rebalancing A-101 A-102 off --by ann",
        "account rebalancing off --target BALANCED --by ann",
        "target assign A-101 A-102 GROWTH --by ann",
        "target remove --household NONE A-101 --by ann",
    ],
)
def test_what_is_done_to_many_is_told_first(loaded: Command, desk: Books, words: str) -> None:
    if "--household NONE" in words:
        said = loaded(*words.split())
        assert (said.code, "one of them" in said.err) == (2, True)
        words = words.replace("--household NONE ", "")
    same_but_for_the_writing(loaded, desk, *words.split())


def test_what_would_be_refused_is_refused(loaded: Command, desk: Books, tmp_path: Path) -> None:
    file = tmp_path / "target.json"
    file.write_text(TARGET.replace("0.98", "1.98"))
    before = contents(desk.engine)
    said = loaded("target", "edit", str(file), "--dry-run")
    assert said.code == 1
    assert contents(desk.engine) == before  # a refusal in earnest is on the record, a rehearsed one is not
    assert said.err == loaded("target", "edit", str(file)).err
