"""Trade blocks: from many accounts' approved plans over the venue's desk to each account's books."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from activities.filled import fills
from devstack.temporal import TemporalServer
from domain.books.book import BookRefused
from domain.executing.reconciliation import compare, ledger
from policy.clock import Clock
from storage.actor import Actor
from storage.connection import Books
from storage.schema.desk import (
    block_allocations,
    block_fills,
    block_leavings,
    block_orders,
    block_segments,
    blocks,
    desk_legs,
    paper_allocations,
    paper_block_orders,
)
from storage.work.venues import SetBlocks
from tests.workflows.command import Command
from tests.workflows.desk import TestDesk, drifted
from venues.paper import PaperVenue
from venues.port import Instruction, VenueUnreachable
from venues.registry import Venues


def agree(desk: TestDesk, *accounts: str) -> None:
    """The books are the custodian's, to the cent and the share."""
    for account_id in accounts:
        held = desk.snapshot(account_id).account
        theirs = Venues(desk.books.engine).custodian("PAPER").ledger(account_id)
        assert compare(ledger(held), theirs) == (), account_id
        assert all(sleeve.cash >= 0 for sleeve in held.sleeves), held


def rows(desk: TestDesk, table: Any) -> list[Any]:
    with desk.books.transaction() as read:
        return list(read.execute(select(table).order_by(*table.primary_key.columns)))


def conserved(desk: TestDesk) -> int:
    """What accounts got of blocks is what the venue filled, to the unit and cent; how many blocks were looked at."""
    made = rows(desk, blocks)
    for block in made:
        at_venue = [each for each in rows(desk, paper_block_orders) if each.block == block.id]
        fills = [each for each in rows(desk, block_fills) if each.block_id == block.id]
        parts = [each for each in rows(desk, block_allocations) if each.block_id == block.id]
        shares = sum((each.units for each in parts), 0) * block.unit
        assert shares == sum((each.filled_quantity for each in at_venue), Decimal(0))
        assert shares == sum((each.units for each in fills), 0) * block.unit
        assert sum((each.amount for each in parts), Decimal(0)) == sum((e.filled_amount for e in at_venue), Decimal(0))
        told = [each for each in rows(desk, paper_allocations) if each.alloc_id.startswith(f"{block.id}/")]
        assert sum((each.quantity for each in told), Decimal(0)) == shares
    return len(made)


async def test_three_accounts_trade_as_one(desk: TestDesk) -> None:
    """Each sells 90 X and 100 Y and buys Z of what it brought: sells before buys, and no order of an account's own."""
    names = ("A-1", "A-2", "A-3")
    desk.load(*(drifted(name) for name in names))
    desk.blocks(window=A_DAY)
    running = asyncio.gather(*(desk.rebalance(name) for name in names))
    await released(desk, 6, 3)
    results = await asyncio.wait_for(running, 60)
    assert [each["status"] for each in results] == ["COMPLETE"] * 3
    assert desk.venue_orders() == []
    planned = {(each["side"], each["symbol"]): 3 * Decimal(each["quantity"]) for each in results[0]["orders"]}
    at_venue = {(each.side, each.symbol): each.quantity for each in rows(desk, paper_block_orders)}
    assert at_venue == planned
    assert {side for side, _ in planned} == {"sell", "buy"}
    sold = max(each.ended_at for each in rows(desk, blocks) if each.side == "sell")
    assert all(each.formed_at >= sold for each in rows(desk, blocks) if each.side == "buy")
    assert conserved(desk) == len(planned)
    agree(desk, *names)


WANTED = {"101": 500, "102": 300, "103": 120, "104": 75, "105": 5}
FRIDAY, MONDAY, TUESDAY = date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24)
FRIDAYS_MORNING = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
AFTER_FRIDAYS_CLOSE = datetime(2026, 11, 20, 21, 6, tzinfo=UTC)
AFTER_MONDAYS_CLOSE = datetime(2026, 11, 23, 21, 6, tzinfo=UTC)
A_DAY = 86_400
UNEVEN = {"X": "97.00", "Y": "53.00", "Z": "21.00"}


