"""Blocks told account by account to the broker, and each of its answers reconciled (FIX-8).

    give ──► 35=J ──► P: received, accepted or rejected ──► AS: as the broker booked it ──► AK: each account confirmed

One instruction a block and trade date, under its AllocID once, however often it is asked for. What a bust or a
correction changes of it (ALLOC-7) is another one, which replaces the whole day (71=1), or cancels it where nothing is
left (71=2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from domain.values.money import ZERO, cents, plain
from domain.values.rules import Rule
from storage.schema.fix import fix_allocated, fix_allocations, fix_messages
from venues.fix.outgoing import ALLOCATE, SIDES
from venues.fix.reports import ABSOLUTE
from venues.fix.sessions import Session
from venues.fix.wire import Fields, Outgoing

FIX_8 = Rule("FIX-8", "Blocks are allocated by us, account by account; every answer to it is reconciled.")
STEP_OUT = "3"  # ProcessCode (81)
NEW, REPLACE, CANCEL = "0", "1", "2"  # AllocTransType (71)
STATUSES = {
    "0": "ACCEPTED",
    "1": "REJECTED",
    "2": "PARTIAL",
    "3": "RECEIVED",
    "4": "RECEIVED",  # incomplete: more of it comes
    "5": "REJECTED",  # by an intermediary
}  # AllocStatus (87)
ENTRY = frozenset({79, 80, 776, 161, 153, 154, 81, 467})
A, E = fix_allocations.c, fix_allocated.c


@dataclass(frozen=True, slots=True)
class Instruction:
    """A block's shares of one trade date, by account; `average` is the day's price for display (ALLOC-4)."""

    alloc_id: str
    day: date
    orders: Sequence[str]  # client order IDs that were filled, children included
    side: str
    symbol: str
    average: Decimal
    shares: Mapping[str, Decimal]
    money: Mapping[str, Decimal] = field(default_factory=dict)  # each account's exact cents, where they are told
    costs: Mapping[str, Decimal] = field(default_factory=dict)  # what they cost besides (ALLOC-5)
    replaces: str | None = None  # the AllocID of that which it takes the place of


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """What was said of one account: shares as told, as reported (AS), as confirmed (AK); why it was refused."""

    account_id: str
    quantity: Decimal
    reported: Decimal | None
    confirmed: Decimal | None
    refusal: str | None

    @property
    def differs(self) -> bool:
        """Something else was booked than what we told."""
        return any(each is not None and each != self.quantity for each in (self.reported, self.confirmed))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a broker said of an instruction: SENT, RECEIVED, ACCEPTED, PARTIAL or REJECTED, and of each account."""

    status: str
    reason: str | None
    accounts: tuple[AccountAnswer, ...]


def give(connection: Connection, session: Session, told: Instruction) -> None:
    """Puts an instruction into the session's outbox, once. Raises ValueError where the broker takes none."""
    if not session.rules.takes_allocations:
        raise ValueError(f"{session.session} takes no allocations (rules.takes_allocations): send them as it asks")
    new = connection.scalar(
        insert(fix_allocations)
        .values(alloc_id=told.alloc_id, session=session.session)
        .on_conflict_do_nothing()
        .returning(A.alloc_id)
    )
    if new is None:
        return
    shares = {account: quantity for account, quantity in told.shares.items() if quantity}
    rows = [{"alloc_id": told.alloc_id, "account_id": each, "quantity": quantity} for each, quantity in shares.items()]
    if rows:
        connection.execute(insert(fix_allocated), rows)
    message = instruction(session, told)
    connection.execute(
        insert(fix_messages).values(
            session=session.session, name=told.alloc_id, order_id=None, kind=ALLOCATE, body=message.as_json()
        )
    )
    connection.execute(select(func.pg_notify("fix_outbox", session.session)))


def instruction(session: Session, told: Instruction) -> Outgoing:
    """35=J: new, or in place of another; where FIX has the words, calculated by us, with the orders named (857=1)."""
    shares = {account: quantity for account, quantity in told.shares.items() if quantity}
    fields = {
        6: plain(told.average),
        53: plain(sum(shares.values(), Decimal(0))),
        54: SIDES[told.side],
        55: session.symbols.get(told.symbol, told.symbol),
        70: told.alloc_id,
        71: NEW if told.replaces is None else REPLACE if shares else CANCEL,
        75: f"{told.day:%Y%m%d}",
    }
    if told.replaces is not None:
        fields[72] = told.replaces
    if session.version == "FIX.4.4":
        fields |= {626: "1", 857: "1"}
    entries = []
    for account, quantity in shares.items():
        entry = {79: session.accounts.get(account, account), 80: plain(quantity)}
        costs = told.costs.get(account, ZERO)
        if costs:
            entry |= {12: cents(costs), 13: ABSOLUTE}
        if account in told.money:  # what the account pays, or receives after costs
            entry[154] = cents(told.money[account] + (costs if told.side == "buy" else -costs))
        entries.append(entry | {81: STEP_OUT} if account in session.steps_out else entry)
    return Outgoing(ALLOCATE, fields, {73: [{11: each} for each in told.orders], 78: entries})


