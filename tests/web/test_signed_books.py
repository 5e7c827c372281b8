"""Decisions about the books where decisions are signed: carried out under who is proven to have taken them, or refused.

Every way to assign, switch and resolve, by page and by API; and every envelope that proves nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import OKPKey
from sqlalchemy import Engine, text

from acting import accounts, breaks, targets
from acting.proving import Sign, meant
from domain.executing.reconciliation import Break
from identity import keys, passwords
from identity.claims import About, input_digest, made, read
from identity.envelope import seal
from identity.person import Person
from policy.clock import the_clock
from reading.refused import Refused
from storage.actor import Actor
from storage.connection import Books, Rehearsal
from tests.web.conftest import BASE, form_token
from tests.web.test_api import V1
from web.app import create
from web.console import Console
from web.session import SignedIn
from web.settings import Settings

PASSWORD = "four words nobody knows"
TODAY = date(2026, 11, 20)


@pytest.fixture
def key(demo: Books, owner: Engine) -> OKPKey:
    """Decisions are signed by this key; ann operates, ben approves."""
    key = keys.fresh()
    with Books(owner).transaction(Actor("deploy")) as work:
        work.proof.rotate(key, "the first", the_clock().now())
        work.proof.set_identity("signed")
    with demo.transaction(Actor("deploy")) as work:
        for name, role in (("ann", "operator"), ("ben", "approver")):
            work.people.add(name, [role], passwords.hashed(PASSWORD))
    return key


def person(books: Books, name: str) -> Person:
    with books.transaction() as work:
        found = work.people.person(work.people.named(name).subject, "password")
    assert found is not None
    return found


@pytest.fixture
def ann(demo: Books, key: OKPKey, console: Console) -> TestClient:
    """Ann's browser; she signed in by password."""
    made = Console(demo, console.temporal, Settings(identity="signed"))
    made.sessions, made.key = SignedIn(demo, made.clock, secure=False), key
    client = TestClient(create(made), BASE, follow_redirects=False, headers={"sec-fetch-site": "same-origin"})
    assert client.post("/sign-in", data={"name": "ann", "password": PASSWORD}).status_code == 303
    return client


def a_break(books: Books) -> int:
    with books.transaction(Actor("rebalancer")) as work:
        (number,) = work.breaks.open("A-103", None, [Break("cash", None, Decimal(1), Decimal(2))])
        work.audit.record("break opened", account_id="A-103")
    return number


def proofs(books: Books) -> list[dict[str, Any]]:
    """What the record has of who signed in, of each record of the accounts' that has it."""
    with books.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT after -> 'signed_in' FROM audit_records WHERE account_id IS NOT NULL ORDER BY id")
        )
        return [row[0] for row in rows if row[0] is not None]


def test_every_way_is_signed_and_its_envelope_kept(demo: Books, key: OKPKey, ann: TestClient) -> None:
    number, form, done = a_break(demo), form_token(ann, "/accounts/A-103"), 0

    def call(method: str, path: str, **given: Any) -> None:
        nonlocal done
        done += 1
        given = given if path.startswith(V1) else {"data": given | {"form": form}}
        headers = {"Idempotency-Key": f"signed-{done:04}"} if path.startswith(V1) else {}
        if path.endswith("/resolution"):
            headers["If-Match"] = ann.get(path).headers["ETag"]
        answer = ann.request(method, path, headers=headers, **given)
        assert answer.status_code in {200, 303}, (path, answer.text)
        proven = proofs(demo)[-1]
        with demo.reading() as work:
            kept = work.proof.decision(proven["decision"])
        assert proven["key"] == keys.name(key) and kept is not None and read(kept.envelope).name == "ann"

    call("POST", "/accounts/A-103/rebalancing", on="off")
    call("PUT", f"{V1}/accounts/A-103/rebalancing", json={"rebalancing": True})
    call("POST", "/accounts/A-103/target", target="")
    call("PUT", f"{V1}/accounts/A-103/target", json={"target": "BALANCED"})
    call("DELETE", f"{V1}/accounts/A-103/target")
    call("POST", f"/breaks/{number}/resolve", note="booked late", expected="1", actual="2")
    call("POST", f"{V1}/breaks/{a_break(demo)}/resolution", json={"note": "booked late"})
    assert len({each["decision"] for each in proofs(demo)}) == done == 7