def worked() -> dict[str, Any]:
    """The worked example's book: five accounts whose exact plans buy 500, 300, 120, 75 and 5 VTI at 288.05."""
    weights = [{"security": "VTI", "weight": "0.98"}, {"cash": True, "weight": "0.02"}]
    cash = {each: Decimal("288.05") * units / Decimal("0.98") + 1 for each, units in WANTED.items()}
    return {
        "as_of": str(FRIDAY),
        "historical": False,
        "securities": [{"symbol": "VTI", "price": "288.05"}],
        "models": [],
        "targets": [{"id": "ALL", "components": weights}],
        "accounts": [{"id": each, "cash": f"{amount:.2f}", "target": "ALL"} for each, amount in cash.items()],
    }


def worked_fills() -> dict[str, Any]:
    """Its three days at the venue; the second fill of the second day comes a day later by the clock."""
    days = [(1, 250, "287.10", 0), (1, 147, "287.14", 0), (2, 153, "288.00", 0), (2, 200, "288.05", A_DAY)]
    fills = [{"day": day, "quantity": str(of), "price": price, "late": late} for day, of, price, late in days]
    return {"fills": [*fills, {"day": 3, "share": "1", "price": "288.05"}]}


async def soon(happened: Callable[[], Any], seconds: float = 40) -> Any:
    """Waits until something is in the books."""
    for _ in range(int(seconds * 10)):
        if found := happened():
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"never happened: {happened}")


async def all_approved(desk: TestDesk, names: Iterable[str], **given: Any) -> list[WorkflowHandle[Any, Any]]:
    handles = [await desk.start(name, **given) for name in names]
    for handle in handles:
        await desk.pending(handle)
        await desk.approve(handle)
    return handles


def _waiting(desk: TestDesk, legs: int) -> bool:
    return sum(each.block_id is None for each in rows(desk, desk_legs)) == legs


async def released(desk: TestDesk, *rounds: int) -> None:
    """Closes the window once so many legs are gathered, then once so many of the next, however long that takes."""
    for legs in rounds:
        gathered = partial(_waiting, desk, legs)
        await soon(gathered)
        with desk.books.transaction(Actor("ann")) as books:
            assert books.desk.close_window("PAPER")
        await desk.client.get_workflow_handle("desk/PAPER").signal("look")


async def call(client: Client, block_id: str = "B-000001") -> None:
    """Calls a block's workflow as soon as it runs: before, the one of an earlier test has its ID, and has ended."""
    block = client.get_workflow_handle(f"block/{block_id}")
    for _ in range(600):
        with contextlib.suppress(RPCError):
            await block.signal("look")
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"block/{block_id} does not run")


def allotted(desk: TestDesk, day: date) -> dict[str, tuple[int, Decimal]]:
    """What accounts got of a trade date: shares and cash."""
    parts: dict[str, tuple[int, Decimal]] = {}
    for each in rows(desk, block_allocations):
        if each.trade_date == day:
            had = parts.get(each.account_id, (0, Decimal(0)))
            parts[each.account_id] = (had[0] + each.units, had[1] + each.amount)
    return parts


