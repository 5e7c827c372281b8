"""Blocks through FIX, from release to last allocation: the steps of a worker, the gateway and fixcore's acceptor as
processes of their own, with the gateway killed in the middle (FIX-8, BLOCK-3 to BLOCK-7, ALLOC-7).
"""

import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from activities.desk_messages import BlockStands, DeskStep
from activities.desks import DeskSteps
from policy.trading_days import next_close
from storage.actor import Actor
from tests.desk.floor import Floor
from tests.venues.fix.conftest import World

FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
WANTED = {"101": 500, "102": 300, "103": 120, "104": 75, "105": 5}
RULES = {"unknown_is_proof": True, "confirms": True}


class Trading:
    """A block on its way through FIX."""

    def __init__(self, world: World, wanted: dict[str, int], carries: bool = True, **quirks: Any) -> None:
        world.write(rules=RULES)
        world.fixcore(hold=True)
        self.world, self.gateway = world, world.gateway()
        self.floor = Floor(world.books, world.venue, wanted, FRIDAY, carries=carries, pause=0.1)
        self.quirks = quirks
        self.block = self.floor.form()
        self.stands = self.floor.look(self.block, "send")
        world.until("the block", lambda: self.ledger("order"))

    def ledger(self, what: str) -> list[dict[str, Any]]:
        return [each for each in self.world.ledger() if what in each]

    def broker(self, **quirks: Any) -> None:
        self.quirks |= quirks
        self.world.quirks(**self.quirks)

    def until(self, what: str, found: Callable[[], Any], due: str = "watch") -> Any:
        """Step after step, as the workflow does, until something is there to see."""

        def looked() -> Any:
            self.stands = self.floor.look(self.block, due)
            return found()

        return self.world.until(what, looked)

    def filled(self, units: int) -> None:
        self.until(
            f"{units} filled", lambda: self.floor.rows("SELECT sum(filled_units) FROM block_orders")[0][0] == units
        )

    def kill(self) -> None:
        """The gateway, and another in its place."""
        self.world.stop(self.gateway, signal.SIGKILL)
        self.world.changed("UPDATE fix.sessions SET logged_on = false, lease_until = clock_timestamp()")
        self.gateway = self.world.gateway()

    def next_day(self, day: str) -> None:
        """The day's end, the allocation of it, and the next day's order at the broker."""
        floor = self.floor
        floor.now = next_close(floor.now) + timedelta(minutes=6)
        self.go(lambda each: each.due == "send")
        floor.now = next_close(floor.now) - timedelta(hours=6)
        orders = len(self.ledger("order"))
        self.quirks = {"hold": True}
        self.broker(day=day)
        self.go(lambda each: each.due == "watch")
        self.world.until("the next day's order", lambda: len(self.ledger("order")) == orders + 1)

    def go(self, until: Callable[[BlockStands], bool]) -> None:
        self.stands = self.floor.go(self.block, until, self.stands.due, most=400)

    def agree(self) -> None:
        """Not an order twice; what is allocated is what the broker filled, and the block is computed again."""
        taken = [each["order"] for each in self.ledger("order")]
        assert sorted(taken) == sorted(set(taken))
        assert all(len(each) <= 20 for each in taken)
        shares, cash = (sum(column) for column in zip(*self.world.filled().values(), strict=True))
        assert self.floor.rows("SELECT sum(units), sum(amount) FROM block_allocations") == [(shares, cash)]
        assert self.floor.recomputed(self.block) == ()


def allotted(trading: Trading, day: str) -> dict[str, tuple[int, Decimal]]:
    rows = trading.floor.rows("SELECT account_id, sum(units), sum(amount) FROM block_allocations"
                              " WHERE trade_date = CAST(:day AS date) GROUP BY 1 ORDER BY 1", day=day)  # fmt: skip
    return {account: (int(units), amount) for account, units, amount in rows if units}


