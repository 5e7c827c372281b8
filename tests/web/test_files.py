"""Every page gives what it shows as CSV and Parquet, whatever the ids on it are made of."""

import csv
import html
import io
import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

import pytest
from pyarrow import parquet

from policy import in_force
from storage.actor import Actor
from storage.connection import Books
from storage.intake.loading import load
from tests.cli.rebalanced import REQUEST, executed, pending, requested
from tests.web.conftest import Visitor, form_token
from tests.web.test_routes import needed

# Forms, and what is a file itself: nothing is listed there.
NO_TABLE = {"/targets/{target_id}/edit", "/rebalances/{rebalance_id}/report", "/requests/{request_id:path}"}


def shown() -> Iterator[tuple[str, str]]:
    """The path of every page, and who may see it."""
    for method, path, act in needed():
        if method == "GET" and act is not None and path not in NO_TABLE:
            yield path, "ada" if act in {"people", "keys", "webhooks"} else "dora"


def test_every_page_comes_as_a_file(demo: Books, visitor: Visitor) -> None:
    made = pending(demo, "A-103")
    requested(demo, ["A-103"])
    executed(demo, made)
    ids = {
        "rebalance_id": made,
        "request_id": REQUEST,
        "account_id": "A-103",
        "model_id": "HEALTH",
        "target_id": "BALANCED",
    }
    clients, seen = {name: visitor(name) for name in ("dora", "ada")}, 0
    for path, who in shown():
        client, there = clients[who], path.format_map(ids)
        rows = client.get(f"{there}?format=csv")
        assert rows.status_code == 200, (there, rows.text)
        assert rows.headers["content-type"] == "text/csv; charset=utf-8", there
        heading, *lines = csv.reader(io.StringIO(rows.text))
        whole = client.get(f"{there}?format=parquet")
        assert whole.headers["content-type"] == "application/vnd.apache.parquet", there
        table = parquet.read_table(io.BytesIO(whole.content))
        assert (table.column_names, table.num_rows) == (heading, len(lines)), there
        page = client.get(there, follow_redirects=True).text
        if lines:
            assert "format=csv" in page and "format=parquet" in page, f"{there} offers no file"
        seen += bool(lines)
    assert seen >= 15


ODD = '?#"% 25;λ😀'  # behind an id: what an address, a header and a file's name have their own ideas about


@pytest.fixture
def odd(demo: Books) -> str:
    """An account of the demo under an odd id, with its target under one too; the account's."""
    account = f"A-900{ODD}"
    target = {"id": f"T{ODD}", "components": [{"security": "AAPL", "weight": "0.9"}]}
    rows: list[object] = [{"id": account, "name": "Odd", "target": target["id"], "cash": "1000.00"}]
    with demo.reading() as books:
        day = books.market.book_day()
    assert day is not None
    market = {"as_of": str(day.as_of), "historical": True, "targets": [target]}
    load(demo, market, iter(rows), in_force(day.as_of), day.as_of, Actor("ann"))
    return account


def test_an_odd_id_is_kept_by_every_address_and_every_file(odd: str, visitor: Visitor) -> None:
    client = visitor("ann")
    for at in (
        f"/accounts/{quote(odd, safe='')}",
        f"/accounts/{quote(odd, safe='')}/diagnosis",
        f"/targets/T{quote(ODD, safe='')}",
    ):
        page = client.get(at).text
        (live,) = re.findall(r'hx-get="([^"]*)"', page)
        assert html.unescape(live) == at, "what is live asks for the same page"
        for form in ("csv", "parquet"):
            (path,) = {each for each in re.findall(r'href="([^"]*)"', page) if f"format={form}" in each}
            answer = client.get(html.unescape(path))
            assert answer.status_code == 200, path
            named = answer.headers["content-disposition"]
            plain, _, coded = named.partition("; filename*=UTF-8''")
            assert re.fullmatch(r'attachment; filename="[A-Za-z0-9._-]+"', plain)
            assert ODD in unquote(coded)


CAME = {
    "http://localhost:8234/queue?reason=NO_TARGET": "/queue?reason=NO_TARGET",
    "https://evil.example/queue": "/",
    "http://localhost:8234//evil.example": "/",
    "": "/",
}


def test_a_refusal_of_a_form_leads_back_to_its_page(demo: Books, visitor: Visitor) -> None:
    """Not to where the form went, which is no page; nor elsewhere, whoever claims to have sent it."""
    client = visitor("ann")
    token = form_token(client)
    for came, leads in CAME.items():
        for given in ({"form": "another"}, {"form": token, "account": "A", "size": "x", "version": "x"}):
            page = client.post("/targets/BALANCED/edit", data=given, headers={"referer": came}).text
            links = re.findall(r'class="button" href="([^"]*)"', page)
            assert html.unescape(links[0]) == leads, (came, page)
            assert client.get(html.unescape(links[0])).status_code == 200
