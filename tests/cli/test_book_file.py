"""Book files: read exactly as written, JSON or YAML, whole or an account at a time; what can't be read says why."""

import json
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.books.book import BookRefused
from reading.files import book_file
from reading.files.book_file import open_book

EXAMPLES = Path(__file__).parents[2] / "examples"
SOUND = json.loads((EXAMPLES / "analyst-case.json").read_text())
Json = dict[str, Any]


def whole(path: Path) -> tuple[Json, list[Any]]:
    book = open_book(path)
    return book.market, list(book.accounts)


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_json_numbers_stay_as_written(tmp_path: Path) -> None:
    path = written(tmp_path, "book.json", '{"as_of": "2026-11-20", "accounts": [{"cash": 0.10, "n": 1e2, "i": 7}]}')
    market, (account,) = whole(path)
    assert market == {"as_of": "2026-11-20"}
    assert account == {"cash": Decimal("0.10"), "n": Decimal("1E+2"), "i": 7}
    assert str(account["cash"]) == "0.10"


def test_yaml_makes_nothing_of_what_is_written(tmp_path: Path) -> None:
    text = "as_of: 2026-11-20\naccounts:\n- {id: ON, cash: 0.10, custodian: NO, x: 010, y: 1_000, t: 12:30, big: 1e5}\n"
    market, (account,) = whole(written(tmp_path, "book.yaml", text))
    assert market == {"as_of": "2026-11-20"}
    assert account == {
        "id": "ON", "cash": "0.10", "custodian": "NO", "x": "010", "y": "1_000", "t": "12:30", "big": "1e5",
    }  # fmt: skip


def test_yaml_keeps_true_false_null_and_whole_numbers(tmp_path: Path) -> None:
    text = 'accounts:\n- {a: true, b: false, c: null, d: ~, e: 3, f: -2, g: "3", h: "true", i: }\n'
    _, (account,) = whole(written(tmp_path, "book.yml", text))
    assert account == {"a": True, "b": False, "c": None, "d": None, "e": 3, "f": -2, "g": "3", "h": "true", "i": None}


def test_the_same_book_in_yaml_and_json(tmp_path: Path) -> None:
    path = written(tmp_path, "book.yaml", json.dumps(SOUND))  # JSON is YAML
    assert whole(path) == whole(EXAMPLES / "analyst-case.json")


def test_a_byte_order_mark_is_no_part_of_the_book(tmp_path: Path) -> None:
    assert whole(written(tmp_path, "book.json", b"\xef\xbb\xbf" + json.dumps(SOUND).encode())) == (
        {key: value for key, value in SOUND.items() if key != "accounts"},
        SOUND["accounts"],
    )