def answer(connection: Connection, alloc_id: str) -> Answer | None:
    """What was said of an instruction so far; None where it was never given."""
    whole = connection.execute(select(fix_allocations).where(A.alloc_id == alloc_id)).one_or_none()
    if whole is None:
        return None
    rows = connection.execute(select(fix_allocated).where(E.alloc_id == alloc_id).order_by(E.account_id))
    accounts = tuple(
        AccountAnswer(row.account_id, row.quantity, row.reported, row.confirmed, row.refusal) for row in rows
    )
    return Answer(whole.status, whole.reason, accounts)


def settled(connection: Connection, session: Session, alloc_id: str) -> Mapping[str, str | None] | None:
    """By account why an instruction was refused, None where it was taken; None in all: it is not decided yet.

    A broker that confirms (`rules.confirms`) is waited for, account by account: it may refuse one that it accepted.
    """
    said = answer(connection, alloc_id)
    if said is None or said.status in ("SENT", "RECEIVED"):
        return None
    if said.status == "REJECTED":
        return {each.account_id: each.refusal or said.reason or "the broker rejected it" for each in said.accounts}
    lacks = [each for each in said.accounts if each.refusal is None and each.confirmed is None]
    if session.rules.confirms and lacks:
        return None
    return {each.account_id: each.refusal for each in said.accounts}


def rejected(connection: Connection, alloc_id: str, why: str) -> None:
    """The session layer, or the broker's gate, refused the message: nobody was allocated anything."""
    connection.execute(
        update(fix_allocations)
        .where(A.alloc_id == alloc_id, A.status.in_(("SENT", "RECEIVED")))
        .values(status="REJECTED", reason=why)
    )


def heard(connection: Connection, session: Session, kind: str, fields: Fields) -> None:
    """35=P, AS or AK. Said twice, nothing changes; of an instruction that is not ours, nothing is kept."""
    alloc_id = fields.get(70)
    ours = {theirs: account for account, theirs in session.accounts.items()}
    if alloc_id is None:
        return
    connection.execute(
        update(fix_messages)
        .where(
            fix_messages.c.session == session.session, fix_messages.c.name == alloc_id, fix_messages.c.state == "HANDED"
        )
        .values(state="ANSWERED")
    )
    here = E.alloc_id == alloc_id
    if kind == "AK":
        account = fields.get(79) or ""
        values: dict[str, object] = (
            {"refusal": fields.get(58) or f"not confirmed (665={fields.get(665)})"}
            if fields.get(665) in ("2", "3", "5")
            else {"confirmed": fields.number(80)}
        )
        connection.execute(
            update(fix_allocated).where(here, E.account_id == ours.get(account, account)).values(**values)
        )
        return
    for entry in fields.group(79, ENTRY):
        account = entry.get(79) or ""
        values = {"reported": entry.number(80)} if kind == "AS" else {}
        if entry.get(776) not in (None, "99") or (kind == "P" and fields.get(87) == "2" and entry.get(161)):
            values["refusal"] = entry.get(161) or f"refused (776={entry.get(776)})"
        if values:
            here_too = E.account_id == ours.get(account, account)
            connection.execute(update(fix_allocated).where(here, here_too).values(**values))
    said = STATUSES.get(fields.get(87) or "")
    if said == "REJECTED" and _is_accepted(connection, alloc_id):  # what is decided stays: the accounts have breaks
        connection.execute(
            update(fix_allocated)
            .where(here, E.refusal.is_(None))
            .values(refusal=f"rejected behind its acceptance: {fields.get(58) or f'87={fields.get(87)}'}")
        )
    elif said is not None:  # "received" comes first, and never takes back what was decided
        open_ = A.status.in_(("SENT", "RECEIVED")) if said == "RECEIVED" else A.alloc_id == alloc_id
        connection.execute(
            update(fix_allocations).where(A.alloc_id == alloc_id, open_).values(status=said, reason=fields.get(58))
        )


def _is_accepted(connection: Connection, alloc_id: str) -> bool:
    found = select(A.alloc_id).where(A.alloc_id == alloc_id, A.status.in_(("ACCEPTED", "PARTIAL")))
    return connection.scalar(found) is not None
