"""Every page of the console over every example book, found by following its links: what is shown is for people, and
its numbers add up.
"""

import html
import re
from decimal import Decimal
from urllib.parse import urldefrag

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from domain.executing.reconciliation import Break
from storage.actor import Actor
from storage.connection import Books
from storage.schema.tables import accounts
from tests.cli.every_book import EVERY_BOOK, load_book
from tests.cli.python_values import python_values
from tests.cli.rebalanced import executed, pending, refused, requested
from tests.web.conftest import Visitor
from tests.web.sums import checked
from web.session import DEMO_PEOPLE


def crawled(client: TestClient) -> dict[str, str]:
    """Every page that can be reached from the first one, as HTML; nothing for what is a file."""
    left, pages = ["/"], dict[str, str]()
    while left:
        path = left.pop()
        answer = client.get(path)
        assert answer.status_code in {200, 303}, (path, answer.status_code)
        pages[path] = ""
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        pages[path] = answer.text
        found = {urldefrag(html.unescape(each))[0] for each in re.findall(r'(?:href|hx-get)="(/[^"]*)"', answer.text)}
        found = {each for each in found if "format=parquet" not in each}  # of the same rows as CSV, and tried elsewhere
        left += sorted(each for each in found - pages.keys() - set(left) if not each.startswith(("/static", "/live")))
    return pages


def read(page: str) -> str:
    """A page as a person reads it, with what is said of its pictures and fields."""
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    said = " ".join(re.findall(r'(?:aria-label|title|placeholder)="([^"]*)"', page))
    return html.unescape(f"{re.sub(r'<[^>]+>', ' ', page)} {said}")


def under_way(books: Books, name: str) -> None:
    """A request of every account of a book: half of what can be planned is executed, one order of it rejected; an open
    break; and a rebalance under the name of a request that there is not."""
    load_book(books, name)
    with books.transaction() as asked:
        everyone = list(asked.connection.scalars(select(accounts.c.id).order_by(accounts.c.id)))
        day = asked.market.book_day()
    assert day is not None
    made = [pending(books, each, day.as_of) for each in everyone]
    requested(books, everyone)
    with books.transaction(Actor("test")) as work:
        plans = {each: work.rebalances.get(each).plan for each in made}
        work.breaks.open(everyone[0], None, [Break("cash", None, Decimal("1250.00"), Decimal(2))])
    traded = [each for each in made if plans[each].get("orders")]
    for each in made:
        if "components" not in plans[each]:
            refused(books, each)
    for each in traded[::2]:
        executed(books, each, plans[each]["orders"][0]["symbol"] if each == traded[0] else None)


@pytest.mark.parametrize("name", EVERY_BOOK)
def test_every_page_of_every_example(books: Books, visitor: Visitor, name: str) -> None:
    under_way(books, name)
    found, seen, summed = [], 0, 0
    for who in ("dora", "ada"):
        for path, page in crawled(visitor(who)).items():
            sums = list(checked(page))
            seen, summed = seen + 1, summed + len(sums)
            found += [f"{path}: {flaw}" for flaw in python_values(read(page))]
            found += [
                f"{path}: {what} is {shown}, and comes to {right}" for what, shown, right in sums if shown != right
            ]
    assert seen > 60
    assert summed > 80
    assert not found, "\n".join(found[:40]) + f"\n{len(found)} in all"


def test_every_link_that_somebody_sees_leads_somewhere(books: Books, visitor: Visitor) -> None:
    under_way(books, "household.yaml")
    for who in DEMO_PEOPLE:
        assert len(crawled(visitor(who))) > 25


def test_a_rebalance_under_the_name_of_no_request_is_decided_by_itself(demo: Books, visitor: Visitor) -> None:
    made = pending(demo, "A-103")
    page = visitor("ben").get("/approvals").text
    assert "Started by themselves" in page
    assert made in page
    assert "/review" not in page


def test_what_trades_to_a_signal_is_found_under_its_name(demo: Books, visitor: Visitor) -> None:
    """A signal's name has a `/` in it, and so has where its rebalances are looked at."""
    made = [pending(demo, each) for each in ("A-101", "A-103")]
    with demo.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE rebalances SET request_id = 'model-signal/HEALTH/2'")
    client = visitor("vic")
    (leads,) = re.findall(r'href="(/requests/model-signal[^"]*)"', client.get(f"/rebalances/{made[0]}").text)
    page = client.get(leads)
    assert page.status_code == 200
    assert all(each in page.text for each in made)
    assert len(client.get(f"{leads}?format=csv").text.splitlines()) == 3
    assert client.get("/requests/model-signal%2FHEALTH%2F9").status_code in {404, 503}
