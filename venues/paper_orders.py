"""What the paper venue does with its orders: takes, fills, cancels and closes them, and moves shares and cash.

An order that is late, or open until the close, has events that are due; they happen when somebody next asks.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from domain.values.money import ZERO, to_cent
from policy.trading_days import next_close, trade_date
from storage.schema.execution import paper_accounts, paper_orders, paper_positions
from storage.schema.venues import paper_events
from storage.values import among
from venues.paper_counter import GIVEN_UP, Counter, as_row, refusal
from venues.port import WORKING, VenueAnswer, VenueOrder, mismatch
from venues.scenario import Treatment


def known(connection: Connection, client_order_id: str) -> VenueAnswer | None:
    """How an order stands, or None where it was never taken."""
    return standing(connection, [client_order_id]).get(client_order_id)


def standing(connection: Connection, names: Sequence[str]) -> dict[str, VenueAnswer]:
    """How orders stand, by their client order ID; those that were taken."""
    found = {}
    for row in connection.execute(select(paper_orders).where(among(paper_orders.c.client_order_id, names))):
        order = VenueOrder(row.client_order_id, row.account_id, row.side, row.symbol, row.quantity, row.price)
        found[row.client_order_id] = VenueAnswer(
            row.status, row.filled_quantity, row.filled_amount, row.reason, order, row.traded_on, row.costs
        )
    return found


def take(
    connection: Connection, orders: Sequence[tuple[VenueOrder, Treatment]], now: datetime, close: datetime | None
) -> dict[str, VenueAnswer]:
    """Takes orders in their order, each once: their accounts are locked, so that a repeated ID finds the first.

    The answers to those that have their last word at once, by client order ID.
    """
    said: dict[str, VenueAnswer] = {}
    counter, day = Counter(connection, [order for order, _ in orders]), trade_date(now)
    for at, (order, treatment) in enumerate(orders):
        if order.client_order_id in counter.seen or (treatment.waits and order.account_id in counter.cash):
            counter.write()
            said |= counter.said
            if order.client_order_id not in counter.seen:
                _put_by(connection, order, treatment, now, close)
            _happen(connection, order.account_id, now)
            counter = Counter(connection, [left for left, _ in orders[at + 1 :]])
        elif order.account_id not in counter.cash or treatment.reject:
            counter.answer(order, VenueAnswer("REJECTED", ZERO, ZERO, treatment.reject or "no such account"))
        else:
            counter.fill(order, treatment, day)
    counter.write()
    return said | counter.said


def advance(connection: Connection, account_id: str, now: datetime) -> None:
    """Lets happen what is due on an account."""
    _lock(connection, account_id)
    _happen(connection, account_id, now)


def cancel(connection: Connection, order: VenueOrder) -> None:
    """Cancels what is open; the account is locked."""
    found = known(connection, order.client_order_id)
    if found is None:
        _write_down(connection, order, VenueAnswer("CANCELED", ZERO, ZERO, "cancelled before it was sent"))
    elif found.status == WORKING and not mismatch(order, found):  # never somebody else's under the same ID
        _end(connection, order.client_order_id, "CANCELED", "cancelled on request")


def _put_by(
    connection: Connection, order: VenueOrder, treatment: Treatment, now: datetime, close: datetime | None
) -> None:
    """Takes an order that is filled later, or never."""
    _write_down(connection, order, VenueAnswer(WORKING, ZERO, ZERO))
    if treatment.cancel_at_close:
        _expect(connection, order, "close", close or next_close(now))
    if treatment.late or treatment.fill is not None:
        due = now + timedelta(seconds=treatment.late or 0)
        quantity, price = treatment.part(order.quantity), order.price * treatment.price
        costs = treatment.costs.of(quantity, to_cent(quantity * price))
        _expect(connection, order, "fill", due, quantity, price, costs)


def _happen(connection: Connection, account_id: str, now: datetime) -> None:
    """Fills, then closes, each in the order in which it is due."""
    due = connection.execute(
        select(
            paper_orders,
            paper_events.c.kind,
            paper_events.c.quantity.label("due_quantity"),
            paper_events.c.price.label("due_price"),
            paper_events.c.costs.label("due_costs"),
            paper_events.c.due,
        )
        .join(paper_events, paper_events.c.client_order_id == paper_orders.c.client_order_id)
        .where(paper_orders.c.account_id == account_id, paper_events.c.due <= now)
        .order_by(paper_events.c.due, paper_events.c.kind.desc(), paper_orders.c.client_order_id)
    ).all()
    for row in due:
        connection.execute(
            delete(paper_events).where(
                paper_events.c.client_order_id == row.client_order_id, paper_events.c.kind == row.kind
            )
        )
        found = known(connection, row.client_order_id)
        if found is None or found.status != WORKING:
            continue
        if row.kind == "close":
            _end(connection, row.client_order_id, "EXPIRED", "the venue cancelled it at the close")
        else:
            _fill(connection, row)


def _fill(connection: Connection, row: Any) -> None:
    """Fills a part or all of an order, if cash and shares still allow it."""
    cash = connection.execute(
        select(paper_accounts.c.cash).where(paper_accounts.c.account_id == row.account_id)
    ).scalar_one()
    held = _held(connection, row.account_id, row.symbol)
    amount, costs = to_cent(row.due_quantity * row.due_price), row.due_costs
    wrong = refusal(row.side, row.symbol, row.due_quantity, amount, costs, cash, held)
    if wrong:
        _end(connection, row.client_order_id, "REJECTED", wrong)
        return
    connection.execute(
        update(paper_orders)
        .where(paper_orders.c.client_order_id == row.client_order_id)
        .values(filled_quantity=row.due_quantity, filled_amount=amount, traded_on=trade_date(row.due), costs=costs)
    )
    if row.due_quantity:
        _settle(connection, row, row.due_quantity, amount, costs, held)
    if row.due_quantity >= row.quantity:
        _end(connection, row.client_order_id, "FILLED", None)
    elif not _waits(connection, row.client_order_id):
        _end(connection, row.client_order_id, "CANCELED", GIVEN_UP)


def _end(connection: Connection, client_order_id: str, status: str, reason: str | None) -> None:
    """An order's last word: PARTIALLY_FILLED where a part of it was filled, whatever ended the rest."""
    filled = known(connection, client_order_id)
    if status != "FILLED" and filled is not None and filled.filled_quantity:
        status = "PARTIALLY_FILLED"
    connection.execute(
        update(paper_orders)
        .where(paper_orders.c.client_order_id == client_order_id)
        .values(status=status, reason=reason)
    )
    connection.execute(delete(paper_events).where(paper_events.c.client_order_id == client_order_id))


