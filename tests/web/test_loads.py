"""Loading: checked without writing, then confirmed; a broken file changes nothing and every problem is told."""

from pathlib import Path

from sqlalchemy import text

from storage.connection import Books
from tests.web.conftest import Visitor, form_token

BOOK = Path(__file__).parents[2] / "examples" / "demo.yaml"


def accounts(books: Books) -> int:
    with books.reading() as read:
        return int(read.connection.scalar(text("SELECT count(*) FROM accounts")) or 0)


def test_a_book_is_checked_then_loaded(books: Books, visitor: Visitor) -> None:
    client = visitor("ann")
    token = form_token(client, "/loads")
    checked = client.post("/loads/check", data={"form": token}, files={"file": ("demo.yaml", BOOK.read_bytes())})
    assert "Nothing is written yet" in checked.text
    assert "14 accounts are new" in checked.text
    assert accounts(books) == 0
    digest = checked.text.partition('name="digest" value="')[2].partition('"')[0]
    done = client.post("/loads/confirm", data={"form": token, "digest": digest, "kind": "book"})
    assert done.headers["location"] == "/queue"
    assert accounts(books) == 14


def test_a_broken_book_changes_nothing(books: Books, visitor: Visitor) -> None:
    client = visitor("ann")
    token = form_token(client, "/loads")
    broken = b'{"as_of": "2026-11-20", "accounts": [{"id": "A-1", "cash": "much"}]}'
    told = client.post("/loads/check", data={"form": token}, files={"file": ("b.json", broken)})
    assert told.status_code == 409
    assert "accounts[0].cash" in told.text
    assert accounts(books) == 0


def test_prices_are_checked_line_by_line(demo: Books, visitor: Visitor) -> None:
    client = visitor("ann")
    token = form_token(client, "/loads")
    lines = b"symbol,date,close\nKO,2022-12-29,63.95\nPEP,2022-12-29,none\n"
    told = client.post("/loads/check", data={"form": token, "kind": "prices"}, files={"file": ("p.csv", lines)})
    assert told.status_code == 409
    assert "line 3" in told.text


def test_what_was_not_checked_is_not_loaded(visitor: Visitor) -> None:
    client = visitor("ann")
    token = form_token(client, "/loads")
    for digest in ("0" * 64, "../../etc/passwd"):
        answer = client.post("/loads/confirm", data={"form": token, "digest": digest, "kind": "book"})
        assert answer.status_code == 409
