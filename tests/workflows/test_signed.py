"""Signed decisions at the last door: what is proven acts; what is not is refused, recorded, and the worker lives."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, text
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError

from identity import keys
from identity.claims import About, input_digest
from policy import DEFAULTS, FIRM_FILE
from storage.actor import Actor
from storage.connection import Books
from storage.record.verification import snapshot, verify
from tests.workflows import requests_desk as requests
from tests.workflows.desk import TestDesk, account, drifted
from tests.workflows.signing import Console
from workflows.contract import TASK_QUEUE, rebalance_workflow_id, request_workflow_id

HOUR = timedelta(hours=1)


@pytest.fixture
def console(desk: TestDesk, owner: Engine) -> Console:
    desk.load(drifted("A-1"), drifted("A-2"), drifted("A-3"))
    return Console(desk, owner).opens()


async def refused(coming: Any) -> str:
    """Why an update was not taken."""
    with pytest.raises(WorkflowUpdateFailedError) as told:
        await coming
    return str(getattr(told.value.cause, "message", told.value.cause))


def verified(console: Console) -> None:
    with snapshot(console.owner) as connection:
        assert verify(connection).faults == []


async def test_an_approval_that_is_signed_is_recorded_with_who_how_and_key(console: Console) -> None:
    handle, progress = await console.waiting()
    answer = await console.approve(handle, progress)
    assert answer["outcome"] == "executing" and answer["approved_by"] == "ben"
    assert (await handle.result())["status"] == "COMPLETE"
    approved = console.recorded("approved")[0]
    assert approved["who"] == approved["approved_by"] == "ben"
    assert approved["signed_in"]["subject"] == console.people["ben"].subject
    assert approved["signed_in"]["how"] == "password" and approved["signed_in"]["key"] == keys.name(console.key)
    started = console.recorded("request started")[0]
    assert started["who"] == "ann" and started["signed_in"]["subject"] == console.people["ann"].subject
    assert console.desk.row(progress["rebalance_id"]).requested_subject == console.people["ann"].subject
    assert console.recorded("rebalance started")[0]["who"] == "ann"
    verified(console)


async def test_what_is_forged_is_refused_recorded_and_waits_again(console: Console) -> None:
    """Each passes the validator, which knows no cryptography; the worker lives through all of them."""
    handle, progress = await console.waiting()
    ben = console.claims("ben", "approve", console.about(progress))
    header, _, signature = console.sign(ben).split(".")
    forged = replace(ben, sub=console.people["bea"].subject)
    payload = base64.urlsafe_b64encode(json.dumps(forged.payload).encode()).rstrip(b"=").decode()
    changed = {"by": "ben", "plan": progress["plan"], "signed": f"{header}.{payload}.{signature}"}
    stranger = console.claims("ben", "approve", console.about(progress))
    admin = console.claims("ada", "approve", console.about(progress))
    own = console.claims("ann", "approve", console.about(progress))
    named_otherwise = replace(console.claims("bea", "approve", console.about(progress)), sub=own.sub)
    nobody = replace(console.claims("ben", "approve", console.about(progress)), sub="local:nobody")
    answers = [
        await handle.execute_update("approve", changed, id=ben.jti),
        await console.send(handle, "approve", stranger, keys.fresh()),
        await console.send(handle, "approve", admin),
        await console.send(handle, "approve", named_otherwise),
        await console.send(handle, "approve", nobody),
    ]
    for answer, told in zip(
        answers,
        ["its signature is not by the key", "is not one of this installation's", "ada has admin", "ann", "nobody"],
        strict=True,
    ):
        assert answer["outcome"] == "refused" and told in answer["why"], answer
    attempts = console.recorded("approval not proven")
    assert len(attempts) == 5 and {each["who"] for each in attempts} == {"unproven"}
    assert [each["claimed"]["by"] for each in attempts] == ["ben", "ben", "ada", "bea", "ben"]
    assert (await console.desk.pending(handle))["rebalance_id"] == progress["rebalance_id"]
    assert console.desk.venue_orders() == []
    assert (await console.approve(handle, progress))["outcome"] == "executing"  # by the same worker
    assert (await handle.result())["status"] == "COMPLETE"
    verified(console)


async def test_what_means_something_else_is_refused_at_once(console: Console) -> None:
    handle, progress = await console.waiting()
    about = console.about(progress)
    ben = console.claims("ben", "approve", about)
    other_plan = replace(about, plan="ab" * 32)
    for given, told in [
        ({"by": "ben", "plan": progress["plan"]}, "it is not signed"),
        ({"by": "bea", "plan": progress["plan"], "signed": console.sign(ben)}, "signed by ben, not by bea"),
        ({"by": "ben", "plan": progress["plan"], "signed": "a.b.c"}, "can't be read"),
    ]:
        assert told in await refused(handle.execute_update("approve", given, id=ben.jti))
    for claims, told in [
        (console.claims("ben", "cancel", about), "signed for cancel, not for approve"),
        (console.claims("ben", "approve", replace(about, round=2)), "signed for another round"),
        (console.claims("ben", "approve", replace(about, workflow_id="rebalance/A-2")), "another workflow"),
        (console.claims("ben", "approve", about, HOUR), "it was good until"),
        (console.claims("ben", "approve", about, -HOUR), "it was signed later than now"),
        (replace(ben, exp=ben.iat + 3600), "it is good for longer than"),
    ]:
        assert told in await refused(console.send(handle, "approve", claims))
    another = console.claims("ben", "approve", other_plan)
    assert "another plan" in await refused(console.send(handle, "approve", another, plan=progress["plan"]))
    again = handle.execute_update(
        "approve", {"by": "ben", "plan": progress["plan"], "signed": console.sign(ben)}, id="another-message"
    )
    assert "signed for another message" in await refused(again)
    assert "four eyes" in await refused(console.approve(handle, progress, by="ann"))
    for _ in range(50):
        told = console.recorded("approve refused")
        if len(told) >= 12:
            break
        await requests.asyncio.sleep(0.1)
    assert {each["who"] for each in told} == {"unproven"} and "ben" in {each["claimed"] for each in told}
    assert console.desk.venue_orders() == []


async def test_a_cancellation_is_proven_too(console: Console) -> None:
    handle, progress = await console.waiting()
    about = console.about(progress)
    assert "not signed" in await refused(handle.execute_update("cancel", {"by": "ben"}))
    forged = console.send(handle, "cancel", console.claims("ben", "cancel", about), keys.fresh())
    assert "is not one of this installation's" in await refused(forged)
    assert "ada has admin" in await refused(console.send(handle, "cancel", console.claims("ada", "cancel", about)))
    attempts = console.recorded("cancellation not proven")
    assert [each["who"] for each in attempts] == ["unproven"] * 3
    assert (await console.desk.pending(handle))["rebalance_id"] == progress["rebalance_id"]
    await console.send(handle, "cancel", console.claims("ann", "cancel", about), reason="client called")
    assert (await handle.result())["status"] == "CANCELED"


async def test_a_plan_changed_behind_its_digest_is_not_sent(console: Console) -> None:
    handle, progress = await console.waiting()
    console.tampered(progress["rebalance_id"])
    answer = await console.approve(handle, progress)
    assert answer["outcome"] == "void" and "not the one that was shown" in answer["why"]
    progress = await console.desk.pending(handle, round_number=2)
    assert console.desk.venue_orders() == []
    assert [each["document"] for each in console.recorded("document mended")] == [progress["plan"]]
    assert (await console.approve(handle, progress))["outcome"] == "executing"


async def test_keys_rotate_while_plans_wait(console: Console) -> None:
    handle, progress = await console.waiting()
    before = console.claims("ben", "approve", console.about(progress))
    old, console.key = console.key, keys.fresh()
    with Books(console.owner).transaction(Actor("deploy")) as work:
        work.proof.rotate(console.key, "a year has passed", console.now())
    later = console.claims("ben", "approve", console.about(progress), -timedelta(seconds=20))
    answer = await console.send(handle, "approve", later, old)
    assert "is not one of this installation's" in answer["why"]
    answer = await console.send(handle, "approve", before, old)  # it was signed while that key was in force
    assert answer["outcome"] == "executing"


async def test_a_request_is_whose_who_signed_for_it(console: Console) -> None:
    said: dict[str, Any] = {"request_id": "Q-9", "requested_by": "ann", "account_ids": ["A-1"]}
    about = About(request_workflow_id("Q-9"), plan=input_digest(said))
    good = console.claims("ann", "submit", about)
    for given, told in [
        (said, "it is not signed"),
        (said | {"signed": console.sign(good, keys.fresh())}, "is not one of this installation's"),
        (said | {"account_ids": ["A-2"], "signed": console.sign(good)}, "it is signed for another plan"),
        (said | {"requested_by": "bob", "signed": console.sign(good)}, "it is signed by ann, not by bob"),
        (
            said | {"signed": console.sign(console.claims("ben", "submit", about)), "requested_by": "ben"},
            "another plan",
        ),
        (said | {"signed": console.sign(console.claims("ann", "submit", about, HOUR))}, "it was good until"),
    ]:
        with pytest.raises(WorkflowFailureError) as failed:
            await (await console.started(given)).result()
        assert told in str(failed.value.cause.__cause__), failed.value.cause
    for _ in range(50):
        told_of = console.recorded("RebalanceRequest refused")
        if len(told_of) == 6:
            break
        await requests.asyncio.sleep(0.1)
    assert {each["who"] for each in told_of} == {"unproven"} and len(told_of) == 6


async def test_an_account_is_not_asked_for_past_a_request(console: Console) -> None:
    """Ann types bob's name, to approve it herself; or takes a request of hers that was for another account."""
    await console.request("A-2")
    for given in ({"requested_by": "bob"}, {"requested_by": "bob", "request_id": "Q-1"}):
        handle = await console.desk.client.start_workflow(
            "RebalanceAccount",
            {"account_id": "A-1", **given},
            id=rebalance_workflow_id("A-1"),
            task_queue=TASK_QUEUE,
        )
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert "no signed request is for account A-1" in str(failed.value.cause.__cause__)
    handle = await console.desk.client.start_workflow(
        "RebalanceAccount",
        {"account_id": "A-3", "requested_by": "ann", "approval": "automatic"},
        id=rebalance_workflow_id("A-3"),
        task_queue=TASK_QUEUE,
    )
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert console.desk.venue_orders() == []