def _waits(connection: Connection, client_order_id: str) -> bool:
    """True where something is still to happen to an order."""
    events = select(func.count()).where(paper_events.c.client_order_id == client_order_id)
    return bool(connection.execute(events).scalar_one())


def _expect(
    connection: Connection,
    order: VenueOrder,
    kind: str,
    due: datetime,
    quantity: Decimal | None = None,
    price: Decimal | None = None,
    costs: Decimal = ZERO,
) -> None:
    connection.execute(
        insert(paper_events).values(
            client_order_id=order.client_order_id, kind=kind, due=due, quantity=quantity, price=price, costs=costs
        )
    )


def _lock(connection: Connection, account_id: str) -> None:
    """Locks the account until the transaction ends."""
    connection.execute(
        select(paper_accounts.c.account_id).where(paper_accounts.c.account_id == account_id).with_for_update()
    )


def _write_down(connection: Connection, order: VenueOrder, answer: VenueAnswer) -> None:
    connection.execute(insert(paper_orders).values(as_row(order, answer)))


def _held(connection: Connection, account_id: str, symbol: str) -> Decimal:
    return connection.execute(
        select(paper_positions.c.quantity).where(
            paper_positions.c.account_id == account_id, paper_positions.c.symbol == symbol
        )
    ).scalar_one_or_none() or Decimal(0)


def _settle(
    connection: Connection, order: Any, quantity: Decimal, amount: Decimal, costs: Decimal, before: Decimal
) -> None:
    """Moves shares and cash in the custodian's ledger."""
    sign = 1 if order.side == "buy" else -1
    held = before + sign * quantity
    here = (paper_positions.c.account_id == order.account_id) & (paper_positions.c.symbol == order.symbol)
    if held:
        connection.execute(
            insert(paper_positions)
            .values(account_id=order.account_id, symbol=order.symbol, quantity=held)
            .on_conflict_do_update(index_elements=["account_id", "symbol"], set_={"quantity": held})
        )
    else:
        connection.execute(delete(paper_positions).where(here))
    connection.execute(
        update(paper_accounts)
        .where(paper_accounts.c.account_id == order.account_id)
        .values(cash=paper_accounts.c.cash - sign * amount - costs)
    )
