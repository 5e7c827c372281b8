"""The API: what it reads, what it refuses and how, that a write is done once; and its own description of all that."""

import json
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from identity import roles
from storage.actor import Actor
from storage.connection import Books
from tests.cli.rebalanced import REQUEST, executed, pending, requested
from tests.web.conftest import Visitor
from web.api import app as api
from web.api.caller import Need
from web.api.cursors import place
from web.session import DEMO_PEOPLE

V1 = "/api/v1"
OPERATIONS = 20  # at least
OPEN = {("POST", "/sessions")}  # what anybody may ask: to sign in


def operations() -> list[tuple[str, str, roles.Act | None]]:
    """Every operation's method and path, with the act that it takes."""
    found = []
    for resource in api.RESOURCES:
        for route in resource.router.routes:
            acts = [each.call.act for each in route.dependant.dependencies if isinstance(each.call, Need)]  # type: ignore[attr-defined]
            found += [(method, route.path, acts[0] if acts else None) for method in route.methods]  # type: ignore[attr-defined]
    return found


def is_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem that an answer is; all of its keys are there."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    keys = {"type", "title", "status", "detail", "code", "rule", "evidence", "next_actions", "request_id", "errors"}
    assert told.keys() == keys
    assert (told["status"], told["code"]) == (status, code)
    return told


def test_every_operation_names_its_act() -> None:
    found = operations()
    assert len(found) >= OPERATIONS
    assert {(method, path) for method, path, act in found if act is None} == OPEN
    assert all(act in roles.ACTS for _, _, act in found if act is not None)
    assert all(act != "read" for method, _, act in found if method != "GET")


@pytest.mark.parametrize("name", [*DEMO_PEOPLE])
def test_nobody_without_a_role_gets_in(visitor: Visitor, name: str) -> None:
    client, refused = visitor(name), 0
    for method, path, act in operations():
        if act is None:
            continue
        there = V1 + path.replace("{break_id}", "1").replace("{", "").replace("}", "")
        answer = client.request(method, there)
        may = any(act in roles.MAY[role] for role in roles.known(DEMO_PEOPLE[name]))
        assert (answer.status_code == 403) is not may, (method, path, answer.text)
        assert answer.status_code != 500, (method, path)
        refused += not may
    assert name in {"ann", "dora"} or refused > 0  # who may not approve is refused inside


def test_nobody_is_told_to_say_who_they_are(visitor: Visitor) -> None:
    told = is_problem(visitor("").get(f"{V1}/queue"), 401, "unauthenticated")
    assert "Bearer" in told["detail"]


def pages(client: TestClient, path: str, key: str, limit: int) -> list[dict[str, Any]]:
    """All rows of a list, a page at a time."""
    found, cursor = list[dict[str, Any]](), None
    while True:
        given: dict[str, Any] = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        answer = client.get(V1 + path, params=given)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert len(told[key]) <= limit
        found += told[key]
        cursor = told["next_cursor"]
        if cursor is None or (key == "events" and not told[key]):
            return found


@pytest.mark.parametrize(
    ("path", "key", "least"), [("/queue", "entries", 5), ("/accounts", "accounts", 5), ("/targets", "targets", 2),
                               ("/models", "models", 2), ("/events", "events", 5)],
)  # fmt: skip
def test_a_list_is_the_same_by_pages_of_any_size(
    demo: Books, visitor: Visitor, path: str, key: str, least: int
) -> None:
    client = visitor("vic")
    whole = pages(client, path, key, 1000)
    until = time.monotonic() + 60
    while key == "events" and len(whole) < least and time.monotonic() < until:  # others' transactions have to end first
        whole = pages(client, path, key, 1000)
    assert len(whole) >= least
    by_twos = pages(client, path, key, 2)
    if key == "events":  # more may have become certain meanwhile, and only at the end
        assert len(by_twos) >= len(whole)
        by_twos = by_twos[: len(whole)]
    assert by_twos == whole
    assert len({json.dumps(each) for each in whole}) == len(whole)


def test_events_are_told_in_the_order_of_their_transactions(demo: Books, visitor: Visitor) -> None:
    """Numbers, not texts: transaction 1000 comes behind 999."""
    with demo.engine.connect() as connection:
        kept = text("SELECT id FROM audit_records WHERE written_in IS NOT NULL ORDER BY audit_records.written_in, id")
        numbers = [str(each) for each in connection.scalars(kept)]
    told = [place(each["id"], 3)[2] for each in pages(visitor("vic"), "/events", "events", 3)]
    assert len(told) >= 5
    assert told == numbers[: len(told)]


