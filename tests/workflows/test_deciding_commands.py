"""`approve` and `cancel` as they are typed: what was seen, several at once, and what is said when nobody answers."""

import asyncio
import os
import pty
from pathlib import Path

import pytest
from temporalio.client import Client

from devstack.temporal import TemporalServer
from storage.connection import Books
from tests.workflows import requests_desk as requests
from tests.workflows.command import Command, Said
from tests.workflows.desk import TestDesk, account, drifted
from tests.workflows.test_decisions import retarget, sold_out


@pytest.fixture
def command(desk: TestDesk, temporal_server: TemporalServer) -> Command:
    return Command(desk, temporal_server)


async def on_a_terminal(command: Command, answer: str, *words: str) -> Said:
    """Types a command on a terminal, and an answer once it asks."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *command.words(*words), env=command.environment, stdin=theirs, stdout=theirs, stderr=asyncio.subprocess.PIPE
    )
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    seen = b""
    try:
        while more := await asyncio.to_thread(os.read, ours, 4096):
            seen += more
    except OSError:  # a terminal ends with an error
        pass
    os.close(ours)
    assert process.stderr
    err = (await process.stderr.read()).decode()
    return Said(await process.wait(), seen.decode(), err)


async def test_without_looking_nothing_is_approved(desk: TestDesk, command: Command) -> None:
    """Refused with the digest; by 8 characters of it approved; and the answer says what happened."""
    desk.load(drifted())
    handle = await desk.start()
    plan = (await desk.pending(handle))["plan"]
    blind = await command("approve", "R-000001", "--by", "ben")
    assert (blind.code, blind.out) == (1, "")
    assert plan in blind.err
    shown = await command("show", "R-000001")
    assert f"plan {plan}" in shown.out
    short = await command("approve", "R-000001", "--by", "ben", "--plan", plan[:7])
    assert (short.code, "give 8 characters or more of what `rebalancer show R-000001` prints" in short.err) == (2, True)
    approved = await command("approve", "R-000001", "--by", "ben", "--plan", plan[:8])
    assert (approved.code, approved.out.strip()) == (0, "R-000001  A-1  approved by ben: executing")
    await handle.result()
    late = await command("approve", "R-000001", "--by", "ben", "--plan", plan)
    assert (late.code, late.out) == (1, "")
    assert "R-000001 ended COMPLETE" in late.err


async def test_a_void_approval_is_never_told_as_one(desk: TestDesk, command: Command) -> None:
    desk.load(account())
    handle = await desk.start()
    first = (await desk.pending(handle))["plan"]
    retarget(desk)
    void = await command("approve", "R-000001", "--by", "ben", "--plan", first)
    assert (void.code, void.out) == (1, "")
    assert "approved by" not in void.err
    assert "void, and was planned again: changed since the plan: models, targets, target_id" in void.err
    second = (await desk.pending(handle, round_number=2))["plan"]
    old = await command("approve", "R-000001", "--by", "ben", "--plan", first, "--format", "json")
    assert (old.code, old.json[0]["ok"], old.json[0]["outcome"]) == (1, False, "refused")
    assert second in old.json[0]["answer"]
    assert desk.venue_orders() == []


async def test_on_a_terminal_the_plan_is_shown_and_asked_about(desk: TestDesk, command: Command) -> None:
    desk.load(drifted())
    handle = await desk.start()
    plan = (await desk.pending(handle))["plan"]
    no = await on_a_terminal(command, "n", "approve", "R-000001", "--by", "ben")
    assert no.code == 1
    assert "R-000001 was not approved, and waits" in no.err
    assert plan in no.out
    assert "approve this plan of account A-1? [y/N]" in no.out + no.err
    yes = await on_a_terminal(command, "y", "approve", "R-000001", "--by", "ben")
    assert yes.code == 0, yes.err
    assert "approved by ben: executing" in yes.out
    await handle.result()


async def test_a_request_leaves_its_liquidation_and_says_so(desk: TestDesk, command: Command) -> None:
    desk.load(drifted("A-1"), sold_out("A-2"))
    handle = await requests.start(desk, "A-1", "A-2")
    (liquidation,) = (await requests.pending(handle, 2))["liquidations"]
    shown = await command("show", "Q-1")
    assert f"liquidations, each approved by its own name: {liquidation}" in shown.out
    unseen = await command("approve", "Q-1", "--by", "ben", "--unseen")
    assert (unseen.code, unseen.out.strip()) == (0, "Q-1  1 account approved by ben")
    assert f"{liquidation} is a liquidation, and waits for an approval by its own name (DECIDE-1)" in unseen.err
    alone = await command("approve", liquidation, "--by", "ben", "--unseen")
    assert (alone.code, alone.out) == (1, "")
    assert "never approved unseen (DECIDE-1)" in alone.err
    digest = (await command("show", liquidation, "--format", "json")).json["plan_digest"]
    assert (await command("approve", liquidation, "--by", "ben", "--plan", digest)).code == 0
    assert (await requests.result(handle))["counts"] == {"COMPLETE": 2}


async def test_several_at_once(desk: TestDesk, command: Command, tmp_path: Path) -> None:
    """By ids with what was shown, by a file of them, and by a filter."""
    desk.load(*(drifted(f"A-{number}") for number in range(1, 6)))
    plans = {}
    for number in range(1, 6):
        progress = await desk.pending(await desk.start(f"A-{number}"))
        plans[progress["account_id"]] = (progress["rebalance_id"], progress["plan"])
    named = [f"{id_}@{plan[:8]}" for id_, plan in (plans["A-1"], plans["A-2"])]
    one_for_all = await command("approve", *named, "--by", "ben", "--plan", plans["A-1"][1])
    assert (one_for_all.code, one_for_all.out) == (2, "")
    both = await command("approve", *named, "--by", "ben", "--format", "json")
    assert (both.code, [each["outcome"] for each in both.json]) == (0, ["executing", "executing"])
    listed = tmp_path / "ids"
    listed.write_text(f"# what cid looked at\n{' '.join(plans['A-3'])}\n\n{plans['A-4'][0]} 00000000\n")
    mixed = await command("approve", "--file", str(listed), "--by", "cid")
    assert mixed.code == 1
    assert mixed.out.strip() == f"{plans['A-3'][0]}  A-3  approved by cid: executing"
    assert f"{plans['A-4'][0]}  A-4  approval refused: plan 00000000 is not what is pending" in mixed.err
    nobody = await command("cancel", "--requested-by", "zoe", "--by", "ben")
    assert (nobody.code, nobody.out) == (1, "")
    rest = await command("cancel", "--requested-by", " Ann", "--by", "ben", "--why", "enough")
    assert (rest.code, len(rest.out.splitlines())) == (0, 2)
    for account_id, status in (("A-1", "COMPLETE"), ("A-3", "COMPLETE"), ("A-4", "CANCELED"), ("A-5", "CANCELED")):
        result = await desk.client.get_workflow_handle(f"rebalance/{account_id}").result()
        assert result["status"] == status


async def test_sent_and_not_answered_says_just_that(
    client: Client, books: Books, temporal_server: TemporalServer
) -> None:
    """No worker: exit 3, and how to take it back. The worker comes back, and the decision takes effect: said, too."""
    desk = TestDesk(client, books)
    desk.load(drifted())
    command = Command(desk, temporal_server)
    async with desk.working():
        handle = await desk.start()
        plan = (await desk.pending(handle))["plan"]
    sent = await command("approve", "R-000001", "--by", "ben", "--plan", plan)
    assert (sent.code, sent.out) == (3, "")
    assert "sent, and not answered yet" in sent.err
    assert "Take it back: rebalancer cancel R-000001 --by ben" in sent.err
    asked = sent.err.strip().rpartition("Ask again: rebalancer ")[2].split()
    async with desk.working():
        answered = await command(*asked, "--by", "ben")
        assert (answered.code, answered.out.strip()) == (0, "R-000001  A-1  approved by ben: executing")
        assert (await handle.result())["status"] == "COMPLETE"


async def test_what_was_sent_and_not_answered_can_be_taken_back(
    client: Client, books: Books, temporal_server: TemporalServer
) -> None:
    desk = TestDesk(client, books)
    desk.load(drifted())
    command = Command(desk, temporal_server)
    async with desk.working():
        handle = await desk.start()
        plan = (await desk.pending(handle))["plan"]
    both = await asyncio.gather(
        command("approve", "R-000001", "--by", "ben", "--plan", plan),
        command("cancel", "R-000001", "--by", "ben", "--why", "not that one"),
    )
    assert [each.code for each in both] == [3, 3]
    async with desk.working():
        assert (await asyncio.wait_for(handle.result(), 60))["status"] == "CANCELED"
    assert desk.venue_orders() == []
