"""Legs at the desk: what rebalances handed over, until each has its last word.

    waits ──► in a block ──► ended, its rebalance told

The order itself stays where all orders are (`storage.work.orders`): NEW while it waits, SENT and WORKING with its
block. A fractional tail is an order of its own there (BLOCK-2).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from domain.executing.booking import Leg
from domain.executing.execution import TAIL, client_order_id
from storage.record.audit import Audit
from storage.rows import insert_rows
from storage.schema.desk import blocks, desk_legs, desks
from storage.values import among, by_key

L = desk_legs.c
OF = select(desk_legs).where(L.rebalance_id == bindparam("of"))
OPENED = (
    select(desks.c.window_opened_at)
    .where(desks.c.venue == bindparam("of"), desks.c.window_opened_at.is_not(None))
    .with_for_update(read=True)
)
OPEN_LEG = L.ended_at.is_(None)
WAITS = OPEN_LEG & L.block_id.is_(None)

# The last word of legs: what was filled is in them; where it is less than was ordered, the reason is said.
END = text(
    "WITH ended AS (UPDATE desk_legs SET ended_at = :now, block_id = CASE WHEN :leaves THEN NULL ELSE block_id END"
    " FROM unnest(CAST(:rebalances AS text[]), CAST(:legs AS int[]), CAST(:reasons AS text[])) AS w (id, n, reason)"
    " WHERE rebalance_id = w.id AND leg = w.n AND ended_at IS NULL RETURNING rebalance_id, leg, w.reason)"
    " UPDATE orders SET status = CASE WHEN filled_quantity >= quantity THEN 'FILLED'"
    " WHEN filled_quantity > 0 THEN 'PARTIALLY_FILLED' ELSE 'CANCELED' END,"
    " venue_reason = coalesce(venue_reason, CASE WHEN filled_quantity < quantity THEN ended.reason END)"
    " FROM ended WHERE orders.rebalance_id = ended.rebalance_id AND orders.leg = ended.leg"
    " AND orders.status IN ('NEW', 'SENT', 'WORKING') RETURNING orders.rebalance_id, orders.leg"
)
# Fractional tails become orders of their own, and the legs' orders what the block has of them (BLOCK-2).
SPLIT = text(
    "WITH tails AS (SELECT * FROM unnest(CAST(:legs AS int[]), CAST(:numbers AS int[]), CAST(:names AS text[]),"
    " CAST(:tails AS numeric[])) AS w (leg, number, name, tail)), own AS (INSERT INTO orders (rebalance_id, leg,"
    " client_order_id, side, symbol, planned_quantity, quantity, price, allocations, rule, reason, status)"
    " SELECT o.rebalance_id, t.number, t.name, o.side, o.symbol, t.tail, t.tail, o.price, o.allocations, o.rule,"
    " o.reason, 'NEW' FROM orders AS o JOIN tails AS t ON t.leg = o.leg WHERE o.rebalance_id = :id"
    " ON CONFLICT DO NOTHING) UPDATE orders SET quantity = CAST(w.quantity AS numeric) FROM"
    " unnest(CAST(:legs AS int[]), CAST(:quantities AS numeric[])) AS w (leg, quantity)"
    " WHERE orders.rebalance_id = :id AND orders.leg = w.leg"
)
# Of which all that was handed over has its last word, and which don't know it; with how all their orders ended, where
# nothing else is open.
UNTOLD = (
    "SELECT d.rebalance_id, r.workflow_id, (SELECT CASE WHEN bool_and(o.status NOT IN ('NEW', 'SENT', 'WORKING'))"
    " THEN array_agg(o.status) END FROM orders AS o WHERE o.rebalance_id = d.rebalance_id) AS over"
    " FROM (SELECT DISTINCT rebalance_id FROM desk_legs WHERE {of} AND ended_at IS NOT NULL AND told_at IS NULL) AS d"
    " JOIN rebalances AS r ON r.id = d.rebalance_id"
    " WHERE NOT EXISTS (SELECT FROM desk_legs AS o WHERE o.rebalance_id = d.rebalance_id AND o.ended_at IS NULL)"
    " ORDER BY d.rebalance_id LIMIT :limit"
)
UNTOLD_OF_BLOCK = text(UNTOLD.format(of="block_id = :of"))
UNTOLD_OF_VENUE = text(UNTOLD.format(of="venue = :of AND block_id IS NULL"))


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A leg with its whole units, and the tail that is left of it, in shares."""

    leg: Leg
    unit: Decimal
    units: int
    tail: Decimal