async def test_a_request_is_approved_for_the_plans_that_were_shown(console: Console) -> None:
    """A-2 is planned again after the list was shown: it is left out, and the answer says so."""
    handle = await console.request("A-1", "A-2", "A-3")
    await requests.pending(handle, 3)
    digest = console.shown("Q-1")
    with console.desk.books.transaction() as books:
        books.accounts.assign_target("A-2", "TWO", books.market.book_day().as_of)  # type: ignore[union-attr]
    two = console.desk.client.get_workflow_handle(rebalance_workflow_id("A-2"))
    await two.signal("plan_again", {"why": "its target changed"})
    await console.desk.pending(two, round_number=2)
    about = About(request_workflow_id("Q-1"), plan=digest)
    forged = console.send(handle, "approve", console.claims("ben", "approve", about), keys.fresh())
    assert "is not one of this installation's" in await refused(forged)
    unshown = replace(about, plan="ab" * 32)
    assert "nobody was shown" in await refused(
        console.send(handle, "approve", console.claims("ben", "approve", unshown))
    )
    answer = await console.send(handle, "approve", console.claims("ben", "approve", about))
    assert answer["approved_by"] == "ben" and answer["accounts"] == 2
    assert [each["account_id"] for each in answer["refused"]] == ["A-2"]
    assert "planned again since it was shown: round 2" in answer["refused"][0]["reason"]
    await requests.until(handle, lambda progress: progress["counts"].get("COMPLETE") == 2)
    assert {each["signed_in"]["subject"] for each in console.recorded("approved")} == {console.people["ben"].subject}
    assert {each["who"] for each in console.recorded("request approval not proven")} == {"unproven"}
    stop = console.claims("ann", "cancel", About(request_workflow_id("Q-1")))
    await console.send(handle, "cancel", stop)
    assert (await requests.result(handle))["status"] == "COMPLETE_WITH_ERRORS"
    verified(console)


