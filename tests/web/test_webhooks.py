"""Webhooks by API and page: for who administers; a secret is shown once; nothing leads near us."""

import json

import pytest
from sqlalchemy import text

from storage.actor import Actor
from storage.connection import Books
from tests.web.conftest import Visitor, form_token
from tests.web.test_api import V1, is_problem
from webhooks import signing

URL = "https://hooks.example.com/hidden-part"
KEY = {"Idempotency-Key": "webhook-0001"}


@pytest.fixture
def hook(books: Books) -> str:
    """A webhook that is there already; its sender is another test's."""
    with books.transaction(Actor("ada")) as work:
        return work.webhooks.add(URL, ["rebalance ended"], signing.fresh())


def kept(books: Books, table: str) -> str:
    with books.engine.connect() as connection:
        return str(connection.execute(text(f"SELECT * FROM {table}")).all())


def test_it_is_listed_without_its_secret(books: Books, visitor: Visitor, hook: str) -> None:
    ada = visitor("ada")
    listed = ada.get(f"{V1}/webhooks").json()["webhooks"]
    assert [each["id"] for each in listed] == [hook] and listed[0] == ada.get(f"{V1}/webhooks/{hook}").json()
    assert (listed[0]["url"], listed[0]["actions"], listed[0]["added_by"]) == (URL, ["rebalance ended"], "ada")
    assert "whsec_" not in json.dumps(listed)
    page = ada.get("/webhooks").text
    assert hook in page and URL in page and "nothing sent yet" in page and "whsec_" not in page


def test_a_new_secret_is_shown_once_and_kept_where_it_signs(books: Books, visitor: Visitor, hook: str) -> None:
    ada = visitor("ada")
    told = ada.post(f"{V1}/webhooks/{hook}/secret", headers=KEY)
    secret = told.json()["secret"]
    assert secret.startswith("whsec_") and told.headers["cache-control"] == "no-store"
    assert told.json()["former_secret_until"] is not None
    again = ada.post(f"{V1}/webhooks/{hook}/secret", headers=KEY)
    assert again.headers["idempotency-replayed"] == "true" and again.json()["secret"] is None
    assert secret in kept(books, "webhooks")
    assert secret not in kept(books, "api_calls") and secret not in kept(books, "audit_records")
    shown = ada.post("/webhooks/secret", data={"form": form_token(ada, "/webhooks"), "webhook": hook})
    assert shown.text.count("whsec_") == 1 and shown.headers["cache-control"] == "no-store"


def test_removed_it_is_forgotten(books: Books, visitor: Visitor, hook: str) -> None:
    ada = visitor("ada")
    assert ada.delete(f"{V1}/webhooks/{hook}", headers=KEY).json() == {"removed": True}
    assert ada.get(f"{V1}/webhooks").json() == {"webhooks": [], "next_cursor": None}
    assert "Events are sent nowhere" in ada.get("/webhooks").text
    assert "whsec_" not in kept(books, "webhooks")
    for number, (method, path) in enumerate((("DELETE", ""), ("POST", "/secret"))):
        answer = ada.request(method, f"{V1}/webhooks/{hook}{path}", headers={"Idempotency-Key": f"removed-{number}"})
        is_problem(answer, 404, "unknown")


@pytest.mark.parametrize("url", ["https://169.254.169.254/latest", "https://localhost/", "http://hooks.example.com/"])
def test_what_leads_near_us_is_refused(books: Books, visitor: Visitor, url: str) -> None:
    ada = visitor("ada")
    refused = is_problem(ada.post(f"{V1}/webhooks", json={"url": url}, headers=KEY), 422, "unreadable")
    assert refused["errors"][0]["pointer"] == "/url"
    page = ada.post("/webhooks/add", data={"form": form_token(ada, "/webhooks"), "url": url})
    assert page.status_code == 422 and "No webhook was added" in page.text
    assert ada.get(f"{V1}/webhooks").json() == {"webhooks": [], "next_cursor": None}


def test_nothing_is_kept_where_temporal_does_not_answer(books: Books, visitor: Visitor) -> None:
    ada = visitor("ada")
    is_problem(ada.post(f"{V1}/webhooks", json={"url": URL}, headers=KEY), 503, "unreachable")
    assert ada.post("/webhooks/add", data={"form": form_token(ada, "/webhooks"), "url": URL}).status_code == 503
    assert kept(books, "webhooks") == "[]"


def test_it_is_for_who_administers(visitor: Visitor, hook: str) -> None:
    for name in ("ann", "ben", "cleo", "vic", "dora"):
        other = visitor(name)
        is_problem(other.get(f"{V1}/webhooks"), 403, "forbidden")
        is_problem(other.delete(f"{V1}/webhooks/{hook}", headers=KEY), 403, "forbidden")
        assert other.get("/webhooks").status_code == 403