@pytest.mark.trial
def test_the_worked_example_over_three_days_its_gateway_killed_and_a_fill_busted_behind_its_end(world: World) -> None:
    trading = Trading(world, WANTED)
    floor = trading.floor
    (sent,) = trading.ledger("order")
    assert (sent["fields"]["591"], dict(sent["allocations"])) == ("1", {each: str(n) for each, n in WANTED.items()})
    trading.kill()
    trading.quirks = {}
    trading.broker(to=250, price="287.10", refuse_account="105")
    trading.filled(250)
    trading.broker(to=397, price="287.14")
    trading.kill()
    trading.filled(397)
    trading.next_day("20261123")
    assert allotted(trading, "20261120") == {
        "101": (198, Decimal("56848.73")),
        "102": (120, Decimal("34453.78")),
        "103": (48, Decimal("13781.51")),
        "104": (29, Decimal("8326.33")),
        "105": (2, Decimal("574.23")),
    }
    (told,) = trading.ledger("allocation")
    assert (told["allocation"], told["fields"]["71"], told["fields"]["857"]) == ("B-000001/20261120", "0", "1")
    assert (told["fields"]["75"], told["orders"]) == ("20261120", [sent["order"]])
    assert told["accounts"][0] == ["101", "198", "56848.73"]
    refused = floor.breaks()  # BLOCK-7
    assert [(*key, each.expected, each.actual) for key, each in refused.items()] == [("105", "allocation", 2, 0)]
    assert floor.orders()["105"].filled_quantity == 0

    trading.quirks = {"day": "20261123"}
    trading.broker(to=153, price="288.00")
    trading.filled(550)
    with world.books.transaction(Actor("ann")) as books:
        assert books.blocks.ask_to_leave(trading.block, "104", None, "the client called")
    trading.floor.look(trading.block, "watch")
    trading.kill()  # with the reduction on its way
    (left,) = trading.until(
        "the reduction", lambda: floor.rows("SELECT * FROM block_leavings WHERE answered_at IS NOT NULL")
    )
    assert (left.filled, left.rest, left.reduced, left.said) == (550, 34, 34, "confirmed")
    trading.broker(to=353, price="288.05")
    trading.filled(750)
    trading.next_day("20261124")
    assert allotted(trading, "20261123")["101"] == (185, Decimal("53285.24"))
    assert allotted(trading, "20261123")["104"] == (12, Decimal("3456.34"))
    trading.quirks = {"day": "20261124"}
    trading.broker(price="288.05")
    trading.go(lambda each: False)
    assert trading.stands.note.endswith("ended")
    assert {each: units for each, (units, _) in allotted(trading, "20261124").items()} == {
        "101": 117, "102": 70, "103": 28, "105": 1,
    }  # fmt: skip
    trading.agree()

    floor.ended("101", "102")  # their rebalances; of the others something is still to be done
    of_monday = next(each["exec"] for each in trading.ledger("fill") if str(each["price"]) == "288.00")
    trading.broker(change={of_monday: ["H", 0, 0]})
    desk = DeskSteps(floor.desk)
    world.until("the bust", lambda: floor.did(desk.form_blocks, DeskStep(venue="PAPER")).changed, 70)
    trading.stands = floor.look(trading.block, "correct")
    trading.go(lambda each: False)
    assert floor.rows("SELECT sum(units) FROM block_allocations") == [(966 - 153,)]
    trading.agree()
    replaced = [each for each in trading.ledger("allocation") if each["fields"]["71"] == "1"]
    assert {each["fields"]["72"] for each in replaced} <= {"B-000001/20261123", "B-000001/20261124"}
    assert replaced
    broken = {account for account, kind in floor.breaks() if kind == "changed_fill"}
    assert broken == {"101", "102"}
    now = {account: sum(each[account][0] for each in days if account in each) for account in WANTED
           for days in [[allotted(trading, day) for day in ("20261120", "20261123", "20261124")]]}  # fmt: skip
    assert floor.orders()["103"].filled_quantity == now["103"] < 120
    assert floor.orders()["103"].status == "PARTIALLY_FILLED"


@pytest.mark.parametrize(
    ("quirk", "reduced", "said"),
    [({"deny_replace": True}, 0, "refused"), ({"replace_to": 80}, 20, "reduced in part")],
)
def test_a_broker_that_reduces_in_part_or_not_at_all(
    world: World, quirk: dict[str, Any], reduced: int, said: str
) -> None:
    """BLOCK-5: the account stays with what was not reduced."""
    trading = Trading(world, {"101": 60, "102": 40}, carries=False)
    with world.books.transaction(Actor("ann")) as books:
        books.blocks.ask_to_leave(trading.block, "102", None, "the client called")
    trading.broker(hold=True, **quirk)
    (left,) = trading.until(
        "the answer", lambda: trading.floor.rows("SELECT * FROM block_leavings WHERE answered_at IS NOT NULL")
    )
    assert (left.reduced, left.said) == (reduced, said)
    trading.quirks = {}
    trading.broker()
    trading.go(lambda each: False)
    assert {each: units for each, (units, _) in allotted(trading, "20261120").items()} == {
        "101": 60,
        "102": 40 - reduced,
    }
    trading.agree()


def test_what_is_filled_beyond_a_block_waits_until_it_is_busted_and_a_correction_is_allocated(world: World) -> None:
    """Nobody can be given what nobody ordered: the page says so, and the block goes on once the broker took it back."""
    trading = Trading(world, {"101": 60, "102": 40}, carries=False)
    trading.quirks = {}
    trading.broker(to=90, price="287.00")
    trading.filled(90)
    trading.broker(over=110, hold=True)
    del trading.quirks["to"]
    trading.broker()
    (said,) = trading.until(
        "the sentence",
        lambda: trading.floor.rows("SELECT venue_reason FROM block_orders WHERE venue_reason IS NOT NULL"),
    )
    assert "PAPER says that 110 VTI are filled, where 100 can be allocated" in said.venue_reason
    assert "have it bust what is too much" in said.venue_reason
    first, over = (each["exec"] for each in trading.ledger("fill"))
    trading.quirks = {"hold": True}
    trading.broker(change={over: ["G", 10, "287.50"], first: ["G", 90, "287.20"]})
    trading.until("the rest", lambda: trading.stands.due in ("allocate", "correct"))  # where one came before the other
    trading.go(lambda each: False)
    assert {each: units for each, (units, _) in allotted(trading, "20261120").items()} == {"101": 60, "102": 40}
    assert trading.floor.rows("SELECT sum(amount) FROM block_allocations") == [(Decimal("28723.00"),)]
    trading.agree()
    audited = trading.floor.rows("SELECT action FROM audit_records WHERE action = 'block overfilled'")
    assert len(audited) == 1
