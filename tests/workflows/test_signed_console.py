"""The console's own way through: who signed in approves in Temporal what was shown, with a passkey where asked."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from devstack.temporal import TemporalServer
from identity import passwords
from policy import DEFAULTS, FIRM_FILE
from reading.record.sentences import sentence
from storage.actor import Actor
from tests.workflows import requests_desk as requests
from tests.workflows.desk import TestDesk, drifted
from tests.workflows.signing import Console
from web.app import create
from web.console import Console as WebConsole
from web.console import Temporal
from web.session import SignedIn
from web.settings import Settings
from workflows.connection import connect

BASE = "http://localhost:8234"
PASSWORD = "four words nobody knows"


@pytest.fixture
def signing(desk: TestDesk, owner: Engine) -> Console:
    desk.load(drifted("A-1"), drifted("A-2"))
    console = Console(desk, owner).opens()
    with desk.books.transaction(Actor("deploy")) as work:
        work.people.set_password(console.people["ben"].subject, passwords.hashed(PASSWORD))
    return console


@pytest.fixture
def ben(signing: Console, temporal_server: TemporalServer) -> Iterator[TestClient]:
    """Ben's browser, signed in by password."""
    books, address = signing.desk.books, temporal_server.address
    made = WebConsole(books, Temporal(lambda: connect(address)), Settings(identity="signed"), signing.desk.clock)
    made.sessions, made.key = SignedIn(books, made.clock, secure=False), signing.key
    headers = {"sec-fetch-site": "same-origin"}
    with TestClient(create(made), BASE, follow_redirects=False, headers=headers) as client:
        entered = client.post("/sign-in", data={"name": "ben", "password": PASSWORD})
        assert entered.status_code == 303
        yield client


async def asked(client: TestClient, method: str, path: str, **data: Any) -> Any:
    """A page, asked for on a thread: the worker goes on meanwhile."""
    return await asyncio.to_thread(client.request, method, path, data=data or None)


def hidden(page: str, name: str) -> str:
    return page.partition(f'name="{name}" value="')[2].partition('"')[0]


async def test_who_signed_in_approves_the_plan_that_was_shown(signing: Console, ben: TestClient) -> None:
    handle, progress = await signing.waiting()
    path = f"/rebalances/{progress['rebalance_id']}"
    page = (await asked(ben, "GET", path)).text
    form = {name: hidden(page, name) for name in ("form", "plan", "round")}
    assert form["plan"] == progress["plan"]
    answer = await asked(ben, "POST", f"{path}/approve", **form)
    assert answer.status_code == 303, answer.text
    assert (await handle.result())["status"] == "COMPLETE"
    approved = signing.recorded("approved")[0]
    who = approved.pop("who")
    told = sentence("approved", who, None, approved)
    subject, key = signing.people["ben"].subject, approved["signed_in"]["key"][:12]
    assert told.endswith(f"ben had signed in by password as {subject}, signed by key {key}…")


async def test_a_request_is_approved_as_it_was_reviewed(signing: Console, ben: TestClient) -> None:
    handle = await signing.request("A-1", "A-2")
    await requests.pending(handle, 2)
    page = (await asked(ben, "GET", "/requests/Q-1/review")).text
    form = {name: hidden(page, name) for name in ("form", "shown")}
    answer = await asked(ben, "POST", "/requests/Q-1/review/approve", **form)
    assert answer.status_code == 303, answer.text
    assert (await requests.result(handle))["counts"]["COMPLETE"] == 2
    assert {each["signed_in"]["subject"] for each in signing.recorded("approved")} == {signing.people["ben"].subject}