@pytest.mark.parametrize("path", ["/queue", "/requests", "/rebalances", "/accounts", "/events", "/targets"])
@pytest.mark.parametrize("cursor", ["e30", "WyJ4Il0", "WyIxIiwgIngiXQ", "a", "!!", "WyJcdTAwMDAiXQ"])
def test_a_cursor_that_no_page_gave_is_refused(demo: Books, visitor: Visitor, path: str, cursor: str) -> None:
    answer = visitor("vic").get(V1 + path, params={"cursor": cursor})
    if path in {"/accounts", "/targets"} and cursor == "WyJ4Il0":
        assert answer.status_code == 200  # any text is a place among accounts
    else:
        is_problem(answer, 422, "unreadable")


def test_an_account_and_what_would_be_done(demo: Books, visitor: Visitor) -> None:
    client = visitor("vic")
    account = client.get(f"{V1}/accounts/A-103").json()
    assert account["account_id"] == "A-103"
    assert next(each["sleeve"] for each in account["sleeves"]) == "managed"
    made = client.get(f"{V1}/accounts/A-103/plan", params={"mode": "exact"}).json()
    assert made["account_id"] == "A-103"
    assert {each["side"] for each in made["orders"]} <= {"sell", "buy"}
    assert len(made["orders"]) >= 1
    is_problem(client.get(f"{V1}/accounts/nobody"), 404, "unknown")
    is_problem(client.get(f"{V1}/accounts/A-103/plan", params={"mode": "best"}), 422, "unreadable")


def test_what_works_and_why_not(demo: Books, visitor: Visitor) -> None:
    """Temporal is away here, and both say so."""
    client = visitor("vic")
    told = client.get(f"{V1}/status").json()
    assert told["ok"] is False
    assert any(each["check"] == "temporal" and not each["ok"] for each in told["checks"])
    why = client.get(f"{V1}/accounts/A-103/diagnosis").json()
    assert len(why["checks"]) >= 5
    is_problem(client.get(f"{V1}/accounts/nobody/diagnosis"), 404, "unknown")


def test_the_rules_and_the_numbers(visitor: Visitor) -> None:
    client = visitor("vic")
    assert any(each["code"] == "LAW-1" for each in client.get(f"{V1}/rules").json()["rules"])
    assert any(each["key"] == "wash_sale_days" for each in client.get(f"{V1}/policy").json()["policy"])


def test_a_write_is_done_once(demo: Books, visitor: Visitor) -> None:
    client = visitor("ann")
    key = {"Idempotency-Key": "one-toggle"}
    first = client.put(f"{V1}/accounts/A-103/rebalancing", json={"rebalancing": False}, headers=key)
    assert first.status_code == 200, first.text
    assert "is off" in first.json()["says"]
    with demo.transaction(Actor("ben")) as books:  # somebody switches it on again meanwhile
        books.accounts.switch_rebalancing("A-103", True, books.market.book_day().as_of)  # type: ignore[union-attr]
    again = client.put(f"{V1}/accounts/A-103/rebalancing", json={"rebalancing": False}, headers=key)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert client.get(f"{V1}/accounts/A-103").json()["rebalancing"] is True
    other = client.put(f"{V1}/accounts/A-103/rebalancing", json={"rebalancing": True}, headers=key)
    is_problem(other, 422, "key_used")
    is_problem(client.put(f"{V1}/accounts/A-103/rebalancing", json={"rebalancing": False}), 422, "unreadable")


def test_what_was_refused_leaves_its_key_free(demo: Books, visitor: Visitor) -> None:
    client = visitor("ann")
    key = {"Idempotency-Key": "a-target-1"}
    there = f"{V1}/accounts/A-103/target"
    is_problem(client.put(there, json={"target": "NONE-SUCH"}, headers=key), 404, "unknown")
    assert client.put(there, json={"target": "BALANCED"}, headers=key).status_code in (200, 404)
    before = client.get(f"{V1}/accounts/A-103").json()["target"]
    assert before is not None
    gone = client.request("DELETE", there, headers={"Idempotency-Key": "a-target-2"})
    assert gone.status_code == 200, gone.text
    assert client.get(f"{V1}/accounts/A-103").json()["target"] is None


