"""Allocations: each account's part of a block's trade dates, given to the custodian once, and booked where it took it.

    GIVEN, before the custodian is told ──► BOOKED, or REFUSED by the custodian (BLOCK-7)

Never changed: what turns out otherwise is taken back by an entry of its own (ALLOC-7).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, case, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from domain.approvals import same_person
from domain.executing.allocation import Entry, Part
from domain.executing.departures import ALLOC_9
from storage.record.audit import Audit
from storage.rows import insert_rows
from storage.schema.desk import block_allocations, block_departures, desk_legs
from storage.values import by_key

A, D = block_allocations.c, block_departures.c
TAKEN_BACK = "what it takes back was refused"
ANSWERED = text(
    "UPDATE block_allocations SET state = CASE WHEN w.refusal IS NULL THEN 'BOOKED' ELSE 'REFUSED' END,"
    " refusal = w.refusal FROM unnest(CAST(:accounts AS text[]), CAST(:refusals AS text[])) AS w (id, refusal)"
    " WHERE block_id = :block AND trade_date = :day AND revision = :revision AND account_id = w.id AND state = 'GIVEN'"
)
# What is booked of a block is what its accounts' orders have filled, until they are in the accounts' own books.
FILLED = text(
    "UPDATE orders SET filled_quantity = s.units * d.unit, filled_amount = s.amount, costs = s.costs,"
    " trade_date = s.newest,"
    " venue_reason = coalesce(s.refusal, orders.venue_reason), status = CASE WHEN d.ended_at IS NULL THEN orders.status"
    " WHEN s.units * d.unit >= orders.quantity THEN 'FILLED' WHEN s.units > 0 THEN 'PARTIALLY_FILLED'"
    " ELSE 'CANCELED' END FROM desk_legs AS d JOIN (SELECT account_id,"
    " coalesce(sum(units) FILTER (WHERE state = 'BOOKED'), 0) AS units,"
    " coalesce(sum(amount) FILTER (WHERE state = 'BOOKED'), 0) AS amount,"
    " coalesce(sum(costs) FILTER (WHERE state = 'BOOKED'), 0) AS costs,"
    " max(trade_date) FILTER (WHERE state = 'BOOKED' AND NOT reverses) AS newest,"
    " 'the custodian refused its allocation: ' || max(refusal) AS refusal"
    " FROM block_allocations WHERE block_id = :block GROUP BY account_id) AS s ON s.account_id = d.account_id"
    " WHERE d.block_id = :block AND orders.booked_at IS NULL"
    " AND orders.rebalance_id = d.rebalance_id AND orders.leg = d.leg"
)
# Whose own books have another part of a block than is booked of it now.
OTHERWISE = text(
    "SELECT d.account_id, d.rebalance_id, o.filled_quantity AS told, s.units * d.unit AS filled_quantity,"
    " o.filled_amount + CASE d.side WHEN 'buy' THEN o.costs ELSE -o.costs END AS told_cash,"
    " s.amount + CASE d.side WHEN 'buy' THEN s.costs ELSE -s.costs END AS cash"
    " FROM desk_legs AS d JOIN orders AS o ON o.rebalance_id = d.rebalance_id AND o.leg = d.leg"
    " JOIN (SELECT account_id, coalesce(sum(units) FILTER (WHERE state = 'BOOKED'), 0) AS units,"
    " coalesce(sum(amount) FILTER (WHERE state = 'BOOKED'), 0) AS amount,"
    " coalesce(sum(costs) FILTER (WHERE state = 'BOOKED'), 0) AS costs"
    " FROM block_allocations WHERE block_id = :block GROUP BY account_id) AS s ON s.account_id = d.account_id"
    " WHERE d.block_id = :block AND o.booked_at IS NOT NULL"
    " AND (o.filled_quantity, o.filled_amount, o.costs) <> (s.units * d.unit, s.amount, s.costs) ORDER BY d.account_id"
)


class DepartureOpen(ValueError):
    """A departure is asked for already, or there is none to approve."""


class Allocations:
    """The allocations of one transaction."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def of(self, block_id: str) -> Sequence[Row[Any]]:
        """All entries of a block, in the order in which they were made."""
        return self.connection.execute(select(block_allocations).where(A.block_id == block_id).order_by(A.id)).all()

    def allotted(self, block_id: str) -> dict[tuple[str, date], Part]:
        """What each account was allotted of each trade date, whatever the custodian said to it."""
        rows = self.connection.execute(
            select(A.account_id, A.trade_date, func.sum(A.units), func.sum(A.amount), func.sum(A.costs))
            .where(A.block_id == block_id)
            .group_by(A.account_id, A.trade_date)
        )
        return {(account, day): Part(int(units), amount, costs) for account, day, units, amount, costs in rows}

    def refused(self, block_id: str) -> dict[tuple[str, date], Part]:
        """What of each part the custodian refused, all in all: it has the rest of what was allotted."""
        rows = self.connection.execute(
            select(A.account_id, A.trade_date, func.sum(A.units), func.sum(A.amount), func.sum(A.costs))
            .where(A.block_id == block_id, A.state == "REFUSED")
            .group_by(A.account_id, A.trade_date)
        )
        found = {(account, day): Part(int(units), amount, costs) for account, day, units, amount, costs in rows}
        return {key: part for key, part in found.items() if part != Part()}

    def give(self, block_id: str, entries: Iterable[Entry], now: datetime) -> None:
        """Writes entries down before the custodian is told. What it refused needs no telling to be taken back: that is
        a revision of its own, and of the part what the custodian has is taken back alone.
        """
        refused = self.refused(block_id)
        newest = self.connection.scalar(select(func.max(A.revision)).where(A.block_id == block_id)) or 0
        entries = list(entries)
        undone = {key: refused[key] for key in dict.fromkeys((each.account, each.day) for each in entries)
                  if key in refused}  # fmt: skip
        of_block = {"block_id": block_id, "made_at": now}
        taken_back = [
            of_block | _as_row(account, day, Part() - part) | {"state": "REFUSED", "refusal": TAKEN_BACK}
            for (account, day), part in undone.items()
        ]
        given = []
        for each in entries:
            part = each.part
            if each.reverses and (each.account, each.day) in undone:
                part = part + undone[each.account, each.day]
            if part != Part():
                row = _as_row(each.account, each.day, part) | {"reverses": each.reverses}
                given.append(of_block | row | {"state": "GIVEN", "refusal": None})
        for revision, rows in enumerate(filter(None, (taken_back, given)), newest + 1):
            insert_rows(self.connection, block_allocations, [row | {"revision": revision} for row in rows])

    def given(self, block_id: str) -> Sequence[Any]:
        """What the custodian has not answered: by revision, day and account; what is taken back and given as one."""
        return self.connection.execute(
            select(
                A.revision,
                A.trade_date,
                A.account_id,
                func.sum(A.units).label("units"),
                func.sum(A.amount).label("amount"),
                func.sum(A.costs).label("costs"),
            )
            .where(A.block_id == block_id, A.state == "GIVEN")
            .group_by(A.revision, A.trade_date, A.account_id)
            .order_by(A.revision, A.trade_date, by_key(A.account_id))
        ).all()

    def revisions(self, block_id: str, day: date) -> Sequence[int]:
        """Which of a block's allocations the custodian was told of a trade date, the first one first."""
        told = func.coalesce(A.refusal, "") != TAKEN_BACK
        query = select(A.revision).where(A.block_id == block_id, A.trade_date == day, told)
        return list(self.connection.scalars(query.distinct().order_by(A.revision)))

    def taken(self, block_id: str, day: date, revision: int) -> Mapping[str, Part]:
        """What each account has of a trade date with a revision in it, as far as the custodian did not refuse it."""
        units = func.sum(A.units)
        rows = self.connection.execute(
            select(A.account_id, units, func.sum(A.amount), func.sum(A.costs))
            .where(A.block_id == block_id, A.trade_date == day, A.revision <= revision, A.state != "REFUSED")
            .group_by(A.account_id)
            .having(units > 0)
            .order_by(by_key(A.account_id))
        )
        return {account: Part(int(shares), amount, costs) for account, shares, amount, costs in rows}

    def answered(self, block_id: str, revision: int, day: date, said: Mapping[str, str | None]) -> None:
        """What the custodian said of each account; the orders have filled what it took."""
        given = {"accounts": list(said), "refusals": list(said.values())}
        self.connection.execute(ANSWERED, given | {"block": block_id, "day": day, "revision": revision})
        self.connection.execute(FILLED, {"block": block_id})

    def otherwise(self, block_id: str) -> Sequence[Row[Any]]:
        """In whose own books a block is otherwise than it is allocated now: shares and cash with costs, as told and as
        they are.
        """
        return self.connection.execute(OTHERWISE, {"block": block_id}).all()

    def days_of(self, rebalance_id: str) -> dict[int, list[tuple[date, Decimal, Decimal]]]:
        """By leg of a rebalance what was booked of its blocks: trade date, shares, cash with costs (DAY-2, ALLOC-5)."""
        cash = func.sum(A.amount + case((desk_legs.c.side == "buy", A.costs), else_=-A.costs))
        rows = self.connection.execute(
            select(desk_legs.c.leg, A.trade_date, func.sum(A.units) * desk_legs.c.unit, cash)
            .join(desk_legs, (desk_legs.c.block_id == A.block_id) & (desk_legs.c.account_id == A.account_id))
            .where(desk_legs.c.rebalance_id == rebalance_id, A.state == "BOOKED")
            .group_by(desk_legs.c.leg, A.trade_date, desk_legs.c.unit)
            .having(func.sum(A.units) > 0)
            .order_by(desk_legs.c.leg, A.trade_date)
        )
        found: dict[int, list[tuple[date, Decimal, Decimal]]] = {}
        for leg, day, quantity, amount in rows:
            found.setdefault(leg, []).append((day, quantity, amount))
        return found

    # --- departures (ALLOC-9)

    def departures(self, block_id: str, open_only: bool = False) -> Sequence[Row[Any]]:
        """The departures of a block, in the order in which they were asked for."""
        query = select(block_departures).where(D.block_id == block_id).order_by(D.id)
        return self.connection.execute(query.where(D.ended_at.is_(None)) if open_only else query).all()

    def ask_to_depart(self, block_id: str, day: int, moves: Mapping[str, int], why: str) -> None:
        """Somebody wants a day allocated otherwise. Raises DepartureOpen where that is asked for already."""
        done = self.connection.execute(
            insert(block_departures)
            .values(block_id=block_id, day=day, moves=dict(moves), why=why, asked_by=self.audit.actor.who)
            .on_conflict_do_nothing()
            .returning(D.id)
        ).scalar_one_or_none()
        if done is None:
            raise DepartureOpen(f"a departure of {block_id} is asked for already, and the day not booked yet")
        self.audit.record(
            "departure asked",
            rule=ALLOC_9.code,
            after={"block_id": block_id, "day": day, "moves": dict(moves), "why": why},
        )

    def approve_departure(self, block_id: str) -> Row[Any]:
        """A second person agrees. Raises DepartureOpen where there is nothing to approve, or it is the same person."""
        found = self.departures(block_id, open_only=True)
        if not found or found[0].approved_by is not None:
            raise DepartureOpen(f"no departure of {block_id} waits for an approval")
        who = self.audit.actor.who
        if same_person(found[0].asked_by, who):
            raise DepartureOpen(f"{who} asked for the departure of {block_id}: somebody else has to approve it")
        self.connection.execute(
            update(block_departures).where(D.id == found[0].id).values(approved_by=who, approved_at=func.now())
        )
        self.audit.record(
            "departure approved",
            rule=ALLOC_9.code,
            after={"block_id": block_id, "moves": found[0].moves, "why": found[0].why, "asked_by": found[0].asked_by},
        )
        return found[0]

    def departed(self, departure: Row[Any], before: int, filled: int, now: datetime) -> None:
        """A departure is in the block's segments."""
        self._end_departure(departure, now, before=before, filled=filled)
        self.audit.record(
            "departure booked",
            rule=ALLOC_9.code,
            after={"block_id": departure.block_id, "before": before, "filled": filled, "moves": departure.moves},
        )

    def lapsed(self, departure: Row[Any], why: str, now: datetime) -> None:
        """A departure that the day was booked without."""
        self._end_departure(departure, now, said=why)
        self.audit.record("departure lapsed", rule=ALLOC_9.code, after={"block_id": departure.block_id, "why": why})

    def _end_departure(self, departure: Row[Any], now: datetime, **values: Any) -> None:
        self.connection.execute(
            update(block_departures).where(D.id == departure.id, D.ended_at.is_(None)).values(ended_at=now, **values)
        )


def _as_row(account: str, day: date, part: Part) -> dict[str, Any]:
    return {
        "account_id": account,
        "trade_date": day,
        "units": part.units,
        "amount": part.amount,
        "costs": part.costs,
        "reverses": part.units < 0,
    }