async def test_a_request_is_approved_by_the_api_as_its_list_was_shown(signing: Console, ben: TestClient) -> None:
    handle = await signing.request("A-1", "A-2")
    await requests.pending(handle, 2)
    shown = await asked(ben, "GET", "/api/v1/requests/Q-1")
    plans = [{key: each[key] for key in ("rebalance_id", "plan")} for each in shown.json()["plans"]]
    made_up = {"rebalance_id": plans[1]["rebalance_id"], "plan": "0" * 64}

    async def decided(key: str, named: list[dict[str, str]], match: str | None) -> Any:
        headers = {"Idempotency-Key": key} | ({} if match is None else {"If-Match": match})
        body = {"decision": "approve", "plans": named}
        return await asyncio.to_thread(ben.post, "/api/v1/requests/Q-1/decisions", json=body, headers=headers)

    assert (await decided("api-0001", plans, None)).status_code == 428
    assert (await decided("api-0002", [plans[0], made_up], shown.headers["etag"])).status_code == 412
    assert not signing.recorded("approved")
    some = (await decided("api-0003", [plans[0], made_up], "*")).json()
    assert (some["outcome"], some["accounts"], some["left_out"]) == ("approved", 1, [made_up["rebalance_id"]])
    rest = (await decided("api-0004", plans[1:], shown.headers["etag"])).json()
    assert (rest["outcome"], rest["accounts"], rest["left_out"]) == ("approved", 1, [])
    assert (await requests.result(handle))["counts"]["COMPLETE"] == 2


async def test_a_passkey_vouches_at_the_console(
    signing: Console, ben: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = yaml.safe_load(Path(DEFAULTS).read_text())
    since = {"from": "2020-01-01", "value": "passkey", "because": "large accounts"}
    firm = {"approval_evidence": numbers["approval_evidence"] | {"values": [since]}}
    (tmp_path / "firm.yaml").write_text(yaml.safe_dump(firm))
    handle, progress = await signing.waiting()
    monkeypatch.setenv(FIRM_FILE, str(tmp_path / "firm.yaml"))
    path = f"/rebalances/{progress['rebalance_id']}"
    page = (await asked(ben, "GET", path)).text
    assert f'data-passkey="{path}/vouch"' in page and "passkeys.js" in page
    form = {name: hidden(page, name) for name in ("form", "plan", "round")}
    without = await asked(ben, "POST", f"{path}/vouch", **form)
    assert without.status_code == 409 and "you have none" in without.text
    device = signing.device("ben")
    refused = await asked(ben, "POST", f"{path}/approve", **form)
    assert refused.status_code == 412 and "not vouched for by a passkey" in refused.text
    options = (await asked(ben, "POST", f"{path}/vouch", **form)).json()
    answer = await asked(ben, "POST", f"{path}/approve", **form, answer=json.dumps(device.answer(options)))
    assert answer.status_code == 303, answer.text
    assert (await handle.result())["status"] == "COMPLETE"


async def test_a_call_that_was_cut_off_is_told_what_it_decided(
    signing: Console, ben: TestClient, owner: Engine
) -> None:
    """The console died after it had told the workflow: the same call again is answered as the first would have been."""
    handle, progress = await signing.waiting()
    where = f"/api/v1/rebalances/{progress['rebalance_id']}/decisions"
    given = {"If-Match": f'"{progress["plan"]}"', "Idempotency-Key": "cut-off-0001"}

    async def decided(**headers: str) -> Any:
        return await asyncio.to_thread(ben.post, where, json={"decision": "approve"}, headers=given | headers)

    first = (await decided()).json()
    assert (await handle.result())["status"] == "COMPLETE"
    with owner.begin() as connection:
        cut = "UPDATE api_calls SET status = NULL, headers = NULL, body = NULL, begun_at = now() - interval '2 minutes'"
        connection.execute(text(cut))
    again = await decided()
    assert (again.status_code, again.json()) == (200, first) and first["outcome"] == "executing"
    assert len(signing.recorded("approved")) == 1
    with owner.begin() as connection:  # and one that died before it told anybody, and comes too late
        late = "INSERT INTO api_calls (subject, key, asked, day, begun_at)"
        row = "SELECT subject, 'cut-off-0002', asked, day, now() - interval '2 minutes' FROM api_calls"
        connection.execute(text(f"{late} {row}"))
    told = await decided(**{"Idempotency-Key": "cut-off-0002"})
    assert told.status_code == 409 and "was cut off before" in told.json()["detail"], told.text
    other = await decided(**{"Idempotency-Key": "cut-off-0003"})
    assert "Nothing was decided" in other.json()["detail"], "who was never cut off is told that"