class DeskLegs:
    """The legs at the desk in one transaction, and the windows in which they are gathered."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def hand_over(
        self,
        rebalance_id: str,
        account_id: str,
        venue: str,
        legs: Iterable[HandedOver],
        epoch: str,
        now: datetime,
        ends_at: datetime | None,
    ) -> datetime | None:
        """Writes down legs as the desk's, with their tails as orders of their own, and opens a window for them.

        Repeated, nothing changes. Since when the window is open; None where this opened it.
        """
        rows, tails = [], []
        for each in legs:
            leg = each.leg
            rows.append(
                {
                    "rebalance_id": rebalance_id,
                    "leg": leg.number,
                    "account_id": account_id,
                    "venue": venue,
                    "side": leg.side,
                    "symbol": leg.symbol,
                    "price": leg.price,
                    "unit": each.unit,
                    "units": each.units,
                    "handed_over_at": now,
                    "ends_at": ends_at,
                }
            )
            if each.tail:
                tails.append(each)
        insert_rows(self.connection, desk_legs, rows, "left")
        if tails:
            self._split(epoch, rebalance_id, tails)
        return self._open_window(venue, now)

    def _open_window(self, venue: str, now: datetime) -> datetime | None:
        """Opens a window, or holds the one that is open: who forms blocks of it sees what is handed over here."""
        since: datetime | None = self.connection.scalar(OPENED, {"of": venue})
        if since is not None:
            return since
        first = insert(desks).values(venue=venue, window_opened_at=now)
        self.connection.execute(
            first.on_conflict_do_update(
                index_elements=["venue"], set_={"window_opened_at": now}, where=desks.c.window_opened_at.is_(None)
            )
        )
        return None

    def _split(self, epoch: str, rebalance_id: str, given: Sequence[HandedOver]) -> None:
        numbers = [each.leg.number + TAIL for each in given]
        self.connection.execute(
            SPLIT,
            {
                "id": rebalance_id,
                "legs": [each.leg.number for each in given],
                "numbers": numbers,
                "names": [client_order_id(epoch, rebalance_id, number) for number in numbers],
                "tails": [each.tail for each in given],
                "quantities": [each.leg.quantity - each.tail for each in given],
            },
        )

    def of(self, rebalance_id: str) -> dict[int, Row[Any]]:
        """A rebalance's legs at the desk, by their number."""
        return {row.leg: row for row in self.connection.execute(OF, {"of": rebalance_id})}

    def desk(self, venue: str) -> Row[Any] | None:
        """A venue's desk: its window, and whether it is stopped; locked. None where nothing was ever handed over."""
        return self.connection.execute(select(desks).where(desks.c.venue == venue).with_for_update()).one_or_none()

    def all_desks(self) -> Sequence[Row[Any]]:
        """Every desk that there is."""
        return self.connection.execute(select(desks).order_by(desks.c.venue)).all()

    def stopped(self, venue: str) -> str | None:
        """Who stopped a desk, and why, in one line; None where it is not. It stays so until the transaction ends."""
        found = self.connection.execute(
            select(desks.c.stopped_by, desks.c.stopped_why)
            .where(desks.c.venue == venue, desks.c.stopped_at.is_not(None))
            .with_for_update(read=True)
        ).one_or_none()
        return None if found is None else f"{venue}'s desk is stopped by {found.stopped_by}: {found.stopped_why}"

    def stop(self, venue: str, why: str) -> None:
        """Nothing more is formed or released at a venue's desk until it is started."""
        values = {"stopped_at": func.now(), "stopped_by": self.audit.actor.who, "stopped_why": why}
        made = insert(desks).values(venue=venue, **values)
        self.connection.execute(made.on_conflict_do_update(index_elements=["venue"], set_=values))
        self.audit.record("desk stopped", after={"venue": venue, "why": why})

    def start(self, venue: str) -> bool:
        """Lets a desk go on; False where it was not stopped."""
        done = self.connection.execute(
            update(desks)
            .where(desks.c.venue == venue, desks.c.stopped_at.is_not(None))
            .values(stopped_at=None, stopped_by=None, stopped_why=None)
        )
        if done.rowcount:
            self.audit.record("desk started", after={"venue": venue})
        return bool(done.rowcount)

    def close_window(self, venue: str) -> bool:
        """What a desk has gathered is formed now; False where it has nothing."""
        done = self.connection.execute(
            update(desks)
            .where(desks.c.venue == venue, desks.c.window_opened_at.is_not(None))
            .values(release_by=self.audit.actor.who)
        )
        if done.rowcount:
            self.audit.record("window closed before its time", after={"venue": venue})
        return bool(done.rowcount)

    def window(self, venue: str, opened_at: datetime | None) -> None:
        """The next window: from when on legs are gathered; None where none wait."""
        self.connection.execute(
            update(desks).where(desks.c.venue == venue).values(window_opened_at=opened_at, release_by=None)
        )

    def reopen(self, venue: str, now: datetime) -> bool:
        """Opens a window where legs wait for a block that has ended meanwhile; True where one is open then."""
        waits = select(L.leg).where(L.venue == venue, WAITS).exists()
        self.connection.execute(
            update(desks)
            .where(desks.c.venue == venue, desks.c.window_opened_at.is_(None), waits)
            .values(window_opened_at=now)
        )
        found = self.connection.scalar(select(desks.c.window_opened_at).where(desks.c.venue == venue))
        return found is not None

    def waiting(self, venue: str) -> Sequence[Row[Any]]:
        """The legs that wait for a block, with what each is traded in, locked."""
        return self.connection.execute(
            select(desk_legs)
            .where(L.venue == venue, WAITS)
            .order_by(by_key(L.account_id), L.rebalance_id, L.leg)
            .with_for_update()
        ).all()

    def end(self, legs: Collection[tuple[str, int, str]], now: datetime, leaves: bool = False) -> list[tuple[str, int]]:
        """The last word of legs, each with what is said where it is not filled; those that had none before.

        `leaves`: out of a block that was not released.
        """
        if not legs:
            return []
        rebalances, numbers, reasons = zip(*legs, strict=True)
        given = {"rebalances": list(rebalances), "legs": list(numbers), "reasons": list(reasons)}
        return [tuple(row) for row in self.connection.execute(END, given | {"now": now, "leaves": leaves})]

    def take_out(self, rebalance_id: str, leg: int) -> None:
        """A leg that left a block before its release was never in one."""
        self.connection.execute(
            update(desk_legs).where(L.rebalance_id == rebalance_id, L.leg == leg).values(block_id=None)
        )

    def not_released(self, rebalance_id: str) -> Sequence[Row[Any]]:
        """The legs of a rebalance that are in no released block, locked, and none of their blocks is released now."""
        mine = select(L.block_id).where(L.rebalance_id == rebalance_id, OPEN_LEG)
        held = select(blocks.c.id, blocks.c.status).where(blocks.c.id.in_(mine)).order_by(blocks.c.id)
        formed = [row.id for row in self.connection.execute(held.with_for_update()) if row.status == "FORMED"]
        return self.connection.execute(
            select(desk_legs)
            .where(L.rebalance_id == rebalance_id, OPEN_LEG, L.block_id.is_(None) | among(L.block_id, formed))
            .with_for_update()
        ).all()

    def too_late(self, venue: str, now: datetime) -> Sequence[Row[Any]]:
        """The legs that wait, and that are not sent any more: the exchange has closed (DAY-6)."""
        return self.connection.execute(select(desk_legs).where(L.venue == venue, WAITS, L.ends_at <= now)).all()

    def next_end(self, venue: str) -> datetime | None:
        """When the first of the legs that wait is not sent any more."""
        found: datetime | None = self.connection.scalar(select(func.min(L.ends_at)).where(L.venue == venue, WAITS))
        return found

    def untold(self, limit: int, block_id: str | None = None, venue: str | None = None) -> Sequence[Row[Any]]:
        """Rebalances all of whose legs here have their last word, and that don't know it yet: of a block, or of those
        that never were in one at a venue. `over`: the statuses of all their orders, where each has its last word.
        """
        query, of = (UNTOLD_OF_BLOCK, block_id) if block_id is not None else (UNTOLD_OF_VENUE, venue)
        return self.connection.execute(query, {"of": of, "limit": limit}).all()

    def told(self, rebalance_ids: Collection[str], now: datetime) -> None:
        """Rebalances know that all they handed over has its last word."""
        self.connection.execute(
            update(desk_legs)
            .where(among(L.rebalance_id, rebalance_ids), L.ended_at.is_not(None), L.told_at.is_(None))
            .values(told_at=now)
        )
