"""The gateway's side of the outbox: which messages are due, marked before they are handed over (FIX-2).

NEW ──► HANDED ──► ANSWERED
 ▲         │
 └─────────┘  the broker was asked, and knows nothing of it: proof, where its rules say so
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, update

from domain.values.rules import Rule
from storage.schema.fix import fix_messages, fix_orders
from venues.fix import allocations, books
from venues.fix.lease import Lease
from venues.fix.sessions import Session
from venues.port import WORKING

FIX_2 = Rule(
    "FIX-2",
    "A message is marked before it is handed to the engine. After a crash in between the broker is asked first; that "
    "it knows nothing is proof only where its rules say so.",
)
BATCH = 100
SENDING = ("D",)  # what a halt holds back; cancelling, reducing and allocating go on
M = fix_messages.c


def due(connection: Connection, session: str) -> set[str]:
    """The types of the messages that wait to be handed over."""
    return set(connection.scalars(select(M.kind).where(M.session == session, M.state == "NEW").distinct()))


def mark(
    connection: Connection, session: Session, lease: Lease, *, halted: bool, first: int, limit: int = BATCH
) -> Sequence[Row[Any]]:
    """The next messages, marked as handed over by this run, under numbers from `first` on: which they go out under
    unless something else does in between, and then `numbered` says so. Raises LeaseLost.

    An order whose cancellation overtook it is not among them: it was withdrawn under its row's lock.
    """
    lease.check(connection)
    due = (
        select(M.number)
        .where(M.session == session.session, M.state == "NEW")
        .order_by(M.number)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if halted:
        due = due.where(M.kind.not_in(SENDING))
    found = due.subquery("due")
    placed = select(found.c.number, func.row_number().over(order_by=found.c.number).label("at")).subquery("placed")
    marked = connection.execute(
        update(fix_messages)
        .where(M.number == placed.c.number)
        .values(
            state="HANDED",
            handed_by=lease.run,
            handed_at=func.clock_timestamp(),
            times=M.times + 1,
            sequence=first - 1 + placed.c.at,
        )
        .returning(fix_messages)
    ).all()
    return sorted(marked, key=lambda each: int(each.number))


def take_back(connection: Connection, numbers: Sequence[int]) -> None:
    """What was marked by this run, and surely not handed over."""
    connection.execute(
        update(fix_messages)
        .where(M.number.in_(numbers), M.state == "HANDED")
        .values(state="NEW", times=M.times - 1, sequence=None)
    )


def numbered(connection: Connection, session: str, name: str, sequence: int) -> None:
    """Notes under which number a message goes out after all, so that a reject by number finds it."""
    connection.execute(update(fix_messages).where(M.session == session, M.name == name).values(sequence=sequence))


def not_numbered(connection: Connection, session: str, first: int) -> None:
    """Numbers from here on are given anew: what was marked to go out under one of them did not, or in another count."""
    connection.execute(
        update(fix_messages).where(M.session == session, M.state == "HANDED", M.sequence >= first).values(sequence=None)
    )


def unanswered(connection: Connection, session: str) -> Sequence[Row[Any]]:
    """What was handed over and not answered, with how its order stands; oldest first."""
    return connection.execute(
        select(fix_messages, fix_orders.c.status.label("order_status"))
        .outerjoin(fix_orders, fix_orders.c.client_order_id == M.order_id)
        .where(M.session == session, M.state == "HANDED")
        .order_by(M.number)
    ).all()


def again(connection: Connection, session: str) -> int:
    """After a logon: what may be repeated without harm (35=F, G, J) is sent again, unless its order has ended."""
    ended = select(fix_orders.c.client_order_id).where(fix_orders.c.status != WORKING)
    connection.execute(
        update(fix_messages)
        .where(M.session == session, M.state == "HANDED", M.kind.in_(("F", "G")), M.order_id.in_(ended))
        .values(state="ANSWERED", answer="the order had ended")
    )
    back = connection.execute(
        update(fix_messages)
        .where(M.session == session, M.state == "HANDED", M.kind.in_(("F", "G", "J")))
        .values(state="NEW")
    )
    return int(back.rowcount)


def unknown(connection: Connection, session: Session, order_id: str, question: str | None) -> bool:
    """The broker says that it does not know an order. True where that is proof, and it is sent again (FIX-2).

    Proof is only the answer to a question that was asked since the order was handed over the last time: an older
    answer may come late, or be resent, when the order has gone out again. FIX 4.2 does not say which question it
    answers, so there it is for a person to clear up.
    """
    row = books.get(connection, order_id, lock=True)
    if row is None or row.status != WORKING:
        return False
    message = connection.execute(select(fix_messages).where(M.order_id == order_id, M.kind == "D")).one_or_none()
    if message is None or message.state != "HANDED" or row.said_quantity or row.filled_quantity:
        return False  # it answered of it before, or it is about to be sent again: late news
    if question not in (None, f"{order_id}?{message.times}") and "?" in (question or ""):
        return False
    if not session.rules.unknown_is_proof or question is None or "?" not in question:
        books.doubt(
            connection,
            order_id,
            f"{session.session} says that it does not know it, which is no proof by its rules "
            "(rules.unknown_is_proof, and FIX.4.4): ask the broker, then rebalancer fix settle",
        )
        return False
    connection.execute(
        update(fix_messages).where(M.number == message.number, M.state == "HANDED").values(state="NEW", sequence=None)
    )
    return True


def unasked(connection: Connection, session: Session, order_id: str) -> None:
    """The broker takes no question after an order: one that it never answered of is a person's to clear up."""
    sent = select(func.count()).where(M.order_id == order_id, M.kind == "D", M.state == "HANDED")
    if connection.scalar(sent):
        books.doubt(
            connection,
            order_id,
            f"it may be at {session.session} or not, and that takes no question after an order (35=H): ask the broker, "
            "then rebalancer fix settle",
        )


def refused(connection: Connection, session: str, why: str, *, name: str | None, sequence: int | None) -> str | None:
    """The session layer, or the broker's gate, refused a message of ours (35=3, j): an order ends REJECTED (FIX-6).

    Returns the message's type, or None where it is none of the outbox.
    """
    if name is None and sequence is None:
        return None
    which = or_(*(each for each in (M.name == name if name else None, M.sequence == sequence if sequence else None)
                  if each is not None))  # fmt: skip
    row = connection.execute(
        select(fix_messages)
        .where(M.session == session, M.state == "HANDED", which)
        .order_by((M.name == name).desc(), M.number.desc())
        .limit(1)
        .with_for_update()
    ).one_or_none()
    if row is None:
        return None
    connection.execute(update(fix_messages).where(M.number == row.number).values(state="ANSWERED", answer=why))
    if row.kind == "D" and row.order_id is not None:
        books.settle(connection, row.order_id, "REJECTED", why)
    elif row.kind == "J":
        allocations.rejected(connection, row.name, why)
    return str(row.kind)


def not_done(connection: Connection, session: str, name: str, why: str) -> None:
    """A cancellation or reduction was refused (35=9): nothing of the order changes (FIX-6)."""
    connection.execute(
        update(fix_messages)
        .where(M.session == session, M.name == name, M.state == "HANDED", M.kind.in_(("F", "G")))
        .values(state="ANSWERED", answer=why)
    )
