"""Signing in: by password, passkey, set-up link and provider; what is kept of it, and what is never told."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey
from sqlalchemy import text

from identity import keys, passwords
from identity.passkeys import Site
from storage.actor import Actor
from storage.connection import Books
from tests.identity.authenticator import Device
from tests.web.conftest import BASE, away, form_token
from tests.web.provider import CLIENT, ISSUER, SECRET, Idp
from web.app import create
from web.console import Console, Temporal
from web.oidc import Provider, from_environment
from web.session import SignedIn
from web.settings import Settings

PASSWORD = "four words nobody knows"
ROLES = {"desk": "operator", "deciders": "approver"}


@pytest.fixture
def idp() -> Idp:
    return Idp()


@pytest.fixture
def console(demo: Books, idp: Idp) -> Console:
    """A console where people sign in: ben approves, ada administers, nora has no role."""
    made = Console(demo, Temporal(away), Settings(identity="signed"))  # type: ignore[arg-type]
    made.sessions = SignedIn(demo, made.clock, secure=False)
    made.key = keys.fresh()
    made.oidc = Provider(ISSUER, CLIENT, SECRET, f"{BASE}/sign-in/oidc/back", ROLES, transport=idp.transport)
    hashed = passwords.hashed(PASSWORD)
    with demo.transaction(Actor("deploy")) as work:
        for name, roles in {"ben": ["approver"], "ada": ["admin"], "nora": []}.items():
            work.people.add(name, roles, hashed)
    return made


@pytest.fixture
def browser(console: Console) -> Iterator[Any]:
    """`browser()`: another browser at the console's door."""
    app = create(console)
    with TestClient(app, BASE):
        headers = {"sec-fetch-site": "same-origin"}
        yield lambda: TestClient(app, BASE, follow_redirects=False, headers=headers)


def enter(client: TestClient, name: str = "ben", password: str = PASSWORD) -> Any:
    return client.post("/sign-in", data={"name": name, "password": password, "then": "/approvals"})


def actions(books: Books) -> list[str]:
    with books.transaction() as work:
        return list(work.execute(text("SELECT action FROM audit_records ORDER BY id")).scalars())