def signer(key: OKPKey, who: Person, change: Callable[[Any], Any] = lambda claims: claims) -> Sign:
    def sign(act: str, about: About, id_: str) -> str:
        return seal(change(made(who.subject, who.name, who.how, act, about, id_, the_clock().now())), key)

    return sign


HOUR = int(timedelta(hours=1).total_seconds())
FORGED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "another act": (lambda claims: replace(claims, act="resolve"), "signed for resolve, not for switch"),
    "another account": (
        lambda claims: replace(claims, about=meant("switch", input_digest({"account_ids": ["A-101"]}))),
        "signed for another plan",
    ),
    "another name": (lambda claims: replace(claims, name="ben"), "signed by ben, not by ann"),
    "another subject": (lambda claims: replace(claims, sub="local:nobody"), "nobody of subject"),
    "an hour old": (lambda claims: replace(claims, iat=claims.iat - HOUR, exp=claims.exp - HOUR), "it was good until"),
    "good for an hour": (lambda claims: replace(claims, exp=claims.exp + HOUR), "good for longer"),
    "of tomorrow": (lambda claims: replace(claims, iat=claims.iat + HOUR, exp=claims.exp + HOUR), "later than now"),
}


def refused(books: Books, who: Person, sign: Sign | None, told: str) -> None:
    """It is refused, nothing is changed, and the attempt is recorded under nobody's name."""
    before = proofs(books)
    with pytest.raises(Refused, match="Nothing was changed") as flaw:
        accounts.switch_rebalancing(books, who, ["A-103"], False, TODAY, sign)
    assert told in str(flaw.value)[:1].lower() + str(flaw.value)[1:]
    assert proofs(books) == before
    with books.engine.connect() as connection:
        last = connection.execute(text("SELECT who, action, after FROM audit_records ORDER BY id DESC LIMIT 1")).one()
        on = connection.scalar(text("SELECT rebalancing FROM accounts WHERE id = 'A-103'"))
    assert (last.who, last.action, on) == ("unproven", "decision refused", True)
    assert told in last.after["reason"] and last.after["claimed"]["by"] == who.name


@pytest.mark.parametrize("forged", FORGED)
def test_what_proves_nothing_changes_nothing(demo: Books, key: OKPKey, forged: str) -> None:
    change, told = FORGED[forged]
    refused(demo, person(demo, "ann"), signer(key, person(demo, "ann"), change), told)


def test_neither_an_unknown_key_nor_no_envelope_nor_one_used_before(demo: Books, key: OKPKey) -> None:
    ann = person(demo, "ann")
    refused(demo, ann, signer(keys.fresh(), ann), "not one of this installation's")
    refused(demo, ann, None, "it is not signed")
    refused(demo, person(demo, "ben"), signer(key, person(demo, "ben")), "needs to be operator")
    kept: list[str] = []

    def replayed(act: str, about: About, id_: str) -> str:
        kept.append(signer(key, ann, lambda claims: replace(claims, jti="the-same"))(act, about, id_))  # type: ignore[arg-type]
        return kept[-1]

    accounts.switch_rebalancing(demo, ann, ["A-103"], True, TODAY, replayed)
    other = signer(key, ann, lambda claims: replace(claims, jti="the-same", exp=claims.exp - 1))
    refused(demo, ann, other, "another decision has its id")


def test_a_rehearsal_keeps_no_decision(demo: Books, key: OKPKey) -> None:
    ann = person(demo, "ann")
    rehearsal, sign = Rehearsal(demo.engine), signer(key, ann)
    accounts.switch_rebalancing(rehearsal, ann, ["A-103"], False, TODAY, sign)
    targets.assign(rehearsal, ann, ["A-103"], "BALANCED", TODAY, sign)
    breaks.resolve(rehearsal, ann, a_break(demo), "booked late", False, TODAY, sign=sign)
    assert proofs(demo) == []
    with demo.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM decisions")) == 0


def test_who_may_not_has_nothing_signed(demo: Books, ann: TestClient) -> None:
    given = {"act": "switch", "digest": "0" * 64, "id": f"switch-{'0' * 16}"}
    signed = ann.post(f"{V1}/envelopes", json=given)
    assert read(signed.json()["signed"]).about == meant("switch", "0" * 64)
    assert ann.post(f"{V1}/envelopes", json=given | {"act": "approve"}).status_code == 422
    assert ann.post("/sign-in", data={"name": "ben", "password": PASSWORD}).status_code == 303
    assert ann.post(f"{V1}/envelopes", json=given).status_code == 403
