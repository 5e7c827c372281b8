"""Loading: checked without writing, then confirmed; a broken file changes nothing and every problem is told."""

import html
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.connection import Books
from tests.web.conftest import Visitor, form_token
from web import uploads

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


def test_a_statement_is_checked_then_compared(demo: Books, visitor: Visitor) -> None:
    client = visitor("ann")
    token = form_token(client, "/loads")
    with demo.reading() as read:
        day = read.market.book_day().as_of  # type: ignore[union-attr]
    lines = f"account_id,symbol,quantity,as_of\nA-103,CASH,1.00,{day}\n".encode()
    form = {"form": token, "kind": "statement"}
    told = client.post("/loads/check", data=form, files={"file": ("s.csv", lines)})
    assert told.status_code == 200 and "1 account compared" in told.text, told.text
    assert "No difference" in client.get("/breaks").text or "A-103" not in client.get("/breaks").text
    digest = told.text.partition('name="digest" value="')[2].partition('"')[0]
    done = client.post("/loads/confirm", data=form | {"digest": digest})
    assert done.headers["location"] == "/breaks"
    assert "A-103" in client.get("/breaks").text


def test_a_signal_is_refused_where_its_trades_could_not_be_started(demo: Books, visitor: Visitor) -> None:
    """Temporal is away here."""
    client = visitor("ann")
    form = {"form": form_token(client, "/loads"), "kind": "signal"}
    wrong = client.post("/loads/check", data=form, files={"file": ("s.json", b'{"id": "NONE", "version": 2}')})
    assert wrong.status_code == 409 and "unknown model" in wrong.text and tempfile.gettempdir() not in wrong.text
    with demo.reading() as read:
        name = read.listings.models(0, 1).rows[0].id
    whole = f'{{"id": "{name}", "version": 2, "holdings": [{{"cash": true, "weight": "1"}}]}}'.encode()
    away = client.post("/loads/check", data=form, files={"file": ("s.json", whole)})
    assert away.status_code == 503 and "Temporal does not answer" in away.text


def test_a_target_is_edited_by_what_it_would_do(demo: Books, visitor: Visitor) -> None:
    client = visitor("ann")
    with demo.reading() as read:
        rows = read.listings.targets(0, 50).rows
    name = max(rows, key=lambda each: each.accounts).id
    page = client.get(f"/targets/{name}/edit")
    shown = html.unescape(page.text.partition('class="code">')[2].partition("</textarea>")[0])
    version = page.text.partition('name="version" value="')[2].partition('"')[0]
    form = {"form": form_token(client, f"/targets/{name}/edit"), "version": version}
    same = client.post(f"/targets/{name}/check", data=form | {"text": shown})
    assert same.status_code == 200 and "it holds that already" in same.text, same.text
    wrong = client.post(f"/targets/{name}/check", data=form | {"text": f'{{"id": "{name}", "components": [{{}}]}}'})
    assert wrong.status_code == 422 and "components[0]" in wrong.text
    other = client.post(f"/targets/{name}/check", data=form | {"text": shown.replace(f'"{name}"', '"OTHER"', 1)})
    assert other.status_code == 422 and "has to stay" in other.text
    cash = f"id: {name}\ncomponents:\n  - cash: true\n    weight: 1\n"
    told = client.post(f"/targets/{name}/check", data=form | {"text": cash})
    assert told.status_code == 200 and "Nothing is written yet" in told.text, told.text
    assert "queued for" in told.text and "What would trade" in told.text
    assert client.get(f"/targets/{name}").text.count("version 2") == 0
    digest = told.text.partition('name="digest" value="')[2].partition('"')[0]
    done = client.post(f"/targets/{name}/edit", data=form | {"digest": digest})
    assert (done.status_code, done.headers["location"]) == (303, f"/targets/{name}")
    with demo.reading() as read:
        assert next(each.version for each in read.listings.targets(0, 50).rows if each.id == name) == 2


@pytest.mark.parametrize(
    "name", ["𠀀" * 90 + ".yaml", "a" * 300 + ".yaml", "λ.yaml", "..", "a/b\\c.yaml", "x." + "y" * 300]
)
def test_a_file_is_kept_whatever_it_is_called(name: str) -> None:
    """Its suffix stays, by which it is known what is in it, and its name is none that no file system takes."""
    digest = uploads.keep(name, b"accounts: []")
    found = uploads.find(digest)
    assert found is not None and found.read_bytes() == b"accounts: []"
    assert len(found.name.encode()) <= 120
    assert (found.suffix == ".yaml") is name.endswith(".yaml")
    again = uploads.find(uploads.keep("other.json", b"accounts: []"))
    assert again is not None and (again.parent, again.name) == (found.parent, "other.json")


def test_a_digest_that_is_none_finds_nothing(visitor: Visitor) -> None:
    client = visitor("ann")
    for digest in ("𠀀" * 64, "../" * 21 + "a", "0" * 64, "A" * 64):
        answer = client.post("/loads/confirm", data={"form": form_token(client), "kind": "book", "digest": digest})
        assert answer.status_code == 409, digest
        assert "Upload it again" in answer.text