def test_a_password_opens_and_a_wrong_one_does_not(console: Console, browser: Any) -> None:
    client = browser()
    for name, password in (("ben", "not his password"), ("nobody", PASSWORD), ("ben", "")):
        answer = enter(client, name, password)
        assert answer.status_code == 401 and "go together" in answer.text
    assert client.get("/approvals").status_code == 303
    answer = enter(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/approvals")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert "ben" in client.get("/approvals").text
    assert client.post("/sign-out").status_code == 303 and client.get("/approvals").status_code == 303
    assert "signed in" in actions(console.books)


def test_behind_tls_the_cookie_is_this_hosts_alone(console: Console) -> None:
    console.settings = replace(console.settings, origin="https://console.example.com")
    console.sessions = SignedIn(console.books, console.clock, secure=True)
    headers = {"sec-fetch-site": "same-origin"}
    with TestClient(create(console), "https://console.example.com", follow_redirects=False, headers=headers) as client:
        cookie = enter(client).headers["set-cookie"]
        assert cookie.startswith("__Host-rebalancer=") and "secure" in cookie.lower() and "path=/" in cookie.lower()
        assert client.get("/approvals").status_code == 200


def test_who_guesses_waits(browser: Any) -> None:
    client = browser()
    for _ in range(5):
        enter(client, password="a guess of many words")
    answer = enter(client)
    assert answer.status_code == 429 and "Too many have tried: wait" in answer.text
    assert 0 < int(answer.headers["retry-after"]) <= 15 * 60
    told = client.post("/api/v1/sessions", json={"name": "BEN", "password": PASSWORD})
    assert (told.status_code, told.json()["code"]) == (429, "throttled") and told.headers["retry-after"]


def test_a_revoked_session_is_out_and_others_stay(browser: Any) -> None:
    one, other = browser(), browser()
    enter(one), enter(other)
    page = one.get("/me").text
    assert "this one" in page
    number = page.partition('/me/sessions/end">')[2].partition('name="id" value="')[2].partition('"')[0]
    assert one.post("/me/sessions/end", data={"form": form_token(one, "/me"), "id": number}).status_code == 303
    assert other.get("/me").status_code == 303 and one.get("/me").status_code == 200


def test_who_has_no_role_is_told_so_plainly(browser: Any) -> None:
    client = browser()
    enter(client, "nora")
    answer = client.get("/queue")
    assert answer.status_code == 403 and "nora has no role" in answer.text


def test_a_passkey_is_added_and_signs_in(console: Console, browser: Any) -> None:
    device, client = Device(Site("localhost", BASE)), browser()
    enter(client)
    form = form_token(client, "/me")
    options = client.post("/me/passkeys/options", data={"form": form}).json()
    answer = {"form": form, "label": "phone", "answer": json.dumps(device.register(options))}
    assert client.post("/me/passkeys", data=answer).status_code == 303
    assert "phone" in client.get("/me").text
    assert client.post("/me/passkeys", data=answer).status_code == 422  # its challenge was answered
    other = browser()
    asked = other.post("/sign-in/passkey/options").json()
    given = {"answer": json.dumps(device.answer(asked)), "then": "/approvals"}
    assert other.post("/sign-in/passkey", data=given).status_code == 303
    assert "signed in by passkey" in other.get("/me").text
    again = browser().post("/sign-in/passkey", data=given)
    assert again.status_code == 401 and "took too long" in again.text
    for broken in ("", "[]", "{}", "x" * 100):
        assert browser().post("/sign-in/passkey", data={"answer": broken}).status_code in {401, 422}
    assert "passkey added" in actions(console.books)


def test_a_set_up_link_sets_a_password_once(console: Console, browser: Any) -> None:
    admin = browser()
    enter(admin, "ada")
    data = {"form": form_token(admin, "/people"), "name": "Carl", "role": ["viewer", "auditor"]}
    page = admin.post("/people/add", data=data).text
    secret = page.partition("/set-up?link=")[2].partition("<")[0]
    client = browser()
    assert "Carl" in client.get(f"/set-up?link={secret}").text
    short = client.post("/set-up", data={"link": secret, "password": "short"})
    assert short.status_code == 422 and "12 to 200 characters" in short.text
    assert client.post("/set-up", data={"link": secret, "password": "a few words of Carla's"}).status_code == 422
    assert client.post("/set-up", data={"link": secret, "password": PASSWORD}).status_code == 303
    assert client.get("/queue").status_code == 200
    assert browser().get(f"/set-up?link={secret}").status_code == 410
    assert browser().post("/set-up", data={"link": secret, "password": PASSWORD}).status_code == 422


def test_nobody_gives_themselves_a_role(console: Console, browser: Any) -> None:
    admin = browser()
    enter(admin, "ada")
    with console.books.transaction() as work:
        ada, ben = work.people.named("ada").subject, work.people.named("ben").subject
    form = form_token(admin, "/people")
    own = admin.post("/people/roles", data={"form": form, "subject": ada, "role": ["approver"]})
    assert own.status_code == 409 and "Nobody changes their own roles" in own.text
    client = browser()
    enter(client)
    assert client.get("/approvals").status_code == 200
    assert admin.post("/people/roles", data={"form": form, "subject": ben, "role": []}).status_code == 303
    assert client.get("/approvals").status_code == 403  # at once
    assert admin.post("/people/remove", data={"form": form, "subject": ben}).status_code == 303
    assert client.get("/approvals").status_code == 303
    assert admin.get("/keys").status_code == 200


def test_a_token_is_shown_once_and_is_a_part_of_its_owner(browser: Any) -> None:
    client = browser()
    enter(client)
    form = form_token(client, "/me")
    assert client.post("/me/tokens", data={"form": form, "label": "script", "role": ["admin"]}).status_code == 422
    assert client.post("/me/tokens", data={"form": form, "label": "script"}).status_code == 422
    page = client.post("/me/tokens", data={"form": form, "label": "script", "role": ["approver"]}).text
    secret = "rbt_" + page.partition("<code>rbt_")[2].partition("<")[0]
    assert secret not in client.get("/me").text
    program = browser()
    program.headers["authorization"] = f"Bearer {secret}"
    assert "signed in by token" in program.get("/me").text
    assert program.post("/me/tokens", data={"form": "", "label": "more"}).status_code == 403


def test_who_administers_sees_and_ends_everybodys_tokens(browser: Any) -> None:
    client, admin = browser(), browser()
    enter(client), enter(admin, "ada")
    form = {"form": form_token(client, "/me"), "label": "the nightly script", "role": ["approver"]}
    secret = "rbt_" + client.post("/me/tokens", data=form).text.partition("<code>rbt_")[2].partition("<")[0]
    page = admin.get("/people").text
    assert "the nightly script" in page and secret not in page
    program = browser()
    program.headers["authorization"] = f"Bearer {secret}"
    assert program.get("/me").status_code == 200
    subject, number = re.search(r'name="subject" value="([^"]+)"><button name="id" value="([0-9]+)">End', page).groups()  # type: ignore[union-attr]
    asked = {"subject": html.unescape(subject), "id": number}
    mine = form_token(client, "/me")
    assert client.post("/people/tokens/end", data=asked | {"form": mine}).status_code == 403
    assert admin.post("/people/tokens/end", data=asked | {"form": form_token(admin, "/people")}).status_code == 303
    assert program.get("/me").status_code == 303
    assert "the nightly script" not in admin.get("/people").text


def come_back(client: TestClient, idp: Idp, **more: str) -> Any:
    sent = client.get("/sign-in/oidc?then=/queue")
    assert sent.status_code == 303
    return client.get("/sign-in/oidc/back", params=idp.go(sent.headers["location"]) | more)


def test_a_provider_vouches_with_groups_of_the_token_and_of_userinfo(browser: Any, idp: Idp) -> None:
    client = browser()
    answer = come_back(client, idp)
    assert answer.status_code == 200 and "signed in as gus" in answer.text and 'url=/queue"' in answer.text
    page = client.get("/me").text
    assert f"oidc:{ISSUER}|7" in page and "Roles: approver, operator" in page
    idp.claims["groups"], idp.info["groups"] = [], ["deciders", "others"]  # read anew at each sign-in
    come_back(client, idp)
    assert "Roles: approver." in client.get("/me").text


def test_without_a_group_there_is_no_role_and_it_is_said(browser: Any, idp: Idp) -> None:
    idp.claims["groups"], idp.info["groups"] = ["kitchen"], []
    client = browser()
    answer = come_back(client, idp)
    assert answer.status_code == 401 and "names these groups: kitchen. None of them has a role here" in answer.text
    assert client.get("/queue").status_code == 303


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        ({"nonce": "another"}, "is not good"),
        ({"aud": "another-client"}, "is not good"),
        ({"iss": "https://evil.example.com"}, "is not good"),
        ({"exp": 1}, "is not good"),
        ({"sub": "8"}, "about two people"),
    ],
)
def test_a_providers_word_that_is_not_for_this_flow_is_refused(
    browser: Any, idp: Idp, spoilt: dict[str, Any], told: str
) -> None:
    idp.spoils = spoilt
    answer = come_back(browser(), idp)
    assert answer.status_code == 401 and told in answer.text


