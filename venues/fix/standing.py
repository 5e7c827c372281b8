"""How sessions stand, for whoever looks after them, and what an operator asks of their gateways."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from storage.connection import Transaction
from storage.schema.fix import fix_executions, fix_messages, fix_orders, fix_sessions
from venues.fix import books
from venues.fix.outbox import FIX_2
from venues.port import WORKING

M, ORDERS, S = fix_messages.c, fix_orders.c, fix_sessions.c
Wish = Literal["logout", "reset"]


class NotInDoubt(ValueError):
    """Nobody has to settle this order."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """An order that may be at the broker or not."""

    client_order_id: str
    account_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One session now. `state`: logged on, logged out, down, or no gateway."""

    session: str
    state: str
    logged_on_at: datetime | None
    heard_at: datetime | None
    ours: int
    theirs: int
    waiting: int  # messages that are not handed over yet
    unanswered: int
    orders: int  # that were ever handed to the session
    open_orders: int
    executions: int  # that were heard
    repaired: int  # orders of which a part stands in by CumQty × AvgPx (FIX-4)
    doubts: tuple[Doubt, ...]
    says: str | None
    wanted: str | None

    @property
    def troubled(self) -> bool:
        """Somebody has to look."""
        return bool(self.doubts) or self.state in ("down", "no gateway")


def sessions(connection: Connection) -> list[Standing]:
    """Every session that a gateway ever held, or that orders wait for."""
    held = S.lease_until > func.clock_timestamp()
    rows = connection.execute(select(fix_sessions, func.coalesce(held, False).label("held")).order_by(S.session)).all()
    return [_standing(connection, row) for row in rows]


def _standing(connection: Connection, row: Any) -> Standing:
    def count(*where: Any) -> int:
        return connection.scalar(select(func.count()).where(*where)) or 0

    doubted = connection.execute(
        select(ORDERS.client_order_id, ORDERS.account_id, ORDERS.doubt)
        .where(ORDERS.session == row.session, ORDERS.doubt.is_not(None), ORDERS.status == WORKING)
        .order_by(ORDERS.client_order_id)
    )
    up = row.held and row.logged_on
    return Standing(
        session=row.session,
        state="logged on" if up else "no gateway" if not row.held else "logged out" if row.wanted else "down",
        logged_on_at=row.logged_on_at,
        heard_at=row.heard_at,
        ours=row.sender_next,
        theirs=row.target_next,
        waiting=count(M.session == row.session, M.state == "NEW"),
        unanswered=count(M.session == row.session, M.state == "HANDED"),
        orders=count(ORDERS.session == row.session),
        executions=count(fix_executions.c.session == row.session),
        open_orders=count(ORDERS.session == row.session, ORDERS.status == WORKING),
        repaired=count(ORDERS.session == row.session, ORDERS.repaired),
        doubts=tuple(Doubt(*each) for each in doubted),
        says=row.says,
        wanted=row.wanted,
    )


def want(work: Transaction, session: str, wish: Wish | None, why: str) -> None:
    """Asks a session's gateway to log out, to begin its numbers anew, or with None to be as usual. Recorded."""
    who = work.audit.actor.who
    work.connection.execute(insert(fix_sessions).values(session=session).on_conflict_do_nothing())
    work.connection.execute(
        update(fix_sessions).where(S.session == session).values(wanted=wish, wanted_by=None if wish is None else who)
    )
    work.audit.record(f"fix session {wish or 'logon'} asked for", after={"session": session, "why": why})


def settle(work: Transaction, client_order_id: str, *, again: bool, why: str) -> None:
    """What a person learnt of an order in doubt: the broker never had it. It is sent `again`, or ends CANCELED.

    Raises NotInDoubt.
    """
    row = books.get(work.connection, client_order_id, lock=True)
    if row is None or row.doubt is None or row.status != WORKING:
        raise NotInDoubt(f"{client_order_id} is not in doubt: rebalancer fix status shows which are")
    if row.said_quantity or row.filled_quantity:
        raise NotInDoubt(f"{client_order_id} has fills: what the broker says next settles it")
    work.connection.execute(
        update(fix_messages)
        .where(M.order_id == client_order_id, M.kind == "D")
        .values(state="NEW" if again else "WITHDRAWN", answer=None if again else why, sequence=None)
    )
    books.doubt(work.connection, client_order_id, None)
    if not again:
        books.settle(work.connection, client_order_id, "CANCELED", f"the broker never had it: {why}")
    work.audit.record(
        "fix order settled",
        rule=FIX_2.code,
        before={"client_order_id": client_order_id, "doubt": row.doubt},
        after={"sent_again": again, "why": why},
    )
