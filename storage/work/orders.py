"""Orders: what a rebalance sends to the venue, leg by leg, and what the venue says of each.

    NEW ──► SENT ──► WORKING ──► FILLED, PARTIALLY_FILLED, REJECTED, CANCELED or EXPIRED

A last word is never changed, and what was filled never falls: answers may come twice, late or out of order.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Date, Row, bindparam, cast, func, select, text, update

from domain.executing.booking import Leg
from domain.executing.execution import client_order_id
from domain.values.money import ZERO
from policy.clock import EXCHANGE_ZONE
from storage.record.audit import Audit
from storage.rows import insert_rows
from storage.schema.execution import orders
from storage.values import among
from storage.work.halts import SWITCH, Halted, told

UNACKNOWLEDGED = ("NEW", "SENT")
OPEN = (*UNACKNOWLEDGED, "WORKING")
SENT = ("SENT", "WORKING")  # what a venue has, or may have
# The day of an order's fills (DAY-2); where the venue did not say it, the exchange's day on which it was sent.
TRADED_ON = func.coalesce(orders.c.trade_date, cast(func.timezone(EXCHANGE_ZONE.key, orders.c.sent_at), Date))
OF = orders.c.rebalance_id == bindparam("of")
ALL = select(orders).where(OF).order_by(orders.c.leg)
NAMES = select(orders.c.leg, orders.c.client_order_id).where(OF)
STANDING = select(*(orders.c[name] for name in ("leg", "side", "status", "client_order_id"))).where(OF)
BOOKED = update(orders).where(OF).values(booked_at=bindparam("now"))
# The switch of sending is held first, and read; where it is on, orders are noted as sent, in the same statement.
SENDING = text(
    "WITH held AS MATERIALIZED (SELECT halted_by, why FROM hold_sending(:number)),"
    " noted AS (UPDATE orders SET status = 'SENT', sent_at = coalesce(orders.sent_at, :now)"
    " FROM unnest(CAST(:legs AS int[]), CAST(:quantities AS numeric[])) AS sized (leg, quantity)"
    " WHERE orders.rebalance_id = :of AND orders.leg = sized.leg AND orders.quantity = sized.quantity"
    " AND orders.status = ANY(:before) AND NOT EXISTS (SELECT FROM held) RETURNING orders.leg)"
    " SELECT leg, NULL AS halted_by, NULL AS why FROM noted UNION ALL SELECT NULL, halted_by, why FROM held"
)
HEARD = text(
    "UPDATE orders SET status = said.status, filled_quantity = said.quantity, filled_amount = said.amount,"
    " trade_date = said.traded, venue_reason = said.reason, costs = said.costs"
    " FROM unnest(CAST(:legs AS int[]), CAST(:statuses AS text[]), CAST(:quantities AS numeric[]),"
    " CAST(:amounts AS numeric[]), CAST(:traded AS date[]), CAST(:reasons AS text[]), CAST(:costs AS numeric[]))"
    " AS said (leg, status, quantity, amount, traded, reason, costs)"
    " WHERE orders.rebalance_id = :rebalance_id AND orders.leg = said.leg AND orders.status = ANY(:open)"
    " AND orders.filled_quantity <= said.quantity"
    " AND (orders.status <> said.status OR orders.filled_quantity <> said.quantity) RETURNING orders.leg"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """How an order stands at the venue: what was filled so far, for which cash, and what that cost besides."""

    status: str
    filled_quantity: Decimal
    filled_amount: Decimal
    trade_date: date | None  # the newest of the fills (DAY-2)
    reason: str | None
    costs: Decimal = ZERO


class Orders:
    """The orders of one transaction."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def create(self, epoch: str, rebalance_id: str, legs: Iterable[Leg]) -> dict[int, str]:
        """Writes down every order before any is sent, each with its client order ID (EXEC-1); those by leg."""
        by_leg = {leg.number: leg for leg in legs}
        names = {number: client_order_id(epoch, rebalance_id, number) for number in by_leg}
        rows = [
            {
                "rebalance_id": rebalance_id,
                "leg": leg.number,
                "client_order_id": names[leg.number],
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
            for leg in by_leg.values()
        ]
        insert_rows(self.connection, orders, rows, "left")
        return names

    def of(self, rebalance_id: str) -> Sequence[Row[Any]]:
        """A rebalance's orders in the order in which they are sent."""
        return self.connection.execute(ALL, {"of": rebalance_id}).all()

    def behind(self, rebalance_id: str, leg: int, size: int) -> Sequence[Row[Any]]:
        """The same behind a leg, so many at most."""
        query = select(orders).where(orders.c.rebalance_id == rebalance_id, orders.c.leg > leg)
        return self.connection.execute(query.order_by(orders.c.leg).limit(size)).all()

    def names(self, rebalance_id: str) -> dict[int, str]:
        """The client order ID of each leg."""
        return {row.leg: row.client_order_id for row in self.connection.execute(NAMES, {"of": rebalance_id})}

    def names_of(self, rebalance_ids: Collection[str]) -> dict[tuple[str, int], str]:
        """The client order ID of each leg of many rebalances, by both."""
        query = select(orders.c.rebalance_id, orders.c.leg, orders.c.client_order_id)
        rows = self.connection.execute(query.where(among(orders.c.rebalance_id, rebalance_ids)))
        return {(row.rebalance_id, row.leg): row.client_order_id for row in rows}

    def standing(self, rebalance_id: str) -> Sequence[Row[Any]]:
        """Of each order of a rebalance no more than leg, side, status and client order ID: who asks often asks this."""
        return self.connection.execute(STANDING, {"of": rebalance_id}).all()

    def resize(self, rebalance_id: str, leg: Leg) -> None:
        """A buy made smaller before it is sent (ORDER-4)."""
        self._set(
            rebalance_id,
            leg.number,
            quantity=leg.quantity,
            allocations=[{"sleeve": key, "quantity": str(part)} for key, part in leg.allocations],
        )

    def sending(self, rebalance_id: str, legs: Collection[Leg], now: datetime) -> set[int]:
        """Noted before the venue is asked, so that a crash in between is known of; the legs to be sent.

        Not those that the venue has, nor those that were sized again meanwhile. Raises Halted where sending is halted;
        where it is not, it stays so until the transaction ends.
        """
        given = {"legs": [leg.number for leg in legs], "quantities": [leg.quantity for leg in legs], "now": now}
        given |= {"of": rebalance_id, "before": list(UNACKNOWLEDGED), **SWITCH}
        rows = self.connection.execute(SENDING, given).all()
        halted = told([row for row in rows if row.leg is None])
        if halted:
            raise Halted(halted)
        return {row.leg for row in rows}

    def not_sent(self, rebalance_id: str, number: int, why: str) -> bool:
        """An order that never will be sent; False where it was sent, or may have been."""
        changed = self.connection.execute(
            update(orders)
            .where(orders.c.rebalance_id == rebalance_id, orders.c.leg == number, orders.c.status == "NEW")
            .values(status="CANCELED", venue_reason=why)
        )
        return bool(changed.rowcount)

    def heard(self, rebalance_id: str, said: Mapping[int, Answer]) -> set[int]:
        """What the venue says of orders, by leg (EXEC-2); the legs of which it says something new.

        Not where it says what it had said, or less.
        """
        if not said:
            return set()
        names = ("legs", "statuses", "quantities", "amounts", "traded", "reasons", "costs")
        columns = zip(*((leg, *astuple(each)) for leg, each in said.items()), strict=True)
        given = dict(zip(names, map(list, columns), strict=True))
        return set(self.connection.scalars(HEARD, given | {"rebalance_id": rebalance_id, "open": list(OPEN)}))

    def first_sent(self, rebalance_id: str, at_desk: Collection[int] = ()) -> tuple[datetime | None, datetime | None]:
        """When the first of them was sent, and when the first of those that are open, and not the desk's."""
        sent = func.min(orders.c.sent_at)
        own = [orders.c.leg.not_in(at_desk)] if at_desk else []
        found = self.connection.execute(
            select(sent, sent.filter(orders.c.status.in_(OPEN), *own)).where(orders.c.rebalance_id == rebalance_id)
        ).one()
        return found[0], found[1]

    def booked(self, rebalance_id: str, now: datetime) -> None:
        """All fills of a rebalance are in the books."""
        self.connection.execute(BOOKED, {"of": rebalance_id, "now": now})

    def _set(self, rebalance_id: str, number: int, **values: Any) -> None:
        self.connection.execute(
            update(orders).where(orders.c.rebalance_id == rebalance_id, orders.c.leg == number).values(**values)
        )
