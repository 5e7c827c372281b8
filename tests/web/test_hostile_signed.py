"""What somebody tries who means harm where people sign in: planted sessions and flows, tokens that want more."""

from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from acting import people
from identity import passwords
from reading.record.events import BEGINNING
from reading.refused import Conflict
from storage.actor import Actor
from tests.web.conftest import form_token
from tests.web.test_api import V1, operations
from tests.web.test_signing_in import PASSWORD, browser, console, enter, idp  # noqa: F401  (fixtures)
from web.api import events
from web.api.caller import Caller
from web.app import create
from web.console import Console
from web.session import SignedIn


def test_nor_by_the_page_behind_a_provider(browser: Any, idp: Any) -> None:  # noqa: F811
    client = browser()
    sent = client.get("/sign-in/oidc", params={"then": "/\t/evil.example"})
    page = client.get("/sign-in/oidc/back", params=idp.go(sent.headers["location"])).text
    assert 'url=/"' in page and "evil" not in page


def test_every_operation_of_the_description_is_for_somebody(console: Console, browser: Any) -> None:  # noqa: F811
    """By its own description: nobody gets in, nor who has no role; and a token that only reads writes nothing."""
    client, nora = browser(), browser()
    enter(client, "ben"), enter(nora, "nora")
    form = form_token(client, "/me")
    with console.books.transaction(Actor("deploy")) as work:
        work.people.set_roles(work.people.named("ben").subject, ["approver", "viewer"])
    page = client.post("/me/tokens", data={"form": form, "label": "script", "role": ["viewer"]}).text
    reader = browser()
    reader.headers["authorization"] = "Bearer rbt_" + page.partition("<code>rbt_")[2].partition("<")[0]
    tried = 0
    described = client.get(f"{V1}/openapi.json").json()["paths"]
    assert {(method.upper(), path) for path, each in described.items() for method in each} == {
        (method, path) for method, path, _ in operations()
    }
    for path, each in described.items():
        for method in each:
            if (method, path) == ("post", "/sessions"):
                continue
            there = V1 + path.replace("{break_id}", "1").replace("{", "").replace("}", "")
            headers = {"idempotency-key": "hostile-1", "if-match": "*"}
            assert browser().request(method, there, headers=headers).status_code == 401, path
            assert nora.request(method, there, headers=headers).status_code == 403, path
            answer = reader.request(method, there, headers=headers)
            own = path in {"/me", "/sessions/this", "/envelopes"}  # the last asks for the act that it signs
            assert (answer.status_code == 403) or own or method == "get", (method, path, answer.status_code)
            tried += 1
    assert tried >= 40


def test_a_session_is_new_at_each_sign_in(browser: Any) -> None:  # noqa: F811
    """A secret that somebody planted is not taken; signing in again ends the session before."""
    client = browser()
    client.cookies.set("rebalancer-session", "rbs_" + "x" * 43, domain="localhost.local")
    enter(client)
    first = [each.value for each in client.cookies.jar if each.name == "rebalancer-session"]
    assert len(set(first)) >= 1
    mine = first[-1]
    enter(client)
    old = browser()
    old.cookies.set("rebalancer-session", mine)
    assert old.get("/approvals").status_code == 303, "the session of before has ended"
    planted = browser()
    planted.cookies.set("rebalancer-session", "rbs_" + "x" * 43)
    assert planted.get("/approvals").status_code == 303


def test_behind_tls_nobody_plants_a_flow(console: Console, idp: Any) -> None:  # noqa: F811
    console.settings = replace(console.settings, origin="https://console.example.com")
    console.sessions = SignedIn(console.books, console.clock, secure=True)
    headers = {"sec-fetch-site": "same-origin"}
    with TestClient(create(console), "https://console.example.com", follow_redirects=False, headers=headers) as client:
        sent = client.get("/sign-in/oidc")
        cookie = sent.headers["set-cookie"]
        assert cookie.startswith("__Host-rebalancer-oidc=") and "secure" in cookie.lower()
        assert "httponly" in cookie.lower() and "path=/;" in cookie.lower() + ";" and "domain" not in cookie.lower()
        assert client.get("/sign-in/oidc/back", params=idp.go(sent.headers["location"])).status_code == 200


def test_a_token_of_who_administers_approves_nothing(console: Console, browser: Any) -> None:  # noqa: F811
    """A part of somebody's roles is not more than all of them: together these two may not approve."""
    with console.books.transaction(Actor("deploy")) as work:
        work.people.add("abe", ["admin", "approver"], passwords.hashed(PASSWORD))
    client = browser()
    enter(client, "abe")
    page = client.post(
        "/me/tokens", data={"form": form_token(client, "/me"), "label": "script", "role": ["approver"]}
    ).text
    program = browser()
    program.headers["authorization"] = "Bearer rbt_" + page.partition("<code>rbt_")[2].partition("<")[0]
    assert program.get(f"{V1}/me").status_code == 403


async def test_a_stream_ends_with_the_session(
    console: Console,  # noqa: F811
    browser: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever was signed out hears no more of what is recorded."""
    monkeypatch.setattr(events, "ASKED", 0.0)
    monkeypatch.setattr(events, "PAUSE", 0.01)
    client = browser()
    enter(client)
    secret = next(each.value for each in client.cookies.jar if each.name == "rebalancer-session")

    class Asked:
        def __init__(self) -> None:
            self.cookies = {"rebalancer-session": secret}
            self.headers: dict[str, str] = {}

        async def is_disconnected(self) -> bool:
            return False

    person = console.sessions.of(Asked()).person  # type: ignore[arg-type,union-attr]
    caller = Caller(console, person, console.clock.now())
    heard = [each async for each in _until_signed_out(caller, client)(Asked())]
    assert len(heard) >= 3


def _until_signed_out(caller: Caller, client: TestClient) -> Any:
    async def hear(request: Any) -> Any:
        told = events._stream(caller, request, BEGINNING)
        count = 0
        async for each in told:
            yield each
            count += 1
            if count == 3:
                client.post("/sign-out")

    return hear


def test_neither_own_roles_nor_a_providers_people_are_changed_by_a_command(console: Console) -> None:  # noqa: F811
    """What the page refuses is refused where commands come by: ada gives herself nothing, and gus gets no password."""
    books, now = console.books, console.clock.now()
    with books.transaction(Actor("deploy")) as work:
        ada = work.people.person(work.people.named("ada").subject, "password")
        gus = work.people.vouched_for("oidc:https://idp.example.com|7", "gus", ["operator"], now).subject
    assert ada is not None
    for refused, told in (
        (lambda: people.give(books, ada, ada.subject, ["approver"]), "nobody changes their own roles"),
        (lambda: people.remove(books, ada, ada.subject), "nobody changes their own roles"),
        (lambda: people.give(books, ada, gus, ["approver"]), "gus signs in at a provider"),
        (lambda: people.link(books, ada, gus, now), "gus signs in at a provider"),
    ):
        with pytest.raises(Conflict, match=told):
            refused()
    with books.transaction() as work:
        kept = [sorted(work.people.get(each).roles) for each in (gus, ada.subject)]
    assert kept == [["operator"], ["admin"]]
