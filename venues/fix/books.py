"""Orders and executions of FIX sessions in the database: what was heard is written down once, and summed (FIX-3, 4).

Every change of an order is made under its row's lock, so that adapter and gateway take turns.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, and_, not_, select, text, tuple_, update

from domain.executing.blocks import is_child
from domain.values.money import ZERO, plain, to_cent
from domain.values.rules import Rule
from storage.record.chain import as_json
from storage.schema.fix import fix_executions, fix_messages, fix_orders
from storage.schema.tables import accounts
from venues.fix.reports import Execution, Report, Standing, after, concerned, filled, last_word, says_less
from venues.fix.sessions import Session
from venues.port import WORKING, VenueAnswer, VenueOrder, mismatch

FIX_3 = Rule("FIX-3", "An execution is committed before it is acknowledged, once by session, trade date and ExecID.")
LIVE = fix_executions.c
# The order that the first of these names names at a session, else the next; held until the transaction ends.
OF = text(
    "SELECT * FROM fix.orders WHERE client_order_id = (SELECT order_id FROM fix.messages WHERE session = :session"
    " AND name = ANY(:names) ORDER BY name = :first DESC LIMIT 1) FOR UPDATE"
).columns(**{each.name: each.type for each in fix_orders.c})
# An execution; it counts unless its bust or correction came first.
KEEP = text(
    "INSERT INTO fix.executions"
    " (session, trade_date, exec_id, order_id, name, kind, ref_id, quantity, price, costs, live, raw)"
    " SELECT :session, :trade_date, :exec_id, :order_id, :name, :kind, :ref_id, :quantity, :price, :costs,"
    " :counts AND NOT EXISTS (SELECT FROM fix.executions WHERE session = :session AND ref_id = :exec_id"
    " AND order_id IS NOT DISTINCT FROM CAST(:order_id AS text) AND trade_date >= :trade_date), :raw"
    " ON CONFLICT DO NOTHING RETURNING live"
)
SUMS = text(
    "SELECT coalesce(sum(quantity) FILTER (WHERE live), 0) AS quantity,"
    " coalesce(sum(quantity * price) FILTER (WHERE live), 0) AS amount,"
    " coalesce(sum(costs) FILTER (WHERE live), 0) AS costs,"
    " max(coalesce(traded_on, trade_date)) FILTER (WHERE live) AS day, coalesce(bool_or(kind <> 'trade'), false)"
    " AS changed FROM fix.executions WHERE order_id = :of"
)
# The order whose execution a bust or correction names, where its own name is none of ours.
REFERRED = text(
    "SELECT * FROM fix.orders WHERE client_order_id = (SELECT order_id FROM fix.executions WHERE session = :session"
    " AND exec_id = :ref_id AND trade_date <= :trade_date ORDER BY trade_date DESC LIMIT 1) FOR UPDATE"
).columns(**{each.name: each.type for each in fix_orders.c})
# The broker has what it names; a cancellation or reduction only once it is decided about.
ANSWERED = text(
    "UPDATE fix.messages SET state = 'ANSWERED' WHERE session = :session AND order_id = :of AND state = 'HANDED'"
    " AND kind = ANY(:kinds)"
)
STANDS = text(
    "UPDATE fix.orders SET status = :status, said_quantity = :said_quantity, said_average = :said_average,"
    " filled_quantity = :filled_quantity, filled_amount = :filled_amount, repaired = :repaired,"
    " costs = :costs, calculated = :calculated,"
    " traded_on = :traded_on, reason = :reason, name = :name, open_quantity = :open_quantity, doubt = :doubt,"
    " venue_has = CAST(:venue_has AS jsonb) WHERE client_order_id = :of"
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a report changed. `order_id`: None where it is about none of ours; `ask`: it has to be asked after; `says`:
    what somebody has to know of it.
    """

    order_id: str | None
    new: bool
    ask: bool = False
    says: str | None = None


def answers(row: Row[Any]) -> VenueAnswer:
    """How an order stands, as the port has it."""
    order = VenueOrder(row.client_order_id, row.account_id, row.side, row.symbol, row.quantity, row.price)
    if row.venue_has:
        has = row.venue_has
        order = VenueOrder(
            row.client_order_id, row.account_id, has["side"], has["symbol"], Decimal(has["quantity"]), row.price
        )
    return VenueAnswer(row.status, row.filled_quantity, row.filled_amount, row.reason, order, row.traded_on, row.costs)