def test_a_forged_token_a_foreign_state_and_a_refusal_are_refused(browser: Any, idp: Idp) -> None:
    idp.signs_with = RSAKey.generate_key(2048)
    assert "is not good" in come_back(browser(), idp).text
    idp.signs_with = None
    for state in ("forged", "λ", ""):
        assert "begun elsewhere" in come_back(browser(), idp, state=state).text
    assert browser().get("/sign-in/oidc/back", params={"code": "x", "state": "y"}).status_code == 401
    client = browser()
    sent = client.get("/sign-in/oidc")
    state = idp.go(sent.headers["location"])["state"]
    refused = client.get("/sign-in/oidc/back", params={"error": "access_denied", "state": state})
    assert refused.status_code == 401 and "access_denied" in refused.text


def test_a_removed_person_of_a_provider_stays_out(console: Console, browser: Any, idp: Idp) -> None:
    client = browser()
    come_back(client, idp)
    with console.books.transaction(Actor("ada")) as work:
        work.people.remove(f"oidc:{ISSUER}|7")
    assert client.get("/queue").status_code == 303
    assert "was removed here" in come_back(client, idp).text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"REBALANCER_OIDC_ISSUER": "http://idp.example.com"}, "not reached by https"),
        ({"REBALANCER_OIDC_ISSUER": ISSUER}, "needs REBALANCER_OIDC_CLIENT_ID"),
        ({"REBALANCER_OIDC_ROLES": "[]"}, "is JSON like"),
        ({"REBALANCER_OIDC_ROLES": '{"a": "boss"}'}, "there is no role boss"),
        ({"REBALANCER_OIDC_CLIENT_SECRET_FILE": "/nowhere"}, "can't be read"),
    ],
)
def test_settings_that_can_not_be_are_refused_in_a_line(given: dict[str, str], told: str, tmp_path: Any) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    whole = {
        "REBALANCER_OIDC_ISSUER": ISSUER,
        "REBALANCER_OIDC_CLIENT_ID": CLIENT,
        "REBALANCER_OIDC_CLIENT_SECRET_FILE": str(tmp_path / "secret"),
        "REBALANCER_OIDC_ROLES": json.dumps(ROLES),
    }
    found = from_environment(whole, BASE)
    assert found is not None and found.client_secret == SECRET and SECRET not in repr(found)
    assert from_environment({}, BASE) is None
    broken = given if "REBALANCER_OIDC_ISSUER" in given else whole | given
    with pytest.raises(ValueError, match=told.replace(".", r"\.")):
        from_environment(broken, BASE)


