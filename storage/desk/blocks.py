"""Blocks: formed of legs that wait, stated before anything is sent, followed child by child to their last word.

    FORMED ──► RELEASED, its statement kept (BLOCK-3) ──► ENDED

A child is a day's order of a block (BLOCK-6): NEW, SENT before the venue is asked, WORKING, then the last word.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from domain.executing import blocks as rules
from domain.executing.allocation import DayFilled, Part, Segment
from domain.executing.blocks import BLOCK_1, BLOCK_3, BLOCK_5, BLOCK_6, Block, Member, Offer
from domain.executing.execution import EXEC_2
from domain.values.money import ZERO
from storage.record.audit import Audit
from storage.schema.desk import (
    block_allocations,
    block_fills,
    block_leavings,
    block_numbers,
    block_orders,
    block_segments,
    blocks,
    desk_legs,
)
from storage.values import by_key

B, C, V = blocks.c, block_orders.c, block_leavings.c
JOIN = text(
    "UPDATE desk_legs SET block_id = w.block FROM unnest(CAST(:blocks AS text[]), CAST(:rebalances AS text[]),"
    " CAST(:legs AS int[])) AS w (block, id, n) WHERE rebalance_id = w.id AND leg = w.n"
)
# A child is written down as sent, and with the first the orders of all accounts (EXEC-1).
SENT = text(
    "UPDATE orders SET status = 'SENT', sent_at = coalesce(sent_at, :now) FROM desk_legs AS d"
    " WHERE d.block_id = :block AND d.rebalance_id = orders.rebalance_id AND d.leg = orders.leg"
    " AND orders.status = 'NEW'"
)
WORKS = text(
    "UPDATE orders SET status = 'WORKING' FROM desk_legs AS d WHERE d.block_id = :block AND d.ended_at IS NULL"
    " AND d.rebalance_id = orders.rebalance_id AND d.leg = orders.leg AND orders.status = 'SENT'"
)


class UnknownBlock(LookupError):
    """There is no block of that number."""


class Blocks:
    """The blocks of one transaction."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def form(self, venue: str, waiting: Iterable[Row[Any]], now: datetime) -> list[str]:
        """Forms the blocks of what waits, sells first, but of terms of which one is open (BLOCK-1); their numbers."""
        offers = [_offer(row) for row in waiting]
        taken = {(row.side, row.symbol, row.price, row.unit) for row in self.open_of(venue)}
        made = [each for each in rules.formed(offers) if (each.side, each.symbol, each.price, each.unit) not in taken]
        names = [f"B-{self.connection.execute(block_numbers.next_value()).scalar_one():06d}" for _ in made]
        rows = [
            {
                "id": name,
                "venue": venue,
                "side": each.side,
                "symbol": each.symbol,
                "price": each.price,
                "unit": each.unit,
                "formed_at": now,
            }
            for name, each in zip(names, made, strict=True)
        ]
        if not rows:
            return []
        self.connection.execute(insert(blocks), rows)
        members = [(name, each.offer) for name, block in zip(names, made, strict=True) for each in block.members]
        self.connection.execute(
            JOIN,
            {
                "blocks": [name for name, _ in members],
                "rebalances": [offer.rebalance_id for _, offer in members],
                "legs": [offer.leg for _, offer in members],
            },
        )
        for name, block in zip(names, made, strict=True):
            told = {"block_id": name, "venue": venue, "side": block.side, "symbol": block.symbol}
            self.audit.record(
                "block formed", rule=BLOCK_1.code, after=told | {"accounts": len(block.members), "units": block.units}
            )
        return names

    def open_of(self, venue: str) -> Sequence[Row[Any]]:
        """A venue's blocks that have not ended, oldest first, without their statements."""
        columns = [column for column in B if column.name != "statement"]
        return self.connection.execute(
            select(*columns).where(B.venue == venue, B.status != "ENDED").order_by(B.formed_at, by_key(B.id))
        ).all()

    def get(self, block_id: str, lock: bool = False) -> Row[Any]:
        """A block. Raises UnknownBlock."""
        query = select(blocks).where(B.id == block_id)
        found = self.connection.execute(query.with_for_update() if lock else query).one_or_none()
        if found is None:
            raise UnknownBlock(f"there is no block {block_id}")
        return found

    def listing(self, venue: str | None = None, open_only: bool = False, limit: int = 200) -> Sequence[Any]:
        """Blocks, newest first: without statements, with how many accounts take part and how much is filled."""
        heavy = {"statement", "digest"}
        accounts = select(func.count()).where(desk_legs.c.block_id == B.id).scalar_subquery()
        ordered = select(func.sum(desk_legs.c.units)).where(desk_legs.c.block_id == B.id).scalar_subquery()
        filled = select(func.coalesce(func.sum(C.filled_units), 0)).where(C.block_id == B.id).scalar_subquery()
        children = select(func.count()).where(C.block_id == B.id).scalar_subquery()
        query = select(
            *(column for column in B if column.name not in heavy),
            accounts.label("accounts"),
            ordered.label("units"),
            filled.label("filled"),
            children.label("days"),
        )
        if venue is not None:
            query = query.where(B.venue == venue)
        if open_only:
            query = query.where(B.status != "ENDED")
        return self.connection.execute(query.order_by(B.formed_at.desc(), B.id.desc()).limit(limit)).all()

    def members(self, block_id: str) -> Sequence[Row[Any]]:
        """The legs of a block, by account."""
        return self.connection.execute(
            select(desk_legs).where(desk_legs.c.block_id == block_id).order_by(by_key(desk_legs.c.account_id))
        ).all()

    def state(self, row: Row[Any], epoch: str, opens_at: datetime, now: datetime, lot: Decimal | None = None) -> None:
        """Keeps a formed block's statement, and its first child, before anything is sent (BLOCK-3). `lot`: the shares
        of one, where the venue's terms have it (ALLOC-6).
        """
        members = tuple(Member(_offer(each), each.units, ZERO) for each in self.members(row.id))
        block = Block(row.side, row.symbol, row.price, row.unit, members)
        told = rules.statement(row.id, row.venue, block, rules.lot_of(lot, row.unit))
        self.connection.execute(
            update(blocks)
            .where(B.id == row.id)
            .values(status="RELEASED", statement=told, digest=told["digest"], released_at=now)
        )
        first = rules.first_segment(told)
        self.begin_segments(row.id, [first])
        self.add_child(row.id, epoch, 1, block.units, opens_at)
        self.audit.record(
            "block stated",
            rule=BLOCK_3.code,
            after={
                key: told[key] for key in ("block_id", "venue", "side", "symbol", "price", "unit", "total", "digest")
            }
            | {"accounts": len(members), "segment": first.name, "entry": first.entry}
            | ({"lot": first.lot} if first.lot > 1 else {}),
        )

    def add_child(self, block_id: str, epoch: str, day: int, units: int, opens_at: datetime) -> None:
        """A block's order of its next day (BLOCK-6)."""
        name = rules.child_order_id(epoch, block_id, day)
        self.connection.execute(
            insert(block_orders).values(
                block_id=block_id, day=day, client_order_id=name, units=units, open_units=units, opens_at=opens_at
            )
        )

    def children(self, block_id: str) -> Sequence[Row[Any]]:
        """A block's children, the first day's first."""
        return self.connection.execute(select(block_orders).where(C.block_id == block_id).order_by(C.day)).all()

    def sending(self, child: Row[Any], now: datetime, closes_at: datetime) -> bool:
        """Noted before the venue is asked, with the orders of all accounts; False where the venue has it."""
        done = self.connection.execute(
            update(block_orders)
            .where(_is(child), C.status.in_(("NEW", "SENT")))
            .values(
                status="SENT", sent_at=func.coalesce(C.sent_at, now), closes_at=func.coalesce(C.closes_at, closes_at)
            )
        )
        if child.day == 1:
            self.connection.execute(SENT, {"block": child.block_id, "now": now})
        return bool(done.rowcount)

    def fit(self, child: Row[Any], units: int, why: str) -> None:
        """Makes a child that was not sent no larger than what the block lacks; where that is nothing it never will be.

        One that was sent, or may have been, stays as it is.
        """
        values = {"units": units, "open_units": units} if units else {"status": "CANCELED", "venue_reason": why}
        self.connection.execute(
            update(block_orders).where(_is(child), C.status == "NEW", C.units > units).values(values)
        )

    def heard(
        self,
        child: Row[Any],
        status: str,
        filled: Part,
        day: date,
        reason: str | None,
        now: datetime,
    ) -> bool:
        """What the venue says of a child, as it stood when it was asked; False where that is nothing new.

        Who asked before somebody else wrote an answer down changes nothing. Less than before is a bust (ALLOC-7). `day`
        is the venue's trade date.
        """
        had = filled_of(child)
        as_it_was = (C.status == child.status, C.filled_units == had.units, C.filled_amount == had.amount)
        done = self.connection.execute(
            update(block_orders)
            .where(_is(child), *as_it_was, C.costs == had.costs)
            .values(
                status=status,
                filled_units=filled.units,
                filled_amount=filled.amount,
                costs=filled.costs,
                venue_reason=reason,
            )
        )
        more = filled - had
        if not done.rowcount or (status == child.status and more == Part()):
            return False
        if more != Part():
            of_child = {"block_id": child.block_id, "day": child.day, "heard_at": now}
            days = rules.dated(self._filled(child), more, day)
            rows = [
                of_child | {"trade_date": at, "units": part.units, "amount": part.amount, "costs": part.costs}
                for at, part in days.items()
            ]
            self.connection.execute(insert(block_fills), rows)
        if child.day == 1 and child.status == "SENT":
            self.connection.execute(WORKS, {"block": child.block_id})
        self.audit.record(
            f"block {status.lower().replace('_', ' ')}",
            rule=BLOCK_6.code,
            after={
                "block_id": child.block_id,
                "client_order_id": child.client_order_id,
                "filled_units": filled.units,
                "amount": str(filled.amount),
                **({"costs": str(filled.costs)} if filled.costs else {}),
                "trade_date": str(day),
                "venue_reason": reason,
            },
        )
        return True

    def overfilled(self, child: Row[Any], said: str) -> None:
        """What the venue says of a child can't be allocated: written down once, and nothing of it counts (EXEC-2)."""
        done = self.connection.execute(
            update(block_orders).where(_is(child), C.venue_reason.is_distinct_from(said)).values(venue_reason=said)
        )
        if done.rowcount:
            told = {"block_id": child.block_id, "client_order_id": child.client_order_id, "said": said}
            self.audit.record("block overfilled", rule=EXEC_2.code, after=told)

    def changed(self, venue: str) -> Sequence[str]:
        """A venue's blocks that have ended, and are to be allocated anew (ALLOC-7): their numbers."""
        given = select(block_allocations.c.block_id).where(block_allocations.c.state == "GIVEN")
        marked = select(C.block_id).where(C.changed_at.is_not(None))
        query = select(B.id).where(B.venue == venue, B.status == "ENDED", B.id.in_(marked.union(given)))
        return list(self.connection.scalars(query.order_by(by_key(B.id))))

    def _filled(self, child: Row[Any]) -> dict[date, Part]:
        """What a child filled by trade date."""
        f = block_fills.c
        sums = (func.sum(f.units), func.sum(f.amount), func.sum(f.costs))
        rows = self.connection.execute(
            select(f.trade_date, *sums)
            .where(f.block_id == child.block_id, f.day == child.day)
            .group_by(f.trade_date)
            .having(or_(*(each != 0 for each in sums)))
        )
        return {day: Part(int(units), amount, costs) for day, units, amount, costs in rows}

    def corrected(self, child: Row[Any]) -> None:
        """What the venue changed of a child is written down."""
        self.connection.execute(update(block_orders).where(_is(child)).values(changed_at=None))

    def fills(self, block_id: str) -> Sequence[Row[Any]]:
        """What a block filled, in the order in which it was heard."""
        return self.connection.execute(
            select(block_fills).where(block_fills.c.block_id == block_id).order_by(block_fills.c.id)
        ).all()

    def traded(self, block_id: str, day: date) -> Sequence[str]:
        """The client order IDs of the children that filled on a trade date."""
        f = block_fills.c
        query = select(C.client_order_id, C.day).join(block_fills, (f.block_id == C.block_id) & (f.day == C.day))
        query = query.where(C.block_id == block_id, f.trade_date == day).distinct().order_by(C.day)
        return [row.client_order_id for row in self.connection.execute(query)]

    def days(self, block_id: str) -> list[DayFilled]:
        """What a block filled by trade date, oldest first (ALLOC-3)."""
        f = block_fills.c
        rows = self.connection.execute(
            select(
                f.trade_date,
                func.sum(f.units).label("units"),
                func.sum(f.amount).label("amount"),
                func.sum(f.costs).label("costs"),
            )
            .where(f.block_id == block_id)
            .group_by(f.trade_date)
            .order_by(f.trade_date)
        )
        return [DayFilled(row.trade_date, int(row.units), row.amount, row.costs) for row in rows]

    def segments(self, block_id: str) -> tuple[Segment, ...]:
        """The segments that count, the first as it was stated (BLOCK-5)."""
        rows = self.connection.execute(
            select(block_segments).where(block_segments.c.block_id == block_id).order_by(block_segments.c.number)
        )
        return rules.in_force(
            Segment(
                f"{block_id}/{row.number}",
                row.starts_at,
                tuple(sorted(row.targets.items())),
                row.entry,
                row.lot,
                tuple(sorted(row.moved.items())),
            )
            for row in rows
        )

    def begin_segments(self, block_id: str, segments: Iterable[Segment]) -> None:
        """Keeps segments; those that are kept already stay."""
        rows = [
            {
                "block_id": block_id,
                "number": int(each.name.rpartition("/")[2]),
                "starts_at": each.starts_at,
                "targets": dict(each.targets),
                "entry": each.entry,
                "lot": each.lot,
                "moved": dict(each.moved),
            }
            for each in segments
        ]
        if rows:
            self.connection.execute(insert(block_segments).on_conflict_do_nothing(), rows)

    def end(self, block_id: str, reason: str | None, now: datetime) -> None:
        """A block's last word."""
        self.connection.execute(
            update(blocks)
            .where(B.id == block_id, B.status != "ENDED")
            .values(status="ENDED", ended_at=now, reason=reason)
        )
        self.audit.record("block ended", rule=BLOCK_6.code, after={"block_id": block_id, "reason": reason})

    def allocated(self, child: Row[Any], now: datetime) -> None:
        """A child's day is in the accounts."""
        self.connection.execute(update(block_orders).where(_is(child)).values(allocated_at=now))

    # --- leaving (BLOCK-5)

    def ask_to_leave(self, block_id: str, account_id: str, rebalance_id: str | None, why: str) -> bool:
        """An account wants to leave a released block; False where it asked already, and nobody answered yet."""
        done = self.connection.execute(
            insert(block_leavings)
            .values(block_id=block_id, account_id=account_id, why=why, asked_by=self.audit.actor.who)
            .on_conflict_do_nothing()
            .returning(V.id)
        ).scalar_one_or_none()
        if done is not None:
            self.audit.record(
                "leaving asked",
                account_id=account_id,
                rebalance_id=rebalance_id,
                rule=BLOCK_5.code,
                after={"block_id": block_id, "why": why},
            )
        return done is not None

    def leavings(self, block_id: str, open_only: bool = False) -> Sequence[Row[Any]]:
        """Who wanted to leave a block, in that order."""
        query = select(block_leavings).where(V.block_id == block_id).order_by(V.id)
        return self.connection.execute(query.where(V.answered_at.is_(None)) if open_only else query).all()

    def asking(self, leaving: Row[Any], day: int, filled: int, rest: int, to_units: int) -> None:
        """Noted before the venue is asked: what the block had filled then, and what the account lacked."""
        self.connection.execute(
            update(block_leavings)
            .where(V.id == leaving.id, V.filled.is_(None))
            .values(day=day, filled=filled, rest=rest, to_units=to_units)
        )

    def answered(self, leaving: Row[Any], reduced: int, said: str, now: datetime) -> None:
        """What the venue confirmed of a leaving."""
        self.connection.execute(
            update(block_leavings)
            .where(V.id == leaving.id, V.answered_at.is_(None))
            .values(reduced=reduced, answered_at=now, said=said, rest=func.coalesce(V.rest, reduced))
        )
        self.audit.record(
            "leaving answered",
            account_id=leaving.account_id,
            rule=BLOCK_5.code,
            after={
                "block_id": leaving.block_id,
                "filled": leaving.filled,
                "rest": leaving.rest,
                "reduced": reduced,
                "said": said,
            },
        )

    def shrink(self, child: Row[Any], open_units: int) -> None:
        """What the venue confirmed a child to come to."""
        self.connection.execute(
            update(block_orders).where(_is(child), C.open_units > open_units).values(open_units=open_units)
        )


def filled_of(child: Row[Any]) -> Part:
    """What a child filled so far, as it was written down."""
    return Part(child.filled_units, child.filled_amount, child.costs)


def _is(child: Row[Any]) -> Any:
    return (C.block_id == child.block_id) & (C.day == child.day)


def _offer(row: Row[Any]) -> Offer:
    """A leg at the desk as the rules know it; its tail left the desk when it was handed over."""
    quantity = row.units * row.unit
    return Offer(row.account_id, row.rebalance_id, row.leg, row.side, row.symbol, quantity, row.unit, row.price)


def cumulative(children: Iterable[Mapping[str, Any] | Row[Any]]) -> int:
    """The units that a block has filled so far."""
    return sum(each.filled_units for each in children)  # type: ignore[union-attr]