async def test_an_approval_of_a_request_counts_for_its_plans_alone(console: Console) -> None:
    """Ben approved the request Q-1; with his envelope nobody approves an account of another request, or twice."""
    handle = await console.request("A-1")
    await requests.pending(handle, 1)
    digest = console.shown("Q-1")
    claims = console.claims("ben", "approve", About(request_workflow_id("Q-1"), plan=digest))
    await console.send(handle, "approve", claims)
    await requests.result(handle)
    other, progress = await console.waiting("A-2")
    given = {"by": "ben", "plan": progress["plan"], "signed": console.sign(claims)}
    assert "another" in await refused(other.execute_update("approve", given, id=claims.jti))
    assert console.desk.row(progress["rebalance_id"]).stage == "PENDING_APPROVAL"


async def test_who_pauses_is_proven_too(console: Console) -> None:
    handle = await console.request("A-1")
    await requests.pending(handle, 1)
    about = About(request_workflow_id("Q-1"))
    assert "not signed" in await refused(handle.execute_update("pause", {"by": "ann"}))
    assert "ben has approver" in await refused(console.send(handle, "pause", console.claims("ben", "pause", about)))
    assert (await handle.query("progress"))["stage"] == "RUNNING"
    assert (await console.send(handle, "pause", console.claims("ann", "pause", about)))["stage"] == "PAUSED"


