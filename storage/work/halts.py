"""The kill switch: while a halt is open, no worker sends an order to any venue.

Whoever writes an order down as sent holds the switch as it is until that is committed; who halts waits for those, and
after him nobody writes one. What is at the venues may be asked after, cancelled and booked all the while.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, text, update

from domain.approvals import same_person
from storage.record.audit import Audit
from storage.schema.desk import desk_legs
from storage.schema.execution import orders, rebalances, sending_halts

SWITCH = {"number": 0x6861_6C74}  # the advisory lock of the switch
HOLD = text("SELECT halted_by, why FROM hold_sending(:number)")  # under the lock, shared
TURN = text("SELECT pg_advisory_xact_lock(:number)")
OPEN = select(sending_halts).where(sending_halts.c.resumed_at.is_(None)).order_by(sending_halts.c.id)
AT_A_VENUE = ("SENT", "WORKING")


class Halted(Exception):
    """Somebody halted all sending: nothing of it is sent until it is resumed."""


class SamePerson(ValueError):
    """Who halted sending may not resume it (four eyes)."""


class NotHalted(LookupError):
    """Nothing is halted."""


class Halts:
    """The switch in one transaction."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def hold(self) -> str | None:
        """Why nothing may be sent now; None where it may, which stays so until the transaction ends."""
        return told(self.connection.execute(HOLD, SWITCH).all())

    def told(self) -> str | None:
        """Who halted sending, and why, in one line; None where it is on."""
        return told(self.open())

    def open(self) -> Sequence[Row[Any]]:
        """The halts that nobody has resumed, oldest first."""
        return self.connection.execute(OPEN).all()

    def halt(self, why: str) -> None:
        """Halts all sending; returns once nobody is still writing an order down as sent."""
        self.connection.execute(TURN, SWITCH)
        self.connection.execute(insert(sending_halts).values(halted_by=self.audit.actor.who, why=why))
        self.audit.record("sending halted", after={"why": why})

    def resume(self, why: str) -> Sequence[Row[Any]]:
        """Ends every open halt, and returns them. Raises NotHalted, SamePerson."""
        self.connection.execute(TURN, SWITCH)
        halts = self.open()
        who = self.audit.actor.who
        if not halts:
            raise NotHalted("sending is not halted")
        mine = [each for each in halts if same_person(each.halted_by, who)]
        if mine:
            raise SamePerson(f"{who} halted sending ({mine[0].why}): somebody else has to resume it")
        self.connection.execute(
            update(sending_halts)
            .where(sending_halts.c.resumed_at.is_(None))
            .values(resumed_at=func.now(), resumed_by=who, resumed_why=why)
        )
        self.audit.record(
            "sending resumed",
            before={"halts": [{"by": each.halted_by, "why": each.why} for each in halts]},
            after={"why": why},
        )
        return halts

    def out(self) -> Sequence[Any]:
        """The orders that are, or may be, open at a venue, by themselves or in a block."""
        columns = (
            rebalances.c.account_id, orders.c.rebalance_id, orders.c.client_order_id, orders.c.side, orders.c.symbol,
            orders.c.quantity, orders.c.filled_quantity, orders.c.status, desk_legs.c.block_id,
        )  # fmt: skip
        leg = (desk_legs.c.rebalance_id == orders.c.rebalance_id) & (desk_legs.c.leg == orders.c.leg)
        return self.connection.execute(
            select(*columns)
            .join(rebalances, rebalances.c.id == orders.c.rebalance_id)
            .outerjoin(desk_legs, leg)
            .where(rebalances.c.stage == "EXECUTING", orders.c.status.in_(AT_A_VENUE))
            .order_by(orders.c.rebalance_id, orders.c.leg)
        ).all()

    def waiting(self) -> int:
        """How many orders of approved rebalances are not sent yet."""
        return (
            self.connection.scalar(
                select(func.count())
                .select_from(orders)
                .join(rebalances, rebalances.c.id == orders.c.rebalance_id)
                .where(rebalances.c.stage == "EXECUTING", orders.c.status == "NEW")
            )
            or 0
        )


def told(halts: Sequence[Row[Any]]) -> str | None:
    """Halts in one line, each with who and why; None where there are none."""
    return "; ".join(f"halted by {each.halted_by}: {each.why}" for each in halts) or None
