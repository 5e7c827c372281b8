"""The paper venue: a custodian with its own ledger, in a schema of its own, that fills at the given prices.

Each order is one transaction of its own, as it would be at a real venue: what the caller's transaction does, or
whether its process lives, changes nothing about an order that was taken.
"""

from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from domain.money import ZERO, plain, to_cent
from domain.reconciliation import Ledger
from storage.tables_execution import paper_accounts, paper_orders, paper_positions
from venues.port import UnknownAtCustodian, VenueAnswer, VenueOrder

PAPER = "PAPER"


class PaperVenue:
    """Venue and custodian in one."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def submit(self, order: VenueOrder) -> VenueAnswer:
        """Fills the order whole at its price, or rejects it whole; a repeated ID gets the first answer."""
        with self.engine.begin() as connection:
            account, known = _locked(connection, order)
            if known:
                return known
            refusal = "no such account" if account is None else _refusal(connection, order, account.cash)
            answer = (
                VenueAnswer("REJECTED", ZERO, ZERO, refusal)
                if refusal
                else VenueAnswer("FILLED", order.quantity, to_cent(order.quantity * order.price))
            )
            _write_down(connection, order, answer)
            if answer.filled_quantity:
                _settle(connection, order, answer)
            return answer

    def void(self, order: VenueOrder) -> VenueAnswer:
        """What became of an order; an unseen one is written down as cancelled."""
        with self.engine.begin() as connection:
            _, known = _locked(connection, order)
            if known:
                return known
            answer = VenueAnswer("CANCELED", ZERO, ZERO, "cancelled before it was sent")
            _write_down(connection, order, answer)
            return answer

    def ledger(self, account_id: str) -> Ledger:
        """The custodian's own figures."""
        with self.engine.connect() as connection:
            cash = connection.execute(
                select(paper_accounts.c.cash).where(paper_accounts.c.account_id == account_id)
            ).scalar_one_or_none()
            if cash is None:
                raise UnknownAtCustodian(f"the paper custodian has no account {account_id}")
            rows = connection.execute(
                select(paper_positions.c.symbol, paper_positions.c.quantity).where(
                    paper_positions.c.account_id == account_id
                )
            )
            return Ledger(cash, {row.symbol: row.quantity for row in rows})


def _locked(connection: Connection, order: VenueOrder) -> tuple[Any, VenueAnswer | None]:
    """The account, locked so that a repeated ID waits for the first, and the answer that the ID has already."""
    account = connection.execute(
        select(paper_accounts).where(paper_accounts.c.account_id == order.account_id).with_for_update()
    ).one_or_none()
    row = connection.execute(
        select(paper_orders).where(paper_orders.c.client_order_id == order.client_order_id)
    ).one_or_none()
    known = None if row is None else VenueAnswer(row.status, row.filled_quantity, row.filled_amount, row.reason)
    return account, known


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
        )
    )


def _held(connection: Connection, account_id: str, symbol: str) -> Decimal:
    return connection.execute(
        select(paper_positions.c.quantity).where(
            paper_positions.c.account_id == account_id, paper_positions.c.symbol == symbol
        )
    ).scalar_one_or_none() or Decimal(0)


def _refusal(connection: Connection, order: VenueOrder, cash: Decimal) -> str | None:
    """Why a custodian would not take the order, or None."""
    if order.side == "sell":
        held = _held(connection, order.account_id, order.symbol)
        if order.quantity > held:
            return f"short sale: {plain(held)} {order.symbol} held, {plain(order.quantity)} to sell"
        return None
    cost = to_cent(order.quantity * order.price)
    return f"not enough cash: {plain(cash)} there, {cost} needed" if cost > cash else None


def _settle(connection: Connection, order: VenueOrder, answer: VenueAnswer) -> None:
    """Moves shares and cash in the custodian's ledger."""
    sign = 1 if order.side == "buy" else -1
    held = _held(connection, order.account_id, order.symbol) + sign * answer.filled_quantity
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
        .values(cash=paper_accounts.c.cash - sign * answer.filled_amount)
    )