async def test_the_worked_example_over_three_days_with_one_account_leaving(
    client: Client, books: Books, temporal_server: TemporalServer
) -> None:
    """BLOCK-3 to BLOCK-6, ALLOC-1 to ALLOC-5, ALLOC-8: shares and cents as the policy's page has them."""
    desk = TestDesk(client, books, Clock.set_to(FRIDAYS_MORNING))
    command = Command(desk, temporal_server)
    desk.load(**worked())
    desk.blocks(window=A_DAY, unfilled="carry")
    desk.unkind(blocks=[worked_fills()])
    async with desk.working():
        handles = await all_approved(desk, WANTED, mode="exact")
        await released(desk, 5)
        await soon(lambda: [each for each in rows(desk, block_orders) if each.filled_units == 397])
        assert rows(desk, block_allocations) == []  # once a trade date, and it is not over
    (first,) = rows(desk, block_segments)
    assert (first.targets, first.entry) == (WANTED, 717)

    desk.clock = Clock.set_to(AFTER_FRIDAYS_CLOSE)
    async with desk.working():
        await soon(lambda: sum(each.units for each in rows(desk, block_fills)) == 550)
        assert allotted(desk, FRIDAY) == {
            "101": (198, Decimal("56848.73")),
            "102": (120, Decimal("34453.78")),
            "103": (48, Decimal("13781.51")),
            "104": (29, Decimal("8326.33")),
            "105": (2, Decimal("574.23")),
        }
        asked = await command("block", "leave", "B-000001", "104", "--why", "the client called", "--by", "ann")
        assert asked.out == "the venue is asked to reduce B-000001 by the 34 that 104 lacks\n", asked
        again = await command("block", "leave", "B-000001", "999", "--why", "a mistake", "--by", "ann")
        assert (again.code, again.out) == (1, "")
        assert "999 is not in B-000001" in again.err
        (left,) = await soon(lambda: [each for each in rows(desk, block_leavings) if each.answered_at])
        assert (left.filled, left.rest, left.reduced) == (550, 34, 34)
    assert [each.open_units for each in rows(desk, block_orders)] == [1000, 603 - 34]
    second = rows(desk, block_segments)[1]
    assert (second.starts_at, second.targets) == (550, {"101": 225, "102": 135, "103": 54, "105": 2})

    desk.clock = Clock.set_to(AFTER_MONDAYS_CLOSE)
    async with desk.working():
        results = await asyncio.wait_for(asyncio.gather(*(each.result() for each in handles)), 60)
    assert allotted(desk, MONDAY) == {
        "101": (185, Decimal("53285.24")),
        "102": (110, Decimal("31683.11")),
        "103": (44, Decimal("12673.25")),
        "104": (12, Decimal("3456.34")),
        "105": (2, Decimal("576.06")),
    }
    assert {name: shares for name, (shares, _) in allotted(desk, TUESDAY).items()} == {
        "101": 117,
        "102": 70,
        "103": 28,
        "105": 1,
    }
    assert [each["status"] for each in results] == ["COMPLETE"] * 3 + ["COMPLETE_WITH_ERRORS", "COMPLETE"]
    assert "left the block: the client called" in results[3]["issue"]
    held = {name: desk.snapshot(name).account.managed.holdings[0] for name in WANTED}
    assert {name: int(each.quantity) for name, each in held.items()} == WANTED | {"104": 41}
    assert [(each.acquired, each.quantity) for each in held["101"].lots] == [
        (FRIDAY, 198),
        (MONDAY, 185),
        (TUESDAY, 117),
    ]
    assert conserved(desk) == 1
    agree(desk, *WANTED)
    told = [each for each in desk.audited("104") if "leav" in each or each == "allocated"]
    assert told == ["allocated", "leaving asked", "leaving answered", "allocated"]
    await told_by_commands(command)


async def told_by_commands(command: Command) -> None:
    """The block's page and what computes it again, of the worked example."""
    listed = (await command("block", "list", "--format", "json")).json
    assert [(each["block_id"], each["status"], each["filled"]) for each in listed] == [("B-000001", "ENDED", "966")]
    shown = (await command("block", "show", "B-000001", "--format", "json")).json
    assert {each["account_id"]: each["received"] for each in shown["accounts"]}["104"] == "41"
    assert [each["name"] for each in shown["orders"]] == ["B-000001", "B-000001/2", "B-000001/3"]
    assert [each["average"] for each in shown["days"]] == ["287.1148", "288.0283", "288.05"]
    page = (await command("block", "show", "B-000001")).out
    assert "104 asked to leave at 550 filled, lacking 34 (the client called, ann): confirmed, reduced by 34" in page
    assert "queue entered: B-000001/1 behind 717" in page
    assert (await command("audit", "recompute", "B-000001")).out == (
        "B-000001: 966 units filled, 14 parts of 5 accounts: the same, to the unit and cent (ALLOC-8)\n"
    )
    assert (await command("audit", "recompute", "B-000009")).code == 1
    desk = await command("desk", "PAPER")
    assert desk.out.startswith("PAPER: at work · 0 legs waiting\nNo block is open."), desk