def mismatched(order: VenueOrder, row: Row[Any]) -> str | None:
    """What shows that the order under this ID is another one; None where it is the same."""
    return mismatch(order, answers(row))


def get(connection: Connection, client_order_id: str, *, lock: bool = False) -> Row[Any] | None:
    """An order of ours, locked until the transaction ends where that is asked for."""
    query = select(fix_orders).where(fix_orders.c.client_order_id == client_order_id)
    return connection.execute(query.with_for_update() if lock else query).one_or_none()


def take(connection: Connection, session: Session, said: Report, raw: str) -> Heard:
    """Writes down what an execution report says; a repeated execution changes nothing (FIX-3).

    An execution of another security, side or account than was ordered is kept, and counts for nothing.
    """
    row = _named_by(connection, session, said)
    order_id = None if row is None else str(row.client_order_id)
    executes = said.kind in ("trade", "bust", "correction")
    elsewhere = row is not None and executes and _is_of_another(connection, session, said, row)
    foreign = row is not None and (elsewhere or _is_foreign(session, said, row))
    kept = _kept(connection, session, said, order_id, raw, counts=not foreign) if executes else True
    new = kept is not None
    if row is None or order_id is None:
        return Heard(None, new, says=f"an execution of {said.name}, which is no order of ours")
    if not new:
        return Heard(order_id, False)
    if elsewhere:
        return Heard(order_id, new, says=f"an execution of {said.name} for account {said.account}, which is not its")
    if foreign and executes and _is_answered(connection, order_id):
        return Heard(order_id, new, says=f"an execution of {said.name} in {said.symbol}, {said.side}, which is not it")
    if not said.unknown:
        _answered(connection, session, said, row)
    overtaken = not kept and said.kind != "bust" and not foreign
    unsure = _stands(connection, session, said, row, overtaken=overtaken)
    unclear = said.costs.unclear if executes or said.calculated else None
    says = None if unclear is None else f"costs of {said.name} are not booked: {unclear}"
    return Heard(order_id, True, ask=said.duplicate or unsure, says=says)


def _named_by(connection: Connection, session: Session, said: Report) -> Row[Any] | None:
    """The order that a report is about, held until the transaction ends: by its name, else by what it busts."""
    names = [name for name in (said.name, said.original) if name]
    row = connection.execute(OF, {"session": session.session, "names": names, "first": said.name}).one_or_none()
    if row is None and said.ref_id:
        of = {"session": session.session, "ref_id": said.ref_id, "trade_date": said.trade_date}
        row = connection.execute(REFERRED, of).one_or_none()
    return row


def _is_foreign(session: Session, said: Report, row: Row[Any]) -> bool:
    ours = session.symbols.get(row.symbol, row.symbol)
    return said.symbol not in (None, ours) or said.side not in (None, row.side)


def _is_of_another(connection: Connection, session: Session, said: Report, row: Row[Any]) -> bool:
    """True where an execution comes for an account (1) that is another one of ours. One that nobody here knows is the
    broker's own name of it, and a block is nobody's.
    """
    if said.account in (None, row.account_id, session.accounts.get(row.account_id)) or is_child(row.client_order_id):
        return False
    named = {theirs: ours for ours, theirs in session.accounts.items()}.get(said.account or "", said.account)
    return connection.scalar(select(accounts.c.id).where(accounts.c.id == named)) is not None


def _is_answered(connection: Connection, order_id: str) -> bool:
    """True where the broker has an order as ours."""
    m = fix_messages.c
    there = select(m.number).where(m.order_id == order_id, m.kind == "D", m.state == "ANSWERED")
    return connection.scalar(there) is not None


def settle(connection: Connection, client_order_id: str, status: str, reason: str) -> None:
    """An order's last word that comes from elsewhere than a report: never sent, or refused by the session layer."""
    row = get(connection, client_order_id, lock=True)
    if row is not None and row.status == WORKING:
        _set(connection, client_order_id, status=last_word(status, row.filled_quantity), reason=reason)  # type: ignore[arg-type]