async def test_where_policy_asks_for_it_a_passkey_vouches_for_each_approval(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = yaml.safe_load(Path(DEFAULTS).read_text())
    since = {"from": "2026-01-01", "value": "passkey", "because": "large accounts"}
    firm = {"approval_evidence": numbers["approval_evidence"] | {"values": [since]}}
    (tmp_path / "firm.yaml").write_text(yaml.safe_dump(firm))
    handle, progress = await console.waiting()
    monkeypatch.setenv(FIRM_FILE, str(tmp_path / "firm.yaml"))
    ben, bea = console.device("ben"), console.device("bea")
    about = console.about(progress)

    def claims() -> Any:
        return console.claims("ben", "approve", about)

    elsewhere = replace(console.vouched(replace(claims(), about=replace(about, round=9)), ben), about=about)
    for said, told in [
        (claims(), "not vouched for by a passkey"),
        (console.vouched(claims(), bea), "is not ben's"),
        (elsewhere, "does not vouch for it"),
    ]:
        answer = await console.send(handle, "approve", said)
        assert answer["outcome"] == "refused" and told in answer["why"]
    answer = await console.send(handle, "approve", console.vouched(claims(), ben))
    assert answer["outcome"] == "executing"
    assert (await handle.result())["status"] == "COMPLETE"


async def test_a_signed_decision_is_verified_where_typed_names_are_enough_too(desk: TestDesk, owner: Engine) -> None:
    desk.load(account())
    console = Console(desk, owner).opens()
    with Books(owner).transaction(Actor("deploy")) as work:
        work.proof.set_identity("asserted")
    handle = await desk.start()
    progress = await desk.pending(handle)
    forged = await console.send(
        handle, "approve", console.claims("ben", "approve", console.about(progress)), keys.fresh()
    )
    assert forged["outcome"] == "refused"
    assert (await console.approve(handle, progress))["outcome"] == "executing"
    with owner.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM decisions")) == 1