async def test_whose_allocation_is_refused_has_a_break_and_the_others_are_booked(desk: TestDesk) -> None:
    """BLOCK-7"""
    names = ("A-1", "A-2", "A-3")
    desk.load(*(drifted(name) for name in names))
    desk.blocks(window=A_DAY)
    desk.unkind(blocks=[{"side": "buy", "refuse": ["A-2"]}])
    running = asyncio.gather(*(desk.rebalance(name) for name in names))
    await released(desk, 6, 3)
    results = await asyncio.wait_for(running, 60)
    assert [each["status"] for each in results] == ["COMPLETE", "COMPLETE_WITH_ERRORS", "COMPLETE"]
    (broken,) = results[1]["breaks"]
    (bought,) = [each for each in results[0]["orders"] if each["side"] == "buy"]
    assert (broken["kind"], broken["symbol"], broken["expected"]) == ("allocation", "Z", bought["filled"])
    assert "the custodian refused its allocation" in results[1]["issue"]
    assert conserved(desk) == 3
    agree(desk, *names)  # what was refused is in neither


async def test_who_comes_late_is_in_the_next_block(desk: TestDesk) -> None:
    """BLOCK-1: two blocks of the same terms, one after the other. The connection is lost twice as each is sent."""
    desk.load(drifted("A-1"), drifted("A-2"))
    desk.blocks(window=0)
    slow = {"fills": [{"share": "1", "late": 4}], "lose_connection": "after_accepting", "times": 2, "twice": True}
    desk.unkind(blocks=[{"symbol": "X", **slow}])
    first = asyncio.ensure_future(desk.rebalance("A-1"))
    await soon(lambda: [each for each in rows(desk, block_orders) if each.status == "WORKING"])
    results = await asyncio.wait_for(asyncio.gather(first, desk.rebalance("A-2")), 90)
    assert [each["status"] for each in results] == ["COMPLETE"] * 2
    earlier, later = [each for each in rows(desk, blocks) if each.symbol == "X"]
    assert later.formed_at >= earlier.ended_at
    assert [each["accounts"][0]["account_id"] for each in (earlier.statement, later.statement)] == ["A-1", "A-2"]
    assert conserved(desk) == 6
    agree(desk, "A-1", "A-2")


@pytest.mark.parametrize(("answer", "stays"), [("confirmed", False), ("refused", True)])
async def test_a_cancelled_rebalance_leaves_its_blocks(desk: TestDesk, answer: str, stays: bool) -> None:
    """BLOCK-5: half of the sells are filled when it asks. Refused, it gets its part of the rest too."""
    desk.load(drifted("A-1"), drifted("A-2"))
    desk.blocks(window=A_DAY)
    slow = {"fills": [{"share": "0.5"}, {"share": "0.5", "late": 12}], "reduce": answer}
    desk.unkind(blocks=[{"side": "sell", **slow}])
    handles = await all_approved(desk, ("A-1", "A-2"))
    await released(desk, 4)
    await soon(lambda: [each for each in rows(desk, block_orders) if each.filled_units])
    await handles[0].execute_update("cancel", {"by": "ben", "reason": "the client called"})
    await released(desk, 1)
    left, done = await asyncio.wait_for(asyncio.gather(*(each.result() for each in handles)), 90)
    assert done["status"] == "COMPLETE"
    assert left["status"] == "COMPLETE_WITH_ERRORS"  # its buys were never sent
    sells = [each for each in left["orders"] if each["side"] == "sell"]
    assert {each["status"] for each in sells} == {"FILLED" if stays else "PARTIALLY_FILLED"}
    assert {each["filled"] for each in left["orders"] if each["side"] == "buy"} == {"0"}
    answered = rows(desk, block_leavings)
    assert answered
    assert all((each.reduced == 0) == stays and each.rest > 0 for each in answered)
    assert conserved(desk) == 3
    agree(desk, "A-1", "A-2")


async def test_a_fractional_tail_is_an_order_of_its_own(desk: TestDesk) -> None:
    """BLOCK-2: blocks of whole shares, and what is left of each account's order as its own, in the same lots."""
    fine = [{"symbol": each, "price": price, "quantity_increment": "0.001"} for each, price in UNEVEN.items()]
    desk.load(drifted("A-1"), drifted("A-2"), securities=fine)
    desk.blocks(window=A_DAY)
    running = asyncio.gather(*(desk.rebalance(each, mode="exact") for each in ("A-1", "A-2")))
    await released(desk, 4, 2)
    results = await asyncio.wait_for(running, 60)
    assert [each["status"] for each in results] == ["COMPLETE"] * 2
    tails = desk.venue_orders()
    assert tails
    assert all(0 < each.quantity < 1 for each in tails)
    assert all(each.quantity % 1 == 0 for each in rows(desk, paper_block_orders))
    assert conserved(desk) == 3
    agree(desk, "A-1", "A-2")


