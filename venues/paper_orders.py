"""What the paper venue does with its orders: takes, fills, cancels and closes them, and moves shares and cash.

An order that is late, or open until the close, has events that are due; they happen when somebody next asks.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from domain.values.money import ZERO, plain, to_cent
from policy.trading_days import next_close, trade_date
from storage.schema.execution import paper_accounts, paper_orders, paper_positions
from storage.schema.venues import paper_events
from venues.port import WORKING, VenueAnswer, VenueOrder, mismatch
from venues.scenario import Treatment

GIVEN_UP = "the venue cancelled the rest"


def known(connection: Connection, client_order_id: str) -> VenueAnswer | None:
    """How an order stands, or None where it was never taken."""
    row = connection.execute(
        select(paper_orders).where(paper_orders.c.client_order_id == client_order_id)
    ).one_or_none()
    if row is None:
        return None
    order = VenueOrder(client_order_id, row.account_id, row.side, row.symbol, row.quantity, row.price)
    return VenueAnswer(row.status, row.filled_quantity, row.filled_amount, row.reason, order, row.traded_on)


def take(
    connection: Connection, order: VenueOrder, treatment: Treatment, now: datetime, close: datetime | None
) -> None:
    """Takes an order, once: the account is locked, so that a repeated ID waits for the first and finds it."""
    account = _locked(connection, order.account_id)
    if known(connection, order.client_order_id):
        _happen(connection, order.account_id, now)
    elif account is None or treatment.reject:
        _write_down(connection, order, VenueAnswer("REJECTED", ZERO, ZERO, treatment.reject or "no such account"))
    elif treatment.waits:
        _put_by(connection, order, treatment, now, close)
    else:
        _fill_now(connection, order, treatment, account.cash, trade_date(now))


def advance(connection: Connection, account_id: str, now: datetime) -> None:
    """Lets happen what is due on an account."""
    _locked(connection, account_id)
    _happen(connection, account_id, now)


def cancel(connection: Connection, order: VenueOrder) -> None:
    """Cancels what is open; the account is locked."""
    found = known(connection, order.client_order_id)
    if found is None:
        _write_down(connection, order, VenueAnswer("CANCELED", ZERO, ZERO, "cancelled before it was sent"))
    elif found.status == WORKING and not mismatch(order, found):  # never somebody else's under the same ID
        _end(connection, order.client_order_id, "CANCELED", "cancelled on request")


def _fill_now(connection: Connection, order: VenueOrder, treatment: Treatment, cash: Decimal, day: date) -> None:
    """Fills an order as it comes in, whole or in part, or rejects it."""
    quantity, price = _part(order, treatment), order.price * treatment.price
    held = _held(connection, order.account_id, order.symbol)
    refusal = _refusal(order.side, order.symbol, quantity, price, cash, held)
    if refusal:
        _write_down(connection, order, VenueAnswer("REJECTED", ZERO, ZERO, refusal))
        return
    amount = to_cent(quantity * price)
    if quantity >= order.quantity:
        answer = VenueAnswer("FILLED", quantity, amount, traded_on=day)
    else:
        answer = VenueAnswer(
            "PARTIALLY_FILLED" if quantity else "CANCELED",
            quantity,
            amount,
            GIVEN_UP,
            traded_on=day if quantity else None,
        )
    _write_down(connection, order, answer)
    if quantity:
        _settle(connection, order, quantity, amount, held)


def _put_by(
    connection: Connection, order: VenueOrder, treatment: Treatment, now: datetime, close: datetime | None
) -> None:
    """Takes an order that is filled later, or never."""
    _write_down(connection, order, VenueAnswer(WORKING, ZERO, ZERO))
    if treatment.cancel_at_close:
        _expect(connection, order, "close", close or next_close(now))
    if treatment.late or treatment.fill is not None:
        due = now + timedelta(seconds=treatment.late or 0)
        _expect(connection, order, "fill", due, _part(order, treatment), order.price * treatment.price)
    _happen(connection, order.account_id, now)


def _happen(connection: Connection, account_id: str, now: datetime) -> None:
    """Fills, then closes, each in the order in which it is due."""
    due = connection.execute(
        select(
            paper_orders,
            paper_events.c.kind,
            paper_events.c.quantity.label("due_quantity"),
            paper_events.c.price.label("due_price"),
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
        standing = known(connection, row.client_order_id)
        if standing is None or standing.status != WORKING:
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
    refusal = _refusal(row.side, row.symbol, row.due_quantity, row.due_price, cash, held)
    if refusal:
        _end(connection, row.client_order_id, "REJECTED", refusal)
        return
    amount = to_cent(row.due_quantity * row.due_price)
    connection.execute(
        update(paper_orders)
        .where(paper_orders.c.client_order_id == row.client_order_id)
        .values(filled_quantity=row.due_quantity, filled_amount=amount, traded_on=trade_date(row.due))
    )
    if row.due_quantity:
        _settle(connection, row, row.due_quantity, amount, held)
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
) -> None:
    connection.execute(
        insert(paper_events).values(
            client_order_id=order.client_order_id, kind=kind, due=due, quantity=quantity, price=price
        )
    )


def _locked(connection: Connection, account_id: str) -> Any:
    """The account, locked until the transaction ends, or None."""
    return connection.execute(
        select(paper_accounts).where(paper_accounts.c.account_id == account_id).with_for_update()
    ).one_or_none()


def _write_down(connection: Connection, order: VenueOrder, answer: VenueAnswer) -> None:
    connection.execute(
        insert(paper_orders).values(
            client_order_id=order.client_order_id,
            account_id=order.account_id,
            side=order.side,
            symbol=order.symbol,
            quantity=order.quantity,
            price=order.price,
            status=answer.status,
            filled_quantity=answer.filled_quantity,
            filled_amount=answer.filled_amount,
            reason=answer.reason,
            traded_on=answer.traded_on,
        )
    )


def _held(connection: Connection, account_id: str, symbol: str) -> Decimal:
    return connection.execute(
        select(paper_positions.c.quantity).where(
            paper_positions.c.account_id == account_id, paper_positions.c.symbol == symbol
        )
    ).scalar_one_or_none() or Decimal(0)


def _refusal(side: str, symbol: str, quantity: Decimal, price: Decimal, cash: Decimal, held: Decimal) -> str | None:
    """Why a custodian would not let a fill through, or None."""
    if side == "sell":
        return f"short sale: {plain(held)} {symbol} held, {plain(quantity)} to sell" if quantity > held else None
    cost = to_cent(quantity * price)
    return f"not enough cash: {plain(cash)} there, {cost} needed" if cost > cash else None


def _settle(connection: Connection, order: Any, quantity: Decimal, amount: Decimal, before: Decimal) -> None:
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
        .values(cash=paper_accounts.c.cash - sign * amount)
    )


def _part(order: VenueOrder, treatment: Treatment) -> Decimal:
    """How much of an order is filled: of a part, whole shares where it is more than one, else as it comes."""
    if treatment.fill is None:
        return order.quantity
    part = order.quantity * treatment.fill
    return part // 1 if part > 1 else part