def test_no_secret_is_in_a_log_a_record_or_a_page(
    console: Console, browser: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Passwords, sessions, tokens, links and the private key: looked for everywhere that they might have gone."""
    client, admin = browser(), browser()
    enter(client), enter(admin, "ada")
    enter(browser(), "ben", PASSWORD + " wrong")
    form = form_token(client, "/me")
    page = client.post("/me/tokens", data={"form": form, "label": "script", "role": ["approver"]}).text
    token = "rbt_" + page.partition("<code>rbt_")[2].partition("<")[0]
    added = admin.post("/people/add", data={"form": form_token(admin, "/people"), "name": "Carl", "role": ["viewer"]})
    link = added.text.partition("/set-up?link=")[2].partition("<")[0]
    assert console.key is not None
    secrets = [PASSWORD, token, link, console.key.as_dict(private=True)["d"], *client.cookies.values()]
    pages = [client.get(path).text for path in ("/", "/me", "/approvals", "/queue")]
    pages += [admin.get(path).text for path in ("/people", "/keys", "/me")]
    with console.books.transaction() as work:
        tables = work.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
        kept = [str(row) for each in tables for row in work.execute(text(f'SELECT * FROM "{each}"'))]
    assert len(kept) > 100 and len(caplog.records) >= 0 and all(len(each) > 10 for each in secrets)
    for secret in secrets:
        assert not [each for each in (*pages, *kept, caplog.text) if secret in each], secret[:6]


def test_a_session_ends_by_the_clock(console: Console, browser: Any) -> None:
    client = browser()
    enter(client)
    assert client.get("/me").status_code == 200
    with console.books.transaction() as work:
        work.execute(text("UPDATE sessions SET used_at = used_at - interval '31 minutes'"))
    assert client.get("/me").status_code == 303


def test_a_program_signs_in_and_out(console: Console, browser: Any) -> None:
    client = browser()
    given = {"name": "ben", "password": PASSWORD}
    wrong = client.post("/api/v1/sessions", json=given | {"password": "not his password"})
    assert wrong.status_code == 401 and wrong.json()["code"] == "unauthenticated"
    opened = client.post("/api/v1/sessions", json=given)
    assert opened.status_code == 201 and "set-cookie" not in opened.headers
    told = opened.json()
    assert told["me"]["name"] == "ben" and told["me"]["how"] == "password"
    bearer = {"Authorization": f"Bearer {told['token']}"}
    assert client.get("/api/v1/me", headers=bearer).json() == told["me"]
    left = client.delete("/api/v1/sessions/this", headers=bearer | {"Idempotency-Key": "signing-out-1"})
    assert left.json() == {"ended": True}
    assert client.get("/api/v1/me", headers=bearer).status_code == 401