async def test_a_halt_or_a_stopped_desk_releases_nothing(desk: TestDesk) -> None:
    """The kill switch, and the desk's own: the block is formed, and goes out once both let it."""
    desk.load(drifted("A-1"))
    desk.blocks(window=0)
    with desk.books.transaction(Actor("ann")) as books:
        books.halts.halt("prices are wrong")
    running = asyncio.ensure_future(desk.rebalance("A-1"))
    await soon(lambda: rows(desk, blocks))
    with desk.books.transaction(Actor("ann")) as books:
        books.desk.stop("PAPER", "lunch")
    with desk.books.transaction(Actor("ben")) as books:
        books.halts.resume("prices are right")
    await call(desk.client)
    await asyncio.sleep(2)
    assert {each.status for each in rows(desk, blocks)} == {"FORMED"}
    assert rows(desk, paper_block_orders) == []
    with desk.books.transaction(Actor("ben")) as books:
        assert books.desk.start("PAPER")
    for each in rows(desk, blocks):
        await call(desk.client, each.id)
    await desk.client.get_workflow_handle("desk/PAPER").signal("look")
    assert (await asyncio.wait_for(running, 60))["status"] == "COMPLETE"
    assert conserved(desk) == 3


async def test_with_blocks_off_everything_is_as_if_nobody_had_set_it(desk: TestDesk) -> None:
    """The same account, before any terms and with blocks switched off: the same orders, result and record."""
    desk.load(drifted("A-1"), drifted("A-2"))
    before = await desk.rebalance("A-1")
    with desk.books.transaction(Actor("test")) as books:
        off = SetBlocks("off", 5, None, "never", "carry", 10)
        books.venues.set_terms("PAPER", None, None, None, off)
    after = await desk.rebalance("A-2")

    def as_of_one(told: object) -> str:
        return str(told).replace("A-2", "A-1").replace("R-000002", "R-000001")

    assert as_of_one(after) == as_of_one(before)
    sent: dict[str, list[str]] = {"A-1": [], "A-2": []}
    for each in desk.venue_orders():
        whole = {key: value for key, value in each._asdict().items() if key not in ("account_id", "received_at")}
        sent[each.account_id].append(as_of_one(whole))
    assert sent["A-1"] == sent["A-2"] != []
    first, second = ([each for each in desk.audited(of) if each != "history archived"] for of in ("A-1", "A-2"))
    assert first == second  # histories are archived whenever the worker comes to it
    assert rows(desk, desk_legs) == rows(desk, blocks) == rows(desk, paper_block_orders) == []


async def test_an_account_moves_to_another_custodian(desk: TestDesk) -> None:
    """Not while it trades in a block; what only waits for an approval is planned again, where it is now."""
    desk.load(drifted("A-1"), drifted("A-2"))
    desk.blocks(window=A_DAY)
    trading, waiting = await desk.start("A-1"), await desk.start("A-2")
    await desk.pending(trading)
    await desk.pending(waiting)
    await desk.approve(trading)
    await soon(lambda: _waiting(desk, 2))
    with pytest.raises(BookRefused, match="A-1 can't be replaced while rebalance"):
        desk.load(drifted("A-1") | {"custodian": "ELSEWHERE"}, drifted("A-2"))
    desk.load(drifted("A-1"), drifted("A-2") | {"custodian": "ELSEWHERE"})
    await desk.approve(waiting)
    result = await asyncio.wait_for(waiting.result(), 60)
    assert result["status"] == "FAILED"
    assert "A-2 is at custodian ELSEWHERE, which has no venue here" in result["issue"]
    await released(desk, 2, 1)
    assert (await asyncio.wait_for(trading.result(), 60))["status"] == "COMPLETE"
    assert {each.account_id for each in rows(desk, desk_legs)} == {"A-1"}