def doubt(connection: Connection, client_order_id: str, why: str | None) -> None:
    """Why a person has to ask the broker about an order; None where nobody has to any more."""
    _set(connection, client_order_id, doubt=why)


def named(connection: Connection, session: str, names: Sequence[str]) -> str | None:
    """The order that the first of these names names at a session, else the next; None where none does."""
    found: str | None = connection.scalar(
        select(fix_messages.c.order_id)
        .where(fix_messages.c.session == session, fix_messages.c.name.in_(names))
        .order_by((fix_messages.c.name == names[0]).desc() if names else fix_messages.c.name)
        .limit(1)
    )
    return found


def _kept(
    connection: Connection, session: Session, said: Report, order_id: str | None, raw: str, *, counts: bool
) -> bool | None:
    """Keeps an execution, and lets it act on the one that it busts or corrects; whether it counts, None where it was
    kept before.
    """
    kept: bool | None = connection.scalar(
        KEEP,
        {
            "session": session.session,
            "trade_date": said.trade_date,
            "exec_id": said.exec_id,
            "order_id": order_id,
            "name": said.name,
            "kind": said.kind,
            "ref_id": said.ref_id,
            "quantity": said.quantity if said.kind != "bust" else ZERO,
            "price": said.price,
            "costs": said.costs.amount if said.kind != "bust" else ZERO,
            "counts": counts and said.kind != "bust",
            "raw": raw,
        },
    )
    if kept is not None and said.ref_id and order_id is not None:
        _acts(connection, session, said, order_id)
    return kept


def _acts(connection: Connection, session: Session, said: Report, order_id: str) -> None:
    """What a bust or correction is about counts no more; a correction is of the day of what it corrects (DAY-2)."""
    itself = (LIVE.session == session.session, LIVE.trade_date == said.trade_date, LIVE.exec_id == said.exec_id)
    rows = connection.execute(
        select(LIVE.exec_id, LIVE.trade_date, LIVE.ref_id, LIVE.traded_on).where(
            LIVE.session == session.session, LIVE.order_id == order_id, not_(and_(*itself))
        )
    )
    gone = concerned([Execution(*row) for row in rows], said.ref_id or "", said.trade_date)
    if not gone:
        return
    keys = [(each.trade_date, each.exec_id) for each in gone]
    connection.execute(
        update(fix_executions)
        .where(LIVE.session == session.session, tuple_(LIVE.trade_date, LIVE.exec_id).in_(keys))
        .values(live=False)
    )
    day = gone[0].traded_on or gone[0].trade_date
    connection.execute(update(fix_executions).where(*itself).values(traded_on=day))


def _answered(connection: Connection, session: Session, said: Report, row: Row[Any]) -> None:
    """The broker has what the report names; a cancellation or reduction only once it is decided about."""
    decided = [each for each, is_so in (("F", said.status != WORKING), ("G", said.replaced or said.status != WORKING))
               if is_so]  # fmt: skip
    given = {"session": session.session, "of": row.client_order_id, "kinds": ["D", *decided]}
    connection.execute(ANSWERED, given)