def test_nothing_is_started_while_temporal_is_away(demo: Books, visitor: Visitor) -> None:
    client, key = visitor("ann"), {"Idempotency-Key": "submission-1"}
    given = {"account_ids": ["A-103"]}
    is_problem(client.post(f"{V1}/requests", json=given, headers=key), 503, "unreachable")
    is_problem(client.post(f"{V1}/requests", json={"account_ids": ["X"]}, headers={"Idempotency-Key": "s-000002"}),
               404, "unknown")  # fmt: skip
    for bad in ({}, {"account_ids": []}, {"account_ids": ["A-103"], "reasons": []}, {"account_ids": "A-103"},
                {"account_ids": ["A-103"], "amount": "5"}, {"account_ids": ["A-103"], "kind": "raise_cash"},
                {"account_ids": ["A-103"], "kind": "raise_cash", "amount": "0.00"}, {"account_ids": [7]},
                {"account_ids": ["A-103"], "requested_by": "ben"}):  # fmt: skip
        answer = client.post(f"{V1}/requests", json=bad, headers={"Idempotency-Key": "submission-bad"})
        is_problem(answer, 422, "unreadable")


def test_the_description_is_of_what_there_is(visitor: Visitor) -> None:
    told = visitor("").get(f"{V1}/openapi.json").json()
    described = {(method.upper(), path) for path, methods in told["paths"].items() for method in methods}
    assert described == {(method, path) for method, path, _ in operations()}
    assert "HTTPValidationError" not in json.dumps(told)
    page = visitor("").get("/api/docs")
    assert page.status_code == 200
    assert all(f"{method} /api/v1{path}" in page.text for method, path in described)


# --- lists

WHOLE = {"Account", "Model", "Request", "Target", "Verification"}  # what one thing consists of, and is no list


def lists(described: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Of every operation that answers with rows, by its path: the shape, and the key of the rows."""
    shapes, found = described["components"]["schemas"], dict[str, tuple[str, str]]()
    for path, operations_ in described["paths"].items():
        answer = operations_.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        shape = answer.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
        for key, value in shapes.get(shape, {}).get("properties", {}).items():
            if value.get("type") == "array" and "$ref" in value["items"] and shape not in WHOLE:
                found[path] = shape, key
    return found


def test_every_list_goes_by_limit_and_cursor(visitor: Visitor) -> None:
    described = visitor("ann").get(f"{V1}/openapi.json").json()
    found = lists(described)
    assert len(found) >= 15
    for path, (shape, _) in found.items():
        whole = described["components"]["schemas"][shape]
        assert "next_cursor" in whole["required"], path
        given = {each["name"]: each["schema"] for each in described["paths"][path]["get"]["parameters"]}
        assert given["limit"]["maximum"] == 1000, path
        assert "cursor" in given, path


def test_every_list_is_the_same_by_smaller_pages(demo: Books, visitor: Visitor) -> None:
    """Those of a rebalance too: its orders, rounds and story."""
    with demo.transaction(Actor("ada")) as work:
        for at in range(3):
            work.webhooks.add(f"https://hooks.example.com/{at}", [], "secret")
    made = pending(demo, "A-103")
    requested(demo, ["A-103"])
    executed(demo, made)
    described = visitor("ann").get(f"{V1}/openapi.json").json()
    clients = {name: visitor(name) for name in ("dora", "ada")}
    ids = {"rebalance_id": made, "request_id": REQUEST, "account_id": "A-103", "model_id": "HEALTH"}
    seen = 0
    for path, (_, key) in lists(described).items():
        client = clients["ada" if path == "/webhooks" else "dora"]
        there = path.format_map(ids)
        if key == "events":
            continue  # goes on while it is read: it has a test of its own
        whole = pages(client, there, key, 1000)
        smaller = pages(client, there, key, max(1, len(whole) // 3))
        moving = {"found"} if key == "checks" else set()  # seconds ago
        assert [without(each, moving) for each in smaller] == [without(each, moving) for each in whole], path
        for cursor in ("e30", "a", "!!", "WyJcdTAwMDAiXQ", "WyJ4IiwgInkiLCAieiJd"):
            is_problem(client.get(V1 + there, params={"cursor": cursor}), 422, "unreadable")
        assert client.get(V1 + there, params={"limit": 1001}).status_code == 422, path
        seen += len(whole) > 2
    assert seen >= 10


def without(row: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in keys}