async def test_a_departure_needs_a_reason_and_a_second_person_before_the_day_is_booked(
    client: Client, books: Books, temporal_server: TemporalServer
) -> None:
    """ALLOC-9, and BLOCK-6 where the terms let the rest of a day end: 101 gives 2 of its 198 shares, 105 has 4."""
    desk = TestDesk(client, books, Clock.set_to(FRIDAYS_MORNING))
    command = Command(desk, temporal_server)
    desk.load(**worked())
    desk.blocks(window=A_DAY)
    desk.unkind(blocks=[worked_fills()])
    wanted = (
        "block",
        "depart",
        "B-000001",
        "--move",
        "101=-2",
        "--move",
        "105=2",
        "--why",
        "an odd lot",
        "--by",
        "ann",
    )
    async with desk.working():
        handles = await all_approved(desk, WANTED, mode="exact")
        await released(desk, 5)
        await soon(lambda: [each for each in rows(desk, block_orders) if each.filled_units == 397])
        nothing = await command("block", "approve-departure", "B-000001", "--by", "ben")
        assert (nothing.code, nothing.err.count("waits for an approval")) == (1, 1)
        assert (await command(*wanted[:3], "--move", "101=-2", *wanted[7:])).code == 1  # it would come from nowhere
        assert (await command(*wanted)).code == 0
        assert (await command(*wanted)).code == 1  # it is asked for already
        own = await command("block", "approve-departure", "B-000001", "--by", "Ann")
        assert "somebody else has to approve it" in own.err
        assert (await command("block", "approve-departure", "B-000001", "--by", "ben")).code == 0
    desk.clock = Clock.set_to(AFTER_FRIDAYS_CLOSE)
    async with desk.working():
        results = await asyncio.wait_for(asyncio.gather(*(each.result() for each in handles)), 60)
    assert {name: shares for name, (shares, _) in allotted(desk, FRIDAY).items()} == {
        "101": 196,
        "102": 120,
        "103": 48,
        "104": 29,
        "105": 4,
    }
    assert {each["status"] for each in results} == {"COMPLETE_WITH_ERRORS"}
    assert all("it was not filled by the close" in each["issue"] for each in results)
    assert conserved(desk) == 1
    agree(desk, *WANTED)
    again = await command("audit", "recompute", "B-000001")
    assert again.out.startswith("B-000001: 397 units filled, 5 parts of 5 accounts: the same"), again
    page = (await command("block", "show", "B-000001")).out
    assert "departure of day 1 (an odd lot, ann, approved by ben): 101 -2, 105 +2: booked (ALLOC-9)" in page


async def test_a_custodian_that_answers_into_nothing_is_told_once(
    desk: TestDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each instruction arrives, and its answer is lost twice."""
    lost: Counter[str] = Counter()
    true = PaperVenue.allocate

    def allocate(self: PaperVenue, told: Instruction) -> Any:
        said = true(self, told)
        lost[told.alloc_id] += 1
        if lost[told.alloc_id] <= 2:
            raise VenueUnreachable(f"the answer to {told.alloc_id} was lost")
        return said

    monkeypatch.setattr(PaperVenue, "allocate", allocate)
    desk.load(drifted("A-1"), drifted("A-2"))
    desk.blocks(window=A_DAY)
    running = asyncio.gather(*map(desk.rebalance, ("A-1", "A-2")))
    await released(desk, 4, 2)
    results = await asyncio.wait_for(running, 90)
    assert [each["status"] for each in results] == ["COMPLETE"] * 2
    assert sorted(lost.values()) == [3, 3, 3]
    assert conserved(desk) == 3
    agree(desk, "A-1", "A-2")


def test_a_plan_of_thousands_of_orders_has_no_tails() -> None:
    """An account of single stocks may trade more than a thousand: none is taken for a part of another."""
    orders = [
        SimpleNamespace(
            leg=leg,
            side="buy",
            filled_quantity=Decimal(leg),
            filled_amount=Decimal(leg),
            costs=Decimal(0),
            trade_date=None,
        )
        for leg in range(1, 4_001)
    ]
    assert {leg: fill.quantity for leg, fill in fills(orders).items()} == {each: each for each in range(1, 4_001)}
