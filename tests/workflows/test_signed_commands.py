"""Commands where decisions are signed: who signed in decides, by a console that listens; a typed name is nobody."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from sqlalchemy import Engine

from devstack.temporal import TemporalServer
from identity import passwords
from identity.claims import input_digest, read
from storage.actor import Actor
from tests.workflows import requests_desk as requests
from tests.workflows.command import Command, Said
from tests.workflows.desk import TestDesk, drifted
from tests.workflows.signing import Console
from web.app import create
from web.console import Console as WebConsole
from web.console import Temporal
from web.session import SignedIn
from web.settings import Settings
from workflows.connection import connect

PASSWORD = "four words nobody knows"
As = Callable[[str], Command]


@pytest.fixture
def signing(desk: TestDesk, owner: Engine) -> Console:
    desk.load(drifted("A-1"), drifted("A-2"), drifted("A-3"))
    console = Console(desk, owner).opens()
    with desk.books.transaction(Actor("deploy")) as work:
        for name in ("ann", "ben"):
            work.people.set_password(console.people[name].subject, passwords.hashed(PASSWORD))
    return console


@pytest.fixture
def origin(signing: Console, temporal_server: TemporalServer) -> Iterator[str]:
    """A console that listens."""
    door = socket.create_server(("127.0.0.1", 0))
    origin, address = f"http://127.0.0.1:{door.getsockname()[1]}", temporal_server.address
    settings = Settings(origin=origin, identity="signed")
    made = WebConsole(signing.desk.books, Temporal(lambda: connect(address)), settings, signing.desk.clock)
    made.sessions, made.key = SignedIn(made.books, made.clock, secure=False), signing.key
    server = uvicorn.Server(uvicorn.Config(create(made), log_level="warning", timeout_graceful_shutdown=3))
    thread = threading.Thread(target=server.run, args=([door],))
    thread.start()
    yield origin
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def at(desk: TestDesk, temporal_server: TemporalServer, origin: str, tmp_path: Path) -> As:
    """`at("ann")`: the command line of somebody's own home folder, in which nobody has signed in."""

    def made(name: str) -> Command:
        command = Command(desk, temporal_server)
        command.environment |= {"REBALANCER_HOME": str(tmp_path / name), "REBALANCER_CONSOLE_ORIGIN": origin}
        return command

    return made