def _stands(connection: Connection, session: Session, said: Report, row: Row[Any], *, overtaken: bool) -> bool:
    """Writes down how an order stands after a report. True where it has to be asked after once more: what the broker
    says is less than the sum of its executions, and a bust was lost only where it says so twice (FIX-4).

    An execution that was `overtaken` by its bust or correction says how the order stood before that: nothing now. That
    it is full, with executions lacking, may have been so before a bust, too: it is not its last word before the broker
    was asked.
    """
    sums = connection.execute(SUMS, {"of": row.client_order_id}).one()
    less = says_less(said, sums.quantity)
    twice = less and row.said_quantity == said.cumulative
    standing = Standing(row.status, row.said_quantity, row.said_average, row.reason)
    if not overtaken:
        standing = after(standing, said, opens=twice)
    changed = said.kind in ("bust", "correction")
    done = filled(sums.quantity, sums.amount, standing, lost_busts=twice or (row.repaired and not changed))
    says_full = standing.status == "FILLED" and row.status == WORKING and said.kind != "status"
    doubtful = says_full and done.repaired and sums.changed and session.rules.answers_status
    if doubtful:
        standing = replace(standing, status=WORKING)
    executed = said.kind in ("trade", "bust", "correction")
    calculated = said.costs.amount if said.calculated else None if executed else row.calculated
    day = sums.day or (said.trade_date if done.quantity else None)
    changes: dict[str, Any] = {
        "status": last_word(standing.status, done.quantity),
        "said_quantity": standing.said_quantity,
        "said_average": standing.said_average,
        "filled_quantity": done.quantity,
        "filled_amount": done.amount,
        "repaired": done.repaired,
        "costs": to_cent(sums.costs if calculated is None else calculated) if done.quantity else ZERO,
        "calculated": calculated,
        "traded_on": day,
        "reason": standing.reason,
        "name": row.name,
        "open_quantity": row.open_quantity,
        "doubt": row.doubt,
        "venue_has": row.venue_has,
    }
    if said.replaced and said.original is not None:
        changes |= {"name": said.name, "open_quantity": said.order_quantity or row.open_quantity}
    if not said.unknown:
        changes["doubt"] = None
        changes["venue_has"] = _other(session, said, row)
    has = changes["venue_has"]
    changes["venue_has"] = None if has is None else as_json(has)
    connection.execute(STANDS, {"of": row.client_order_id} | changes)
    return (less and not twice) or (changed and row.repaired) or doubtful


def _other(session: Session, said: Report, row: Row[Any]) -> dict[str, str] | None:
    """The order as the broker has it, where that is another one than ours (EXEC-1)."""
    quantity = said.order_quantity
    sizes = {row.quantity, row.open_quantity}
    if not _is_foreign(session, said, row) and (not quantity or quantity in sizes or said.replaced or said.original):
        return row.venue_has if row.venue_has and quantity not in sizes else None
    return {
        "symbol": said.symbol if said.symbol not in (None, session.symbols.get(row.symbol)) else row.symbol,
        "side": said.side or row.side,
        "quantity": plain(quantity or row.quantity),
    }


def _set(connection: Connection, client_order_id: str, **values: Any) -> None:
    connection.execute(update(fix_orders).where(fix_orders.c.client_order_id == client_order_id).values(**values))


def open_orders(
    connection: Connection,
    session: str,
    *,
    unanswered: bool = False,
    named: Collection[str] = (),
    filled_on: date | None = None,
) -> list[Row[Any]]:
    """The orders of a session that were handed over and have no last word, oldest first (FIX-5), and those `named`.

    With `unanswered` only those of which the broker has said nothing yet. With `filled_on` those with fills of that
    trade date or later, too, which a bust may take back.
    """
    states = ("HANDED",) if unanswered else ("HANDED", "ANSWERED")
    asked = (fix_orders.c.status == WORKING) | fix_orders.c.client_order_id.in_(named)
    if filled_on is not None:
        asked |= fix_orders.c.client_order_id.in_(
            select(LIVE.order_id).where(LIVE.session == session, LIVE.trade_date >= filled_on, LIVE.live)
        )
    return list(
        connection.execute(
            select(fix_orders, fix_messages.c.times)
            .join(fix_messages, fix_messages.c.order_id == fix_orders.c.client_order_id)
            .where(
                fix_orders.c.session == session,
                asked,
                fix_messages.c.kind == "D",
                fix_messages.c.state.in_(states),
            )
            .order_by(fix_orders.c.taken_at, fix_orders.c.client_order_id)
        )
    )


def names(connection: Connection, ids: Iterable[str]) -> list[str]:
    """The ClOrdIDs by which the broker knows orders now."""
    query = select(fix_orders.c.name).where(fix_orders.c.client_order_id.in_(list(ids)))
    return list(connection.scalars(query.order_by(fix_orders.c.client_order_id)))


def many(connection: Connection, ids: Iterable[str]) -> dict[str, VenueAnswer]:
    """How orders stand."""
    rows = connection.execute(select(fix_orders).where(fix_orders.c.client_order_id.in_(list(ids))))
    return {row.client_order_id: answers(row) for row in rows}
