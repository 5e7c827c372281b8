"""Orders: what a rebalance sends to the venue, leg by leg, and what the venue says of each.

    NEW ──► SENT ──► WORKING ──► FILLED, PARTIALLY_FILLED, REJECTED, CANCELED or EXPIRED

A last word is never changed, and what was filled never falls: answers may come twice, late or out of order.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.dialects.postgresql import insert

from domain.booking import Leg
from domain.execution import client_order_id
from storage.audit import Audit
from storage.tables_execution import orders

UNACKNOWLEDGED = ("NEW", "SENT")
OPEN = (*UNACKNOWLEDGED, "WORKING")


class Orders:
    """The orders of one transaction."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def create(self, epoch: str, rebalance_id: str, legs: Iterable[Leg]) -> None:
        """Writes down every order before any is sent, each with its client order ID (EXEC-1)."""
        rows = [
            {
                "rebalance_id": rebalance_id,
                "leg": leg.number,
                "client_order_id": client_order_id(epoch, rebalance_id, leg.number),
                "side": leg.side,
                "symbol": leg.symbol,
                "planned_quantity": leg.quantity,
                "quantity": leg.quantity,
                "price": leg.price,
                "allocations": [{"sleeve": key, "quantity": str(part)} for key, part in leg.allocations],
                "rule": leg.rule,
                "reason": leg.reason,
                "status": "NEW",
            }
            for leg in legs
        ]
        if rows:
            self.connection.execute(insert(orders).on_conflict_do_nothing(), rows)

    def of(self, rebalance_id: str) -> Sequence[Row[Any]]:
        """A rebalance's orders in the order in which they are sent."""
        return self.connection.execute(
            select(orders).where(orders.c.rebalance_id == rebalance_id).order_by(orders.c.leg)
        ).all()

    def names(self, rebalance_id: str) -> dict[int, str]:
        """The client order ID of each leg."""
        rows = self.connection.execute(
            select(orders.c.leg, orders.c.client_order_id).where(orders.c.rebalance_id == rebalance_id)
        )
        return {row.leg: row.client_order_id for row in rows}

    def resize(self, rebalance_id: str, leg: Leg) -> None:
        """A buy made smaller before it is sent (ORDER-4)."""
        self._set(
            rebalance_id,
            leg.number,
            quantity=leg.quantity,
            allocations=[{"sleeve": key, "quantity": str(part)} for key, part in leg.allocations],
        )

    def sending(self, rebalance_id: str, leg: Leg, now: datetime) -> bool:
        """Noted before the venue is asked, so that a crash in between is known of.

        False where the venue has it, or where it was sized again meanwhile.
        """
        changed = self.connection.execute(
            update(orders)
            .where(
                orders.c.rebalance_id == rebalance_id,
                orders.c.leg == leg.number,
                orders.c.quantity == leg.quantity,
                orders.c.status.in_(UNACKNOWLEDGED),
            )
            .values(status="SENT", sent_at=func.coalesce(orders.c.sent_at, now))
        )
        return bool(changed.rowcount)

    def sending_all(self, rebalance_id: str, numbers: Collection[int], now: datetime) -> set[int]:
        """As `sending`, of orders that are never sized again; the legs that the venue does not have yet."""
        return set(
            self.connection.scalars(
                update(orders)
                .where(
                    orders.c.rebalance_id == rebalance_id,
                    orders.c.leg.in_(numbers),
                    orders.c.status.in_(UNACKNOWLEDGED),
                )
                .values(status="SENT", sent_at=func.coalesce(orders.c.sent_at, now))
                .returning(orders.c.leg)
            )
        )

    def not_sent(self, rebalance_id: str, number: int, why: str) -> bool:
        """An order that never will be sent; False where it was sent, or may have been."""
        changed = self.connection.execute(
            update(orders)
            .where(orders.c.rebalance_id == rebalance_id, orders.c.leg == number, orders.c.status == "NEW")
            .values(status="CANCELED", venue_reason=why)
        )
        return bool(changed.rowcount)

    def heard(
        self, rebalance_id: str, number: int, status: str, quantity: Decimal, amount: Decimal, reason: str | None
    ) -> bool:
        """What the venue says of an order (EXEC-2); False where it says nothing new, or less than it had said."""
        changed = self.connection.execute(
            update(orders)
            .where(
                orders.c.rebalance_id == rebalance_id,
                orders.c.leg == number,
                orders.c.status.in_(OPEN),
                orders.c.filled_quantity <= quantity,
                (orders.c.status != status) | (orders.c.filled_quantity != quantity),
            )
            .values(status=status, filled_quantity=quantity, filled_amount=amount, venue_reason=reason)
        )
        return bool(changed.rowcount)

    def first_sent(self, rebalance_id: str) -> datetime | None:
        """When the first of them was sent."""
        first: datetime | None = self.connection.execute(
            select(func.min(orders.c.sent_at)).where(orders.c.rebalance_id == rebalance_id)
        ).scalar_one()
        return first

    def booked(self, rebalance_id: str, now: datetime) -> None:
        """All fills of a rebalance are in the books."""
        self.connection.execute(update(orders).where(orders.c.rebalance_id == rebalance_id).values(booked_at=now))

    def _set(self, rebalance_id: str, number: int, **values: Any) -> None:
        self.connection.execute(
            update(orders).where(orders.c.rebalance_id == rebalance_id, orders.c.leg == number).values(**values)
        )