def test_a_book_without_accounts(tmp_path: Path) -> None:
    assert whole(written(tmp_path, "book.json", '{"as_of": "2026-11-20"}')) == ({"as_of": "2026-11-20"}, [])


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("b.json", "", "the file is empty"),
        ("b.yaml", "", "the file is empty"),
        ("b.json", "[]", "the file is not an object with as_of"),
        ("b.json", '"book"', "the file is not an object with as_of"),
        ("b.json", '{"as_of": "2026-11-20",', "the file is not JSON: "),
        ("b.json", '{"a": NaN}', "the file has NaN, which is not a number"),
        ("b.json", '{"a": -Infinity}', "the file has -Infinity, which is not a number"),
        ("b.json", '{"a": 1, "a": 2}', 'the file has the key "a" twice in one object'),
        ("b.json", '{"x": [{"a": 1, "a": 2}]}', 'the file has the key "a" twice in one object'),
        ("b.json", '{"a": ' + "9" * 5000 + "}", "the file is not JSON: Exceeds the limit"),
        ("b.json", DEEP, "the file is nested too deeply"),
        ("b.json", bytes(range(256)), "the file is not UTF-8 text (byte 128)"),
        ("b.json", json.dumps(SOUND).encode("utf-16"), "the file is not UTF-8 text (byte 0)"),
        ("b.json", '{"accounts": null}', "accounts: a list is needed"),
        ("b.json", '{"accounts": {}}', "accounts: a list is needed"),
        ("b.yaml", "a: 1\na: 2\n", 'the file has the key "a" twice in one object'),
        ("b.yaml", "a: [1\n", "the file is not YAML: "),
        ("b.yaml", "a: 1\n---\nb: 2\n", "the file is not YAML: but found another document in line 2, column 1"),
        ("b.yaml", "a: &x 1\nb: *x\n", "the file uses YAML aliases (*name): write each value out"),
        ("b.yaml", "a: !!float 0.1\n", "the file uses YAML tags (!name): write the value alone"),
        ("b.yaml", "a: !!timestamp 2026-13-45\n", "the file uses YAML tags"),
        ("b.yaml", "a: !!python/object/apply:os.system [exit]\n", "the file uses YAML tags"),
        ("b.yaml", "a: \0\n", "the file is not YAML: unacceptable character #x0000"),
        ("b.yaml", "\ta: 1\n", "the file is not YAML: "),
        ("b.yaml", DEEP, "the file is nested too deeply"),
        ("b.yaml", "{a: " * 100_000, "the file is nested too deeply"),
        ("b.yaml", "\n".join(" " * at + "a:" for at in range(2000)), "the file is nested too deeply"),
        ("b.yaml", "- " * 10_000, "the file is nested too deeply"),
    ],
    ids=lambda value: ascii(value[:24]),
)
def test_what_can_not_be_read_says_why_in_one_line(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    with pytest.raises(BookRefused) as refused:
        whole(written(tmp_path, name, content))
    (problem,) = refused.value.problems
    assert str(problem).startswith(said)
    assert "\n" not in str(problem)


def test_what_is_no_file(tmp_path: Path) -> None:
    for path, said in ((tmp_path, "Is a directory"), (tmp_path / "none.json", "No such file or directory")):
        with pytest.raises(BookRefused, match=f"the file can't be opened: {said}"):
            open_book(path)


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every book is read an account at a time."""
    monkeypatch.setattr(book_file, "LARGE", 0)


@pytest.mark.usefixtures("small_is_large")
class TestAnAccountAtATime:
    """Large books; the same as small ones, but for what memory they take."""

    def test_it_reads_the_same(self, tmp_path: Path) -> None:
        book = {
            **SOUND,
            "accounts": [{**SOUND["accounts"][0], "id": f"A-{at}"} for at in range(50)],
            "policy": {"x": 0.1},
        }
        path = written(tmp_path, "book.json", json.dumps(book))
        market, accounts = whole(path)
        assert market == {
            **{key: value for key, value in book.items() if key != "accounts"},
            "policy": {"x": Decimal("0.1")},
        }
        assert accounts == book["accounts"]

    def test_accounts_may_come_first(self, tmp_path: Path) -> None:
        assert whole(written(tmp_path, "b.json", '{"accounts": [{"id": "A"}], "as_of": "2026-11-20"}')) == (
            {"as_of": "2026-11-20"},
            [{"id": "A"}],
        )

    def test_yaml_too(self, tmp_path: Path) -> None:
        text = "accounts:\n- {id: ON, cash: 0.10}\n- id: B\nas_of: 2026-11-20\nx: [{a: [1]}]\n"
        market, accounts = whole(written(tmp_path, "b.yaml", text))
        assert market == {"as_of": "2026-11-20", "x": [{"a": [1]}]}
        assert accounts == [{"id": "ON", "cash": "0.10"}, {"id": "B"}]
        path = written(tmp_path, "sound.yaml", json.dumps(SOUND))
        assert whole(path) == whole(EXAMPLES / "analyst-case.json")

    def test_yaml_in_the_memory_of_an_account(self, tmp_path: Path) -> None:
        """5,000 accounts, half a megabyte: nowhere near as much of it is in memory at once."""
        line = "- {id: A-%05d, cash: 12345.67, target: GROWTH, holdings: [{symbol: X, quantity: 12.5}, {symbol: Y}]}\n"
        text = "as_of: 2026-11-20\naccounts:\n" + "".join(line % at for at in range(5000))
        path = written(tmp_path, "b.yaml", text)
        open_book(path)  # what is imported for it
        tracemalloc.start()
        count = sum(1 for _ in open_book(path).accounts)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == 5000
        assert path.stat().st_size > 500_000 > 2 * peak

    @pytest.mark.parametrize("name", ["b.json", "b.yaml"])
    def test_it_tells_how_far_it_is(self, tmp_path: Path, name: str) -> None:
        book = open_book(written(tmp_path, name, json.dumps(SOUND)))
        list(book.accounts)
        assert book.position() == book.size > 0

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("[]", "the file is not an object with as_of"),
            ('{"accounts": {}}', "accounts: a list is needed"),
            ('{"accounts": null}', "accounts: a list is needed"),
            ('{"as_of": 1, "as_of": 2}', 'the file has the key "as_of" twice in one object'),
            ('{"securities": [{"a": 1, "a": 2}]}', 'the file has the key "a" twice in one object'),
            ('{"accounts": [{"a": 1, "a": 2}]}', 'the file has the key "a" twice in one object'),
            ('{"a": NaN}', "the file is not JSON: "),
            ('{"accounts": [{}', "the file is not JSON: "),
            ("", "the file is empty"),
            ("accounts: {}", "accounts: a list is needed"),
            ("as_of: 1\nas_of: 2", 'the file has the key "as_of" twice in one object'),
            ("accounts: []\naccounts: []", 'the file has the key "accounts" twice in one object'),
            ("accounts: [{a: 1, a: 2}]", 'the file has the key "a" twice in one object'),
            ("accounts: [{}", "the file is not YAML: "),
            ("accounts: [*a]", "the file uses YAML aliases"),
            ("accounts: [" + "[" * 100, "the file is nested too deeply"),
            ("a: 1\n---\nb: 2", "the file is not YAML: but found another document in line 2, column 1"),
        ],
    )
    def test_it_refuses_the_same(self, tmp_path: Path, content: str, said: str) -> None:
        yaml = content[:1] not in {"{", "["} and "JSON" not in said
        with pytest.raises(BookRefused) as refused:
            whole(written(tmp_path, "b.yaml" if yaml else "b.json", content))
        (problem,) = refused.value.problems
        assert str(problem).startswith(said)
