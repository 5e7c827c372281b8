"""`rebalancer load`: a short summary, every problem of a bad book, and never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.main import run as run_command
from storage.connection import Books
from tests.storage.small_book import book, rows


@pytest.fixture(autouse=True)
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCER_DATABASE_URL", database_url)


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["rebalancer", *words])
    code = run_command()
    out, error = capsys.readouterr()
    return code, out, error


def test_problems_of_the_market_and_of_accounts_are_told_together(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(
        '{"as_of": "2026-11-20", "targets": [{"id": "T", "components": [{"model": "NONE", "weight": "1"}]}],'
        ' "accounts": [{"id": "A", "cash": "x"}]}'
    )
    code, _, said = run(capsys, monkeypatch, "load", str(bad))
    assert code == 1
    assert 'targets[0].components[0].model: unknown model "NONE"' in said
    assert "accounts[0].cash" in said


def test_the_demo_book(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, books: Books, examples: Path
) -> None:
    path = str(examples / "demo.yaml")
    code, out, error = run(capsys, monkeypatch, "load", path, "--by", "ann")
    assert (code, error) == (0, "")
    assert out.splitlines() == [
        f"{path} loaded, business day 2022-12-28, a historical book: judged from its own day",
        "  accounts    14 created, 0 replaced, 0 unchanged",
        "  securities  20 created, 0 replaced",
        "  prices      20 created, 0 replaced",
        "  models      5 created, 0 replaced",
        "  targets     9 created, 0 replaced",
        "  queued      1 NO_TARGET, 4 FIRST_REBALANCE. Next: rebalancer queue",
    ]
    # Beside her is only the database's owner, who answered for its guard when it was migrated.
    assert rows(books, "SELECT DISTINCT who FROM audit_records WHERE action <> 'guard attested'") == [("ann",)]
    code, out, _ = run(capsys, monkeypatch, "load", path)
    assert (code, out) == (0, f"{path} was loaded already: nothing changes (14 accounts as in the book)\n")


def test_what_changed_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write(tmp_path, book())
    run(capsys, monkeypatch, "load", path)
    raw = book(account_groups=[{"id": "FAMILY", "accounts": ["A-1"]}])
    raw["targets"][1]["components"][3]["weight"] = "0.01"
    raw["accounts"][1]["rebalancing"] = False
    code, out, _ = run(capsys, monkeypatch, "load", write(tmp_path, raw))
    assert code == 0
    assert out.splitlines()[1:] == [
        "  accounts    0 created, 1 replaced, 2 unchanged",
        "  targets     0 created, 1 replaced",
        "  target GROWTH is now version 2 (was 1)",
        "  households  1 account moved",
        "  queue       1 entry withdrawn: rebalancing is off",
        "  queued      1 TARGET_CHANGED. Next: rebalancer queue",
    ]


def test_every_problem_of_a_bad_book(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, books: Books, tmp_path: Path
) -> None:
    raw = book()
    raw["accounts"][0]["target"] = "NONE"
    raw["accounts"][1]["colour"] = "red"
    path = write(tmp_path, raw)
    code, out, error = run(capsys, monkeypatch, "load", path)
    assert (code, out) == (1, "")
    assert error.splitlines() == [
        f"rebalancer: {path} refused, 2 problems; nothing was changed. Correct the file and try again:",
        '  accounts[0].target: unknown target "NONE"',
        "  accounts[1].colour: is not a key of the book format",
    ]
    assert rows(books, "SELECT count(*) FROM securities") == [(0,)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "the file is not JSON"),
        ("[]", "an object with as_of"),
        ("{}", "as_of: is missing"),
        ('{"as_of": "never"}', "as_of: "),
        ('{"as_of": "2026-11-20", "models": 3, "targets": [4]}', "models: a list is needed"),
        ('{"as_of": "2026-11-20", "accounts": 3}', "accounts: a list is needed"),
        ('{"as_of": "2026-11-20", "accounts": [3]}', "accounts[0]: an object is needed"),
        ('{"as_of": "2026-11-20", "accounts": [{"id": "A", "cash": "1e15"}]}', ""),
    ],
)
def test_what_is_no_book(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, told: str
) -> None:
    path = tmp_path / "book.json"
    path.write_text(content)
    code, _, error = run(capsys, monkeypatch, "load", str(path))
    assert code == (1 if told else 0)
    assert told in error
    assert "Traceback" not in error


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, error = run(capsys, monkeypatch, "load", "nowhere.json")
    assert code == 1
    assert "can't be opened: No such file" in error


def test_a_large_book_is_read_an_account_at_a_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("reading.files.book_file.LARGE", 0)
    code, out, _ = run(capsys, monkeypatch, "load", write(tmp_path, book()))
    assert code == 0
    assert "accounts    3 created" in out


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    url = "postgresql://nobody:secret@127.0.0.1:1/none"
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "load", write(tmp_path, book())],
        env=os.environ | {"REBALANCER_DATABASE_URL": url}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("rebalancer: the database does not answer")
    assert "secret" not in done.stderr


def write(folder: Path, raw: dict[str, Any]) -> str:
    path = folder / "book.json"
    path.write_text(json.dumps(raw))
    return str(path)