async def typed(command: Command, secret: str, *words: str) -> Said:
    """A command that asks for a secret."""
    running = await asyncio.create_subprocess_exec(
        *command.words(*words), env=command.environment, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await running.communicate(f"{secret}\n".encode())
    return Said(running.returncode or 0, out.decode(), err.decode())


async def test_who_signed_in_decides_and_nobody_else(signing: Console, at: As, tmp_path: Path) -> None:
    ann, ben = at("ann"), at("ben")

    nobody = await ann("submit", "A-1", "--by", "ann")
    assert (nobody.code, nobody.out) == (1, "") and "rebalancer login NAME" in nobody.err
    assert signing.recorded("command refused")[-1] | {"reason": ""} == {
        "who": "unproven", "command": "rebalancer submit A-1 --by ann", "reason": "", "claimed": "ann",
    }  # fmt: skip

    wrong = await typed(ann, "a guess of many words", "login", "ann")
    assert wrong.code == 1 and "go together" in wrong.err and not (tmp_path / "ann" / "login.json").exists()
    entered = await typed(ann, PASSWORD, "login", "ann")
    assert entered.code == 0, entered.err
    assert "ann is signed in by password, as operator" in entered.out
    assert (tmp_path / "ann" / "login.json").stat().st_mode & 0o777 == 0o600
    assert (await ann("whoami", "--format", "json")).json["subject"] == signing.people["ann"].subject

    other = await ann("submit", "A-1", "--by", "ben")
    assert other.code == 1 and "you are signed in as ann" in other.err
    submitted = await ann("submit", "A-1", "--by", "Ann", "--format", "json")
    assert submitted.code == 0, submitted.err
    handle = signing.desk.client.get_workflow_handle("rebalance/A-1")
    progress = await _pending(signing, submitted.json["request_id"])
    own = await ann("approve", "R-000001", "--plan", progress["plan"])
    assert own.code == 1 and "needs to be approver" in own.err

    with signing.desk.books.transaction(Actor("ben")) as work:
        who = signing.people["ben"]
        token = work.sessions.make_token(who, "desk", ["approver"], signing.now(), timedelta(days=1))
    assert "by API token" in (await typed(ben, token, "login", "--token")).out
    blind = await ben("approve", "R-000001")
    assert blind.code == 1 and progress["plan"][:8] in blind.err and "DECIDE-1" in blind.err
    unseen = await ben("approve", "R-000001", "--unseen")
    assert unseen.code == 1 and "--unseen goes only where names are asserted" in unseen.err
    approved = await ben("approve", "R-000001", "--plan", progress["plan"][:8])
    assert (approved.code, approved.out.strip()) == (0, "R-000001  A-1  approved by ben: executing"), approved.err
    assert (await handle.result())["status"] == "COMPLETE"
    signed_in = signing.recorded("approved")[0]["signed_in"]
    assert (signed_in["subject"], signed_in["how"]) == (signing.people["ben"].subject, "token")

    out = await ben("logout")
    assert out.code == 0 and "until it is ended at the console" in out.out
    assert (await ben("approve", "R-000001", "--plan", progress["plan"])).code == 1
    assert (await ann("logout")).out.strip() == "ann is signed out"


async def test_a_request_is_paused_approved_and_cancelled_by_who_signed_in(signing: Console, at: As) -> None:
    ann, ben = at("ann"), at("ben")
    for command, name in ((ann, "ann"), (ben, "ben")):
        assert (await typed(command, PASSWORD, "login", name)).code == 0
    submitted = await ann("submit", "A-1", "A-2", "--mode", "exact", "--format", "json")
    request_id = submitted.json["request_id"]
    handle = signing.desk.client.get_workflow_handle(f"rebalance-request/{request_id}")
    await requests.pending(handle, 2)
    assert (await ann("pause", request_id)).out.strip() == f"{request_id}  paused by ann"
    assert (await ann("resume", request_id)).out.strip() == f"{request_id}  resumed by ann"
    shown = (await ben("show", request_id, "--format", "json")).json
    stale = await ben("approve", f"{request_id}@{'0' * 8}")
    assert stale.code == 1 and "DECIDE-1" in stale.err
    approved = await ben("approve", f"{request_id}@{shown['plans'][:8]}")
    assert (approved.code, approved.out.strip()) == (0, f"{request_id}  2 accounts approved by ben"), approved.err
    assert (await requests.result(handle))["counts"]["COMPLETE"] == 2

    again = (await ann("submit", "A-3", "--format", "json")).json["request_id"]
    await _pending(signing, again)
    gone = await ben("cancel", again, "--why", "client called")
    assert (gone.code, gone.out.strip()) == (0, f"{again}  1 account cancelled by ben"), gone.err


async def test_books_are_changed_by_who_signed_in(signing: Console, at: As) -> None:
    ann, ben = at("ann"), at("ben")
    for command, name in ((ann, "ann"), (ben, "ben")):
        assert (await typed(command, PASSWORD, "login", name)).code == 0
    done = await ann("account", "rebalancing", "A-1", "off")
    assert done.code == 0, done.err
    proven = signing.recorded("rebalancing switched off")[-1]["signed_in"]
    assert (proven["subject"], proven["how"]) == (signing.people["ann"].subject, "password")
    with signing.desk.books.reading() as work:
        kept = work.proof.decision(proven["decision"])
    assert kept is not None and (kept.act, kept.workflow_id) == ("switch", "books/switch")
    assert read(kept.envelope).about.plan == input_digest({"account_ids": ["A-1"], "rebalancing": False})
    for words in (("account", "rebalancing", "A-1", "on"), ("halt", "--why", "x"), ("target", "remove", "A-1")):
        refused = await ben(*words)
        assert refused.code == 1 and "needs to be operator" in refused.err, words
        assert signing.recorded("command refused")[-1]["who"] == "ben"
    typed_name = await ann("halt", "--why", "prices are wrong", "--by", "ben")
    assert typed_name.code == 1 and "you are signed in as ann" in typed_name.err


async def _pending(signing: Console, request_id: str) -> dict[str, str]:
    """What is known of the request's one rebalance, once it waits."""
    while True:
        with signing.desk.books.transaction() as work:
            rows = work.rebalances.listing(request_id=request_id, limit=1)
        if rows and rows[0].stage == "PENDING_APPROVAL":
            return {"rebalance_id": rows[0].id, "plan": str(rows[0].plan_digest)}
        await asyncio.sleep(0.1)
