"""Every route names the act that it takes, and nobody without a role for it gets in."""

from collections.abc import Iterator

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from identity import roles
from tests.web.conftest import Visitor, form_token
from web.pages import PAGES
from web.session import DEMO_PEOPLE
from web.visit import Need

WAYS = ("passkey", "passkey/options", "oidc", "oidc/back")
# What anybody may ask for: to sign in and out. `/live` and `/health`, which are no pages, are of the application.
OPEN = {"/sign-in", "/sign-out", "/set-up"} | {f"/sign-in/{way}" for way in WAYS}
LEAST = 20


def needed() -> Iterator[tuple[str, str, roles.Act | None]]:
    """Every page's method and path, with the act that it takes."""
    for router in PAGES:
        yield from _of(router)


def _of(router: APIRouter) -> Iterator[tuple[str, str, roles.Act | None]]:
    for route in router.routes:
        assert isinstance(route, APIRoute), route
        acts = [each.call.act for each in route.dependant.dependencies if isinstance(each.call, Need)]
        for method in sorted(route.methods or ()):
            yield method, route.path, acts[0] if acts else None


def test_every_route_names_its_act() -> None:
    found = list(needed())
    assert len(found) >= LEAST
    assert {path for _, path, act in found if act is None} == OPEN
    assert all(act in roles.ACTS for _, _, act in found if act is not None)
    asks = "/requests/{request_id}/review/since"  # by a form: the list of what was shown is long for an address
    changing = {path: act for method, path, act in found if method == "POST" and path not in OPEN | {asks}}
    assert "read" not in changing.values(), "what changes something is more than reading"


@pytest.mark.parametrize("name", [*DEMO_PEOPLE])
def test_nobody_without_a_role_gets_in(visitor: Visitor, name: str) -> None:
    """A page of what is not there is a 404 or a 422 for who may, a 403 for who may not; never a fault."""
    client = visitor(name)
    token, refused = form_token(client), 0
    for method, path, act in needed():
        if act is None:
            continue
        there = path.replace("{", "").replace("}", "")
        answer = client.request(method, there, data={"form": token} if method == "POST" else None)
        may = any(act in roles.MAY[role] for role in roles.known(DEMO_PEOPLE[name]))
        assert (answer.status_code == 403) is not may, (method, path, answer.status_code)
        assert answer.status_code != 500, (method, path)
        refused += not may
    assert name == "dora" or refused > 0


def test_who_is_not_signed_in_is_asked_to(visitor: Visitor) -> None:
    client = visitor("")
    for method, path, act in needed():
        if act is not None:
            answer = client.request(method, path.replace("{", "").replace("}", ""))
            assert answer.status_code == (303 if method == "GET" else 401), (method, path)
    assert client.get("/live").status_code == 401


def test_a_form_of_another_session_changes_nothing(visitor: Visitor) -> None:
    theirs = form_token(visitor("dora"))
    answer = visitor("ann").post("/queue/evaluate", data={"form": theirs})
    assert answer.status_code == 403
    assert "another session" in answer.text
