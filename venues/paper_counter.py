"""The paper custodian's counter: orders of a batch that fill as they come in, one after another, on the figures that
the accounts then have. They are read once and written once, in a few statements however many orders there are.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text

from domain.values.money import ZERO, plain, to_cent
from storage.rows import columns, insert_rows
from storage.schema.execution import paper_orders
from venues.port import VenueAnswer, VenueOrder
from venues.scenario import Treatment

LOCK = text(
    "SELECT account_id, cash FROM paper.accounts WHERE account_id = ANY(CAST(:accounts AS text[]))"
    ' ORDER BY account_id COLLATE "C" FOR UPDATE'
)
# Which orders were taken before, and what the accounts hold of what the orders are about.
SEEN_AND_HELD = text(
    "SELECT CAST(NULL AS text) AS account_id, client_order_id AS name, CAST(NULL AS numeric) AS quantity"
    " FROM paper.orders WHERE client_order_id = ANY(CAST(:names AS text[]))"
    " UNION ALL SELECT account_id, symbol, quantity FROM paper.positions"
    " WHERE account_id = ANY(CAST(:accounts AS text[])) AND symbol = ANY(CAST(:symbols AS text[]))"
)
# What became of orders and accounts, in one statement: what was said of them, their cash, what they hold, and what of
# it is gone.
SETTLED = text(
    "WITH taken AS (INSERT INTO paper.orders (client_order_id, account_id, side, symbol, quantity, price, status,"
    " filled_quantity, filled_amount, reason, traded_on, costs) SELECT * FROM unnest(CAST(:client_order_id AS text[]),"
    " CAST(:account_id AS text[]), CAST(:side AS text[]), CAST(:symbol AS text[]), CAST(:quantity AS numeric[]),"
    " CAST(:price AS numeric[]), CAST(:status AS text[]), CAST(:filled_quantity AS numeric[]),"
    " CAST(:filled_amount AS numeric[]), CAST(:reason AS text[]), CAST(:traded_on AS date[]),"
    " CAST(:costs AS numeric[]))),"
    " paid AS (UPDATE paper.accounts AS of SET cash = given.cash"
    " FROM unnest(CAST(:accounts AS text[]), CAST(:cash AS numeric[])) AS given (account_id, cash)"
    " WHERE of.account_id = given.account_id),"
    " moved AS (SELECT given.* FROM"
    " unnest(CAST(:holders AS text[]), CAST(:symbols AS text[]), CAST(:quantities AS numeric[]))"
    " AS given (account_id, symbol, quantity)),"
    " emptied AS (DELETE FROM paper.positions AS of USING moved"
    " WHERE of.account_id = moved.account_id AND of.symbol = moved.symbol AND moved.quantity = 0)"
    " INSERT INTO paper.positions (account_id, symbol, quantity)"
    " SELECT account_id, symbol, quantity FROM moved WHERE quantity <> 0 ORDER BY account_id, symbol"
    " ON CONFLICT (account_id, symbol) DO UPDATE SET quantity = excluded.quantity"
)

GIVEN_UP = "the venue cancelled the rest"

Position = tuple[str, str]  # account, symbol


class Counter:
    """The figures of the accounts of a batch, which are locked: a repeated order waits for the first, and finds it."""

    def __init__(self, connection: Connection, orders: Sequence[VenueOrder]) -> None:
        self.connection = connection
        accounts = {each.account_id for each in orders}
        held = connection.execute(LOCK, {"accounts": list(accounts)})
        self.cash: dict[str, Decimal] = {row.account_id: row.cash for row in held}
        self.seen = set[str]()
        self.held: dict[Position, Decimal] = {}
        names = {each.client_order_id for each in orders}
        given = {"names": list(names), "accounts": list(accounts), "symbols": list({each.symbol for each in orders})}
        for row in connection.execute(SEEN_AND_HELD, given):
            if row.account_id is None:
                self.seen.add(row.name)
            else:
                self.held[row.account_id, row.name] = row.quantity
        self.said: dict[str, VenueAnswer] = {}  # by client order ID
        self._moved: set[Position] = set()

    def fill(self, order: VenueOrder, treatment: Treatment, day: date) -> None:
        """Fills an order as it comes in, whole or in part, or rejects it."""
        quantity, price = treatment.part(order.quantity), order.price * treatment.price
        at = order.account_id, order.symbol
        held = self.held.get(at, ZERO)
        amount = to_cent(quantity * price)
        costs = treatment.costs.of(quantity, amount)
        wrong = refusal(order.side, order.symbol, quantity, amount, costs, self.cash[order.account_id], held)
        if wrong:
            self.answer(order, VenueAnswer("REJECTED", ZERO, ZERO, wrong))
            return
        if quantity >= order.quantity:
            self.answer(order, VenueAnswer("FILLED", quantity, amount, traded_on=day, costs=costs))
        elif quantity:
            self.answer(order, VenueAnswer("PARTIALLY_FILLED", quantity, amount, GIVEN_UP, traded_on=day, costs=costs))
        else:
            self.answer(order, VenueAnswer("CANCELED", quantity, amount, GIVEN_UP))
        if not quantity:
            return
        sign = 1 if order.side == "buy" else -1
        self.held[at] = held + sign * quantity
        self.cash[order.account_id] -= sign * amount + costs
        self._moved.add(at)

    def answer(self, order: VenueOrder, answer: VenueAnswer) -> None:
        """What is said of an order, to be written down with the others."""
        self.seen.add(order.client_order_id)
        self.said[order.client_order_id] = replace(answer, order=order)

    def write(self) -> None:
        """Writes down what was said, and the figures as they came to be; once, at the end."""
        rows = [as_row(each.order, each) for each in self.said.values() if each.order]
        if not self._moved:
            insert_rows(self.connection, paper_orders, rows)
            return
        moved, paid = sorted(self._moved), sorted({account for account, _ in self._moved})
        self.connection.execute(
            SETTLED,
            {
                "accounts": paid,
                "cash": [self.cash[each] for each in paid],
                "holders": [account for account, _ in moved],
                "symbols": [symbol for _, symbol in moved],
                "quantities": [self.held[each] for each in moved],
                **columns(paper_orders, tuple(rows[0]), rows),
            },
        )


def as_row(order: VenueOrder, answer: VenueAnswer) -> dict[str, object]:
    """An order as the venue keeps it."""
    return {
        "client_order_id": order.client_order_id,
        "account_id": order.account_id,
        "side": order.side,
        "symbol": order.symbol,
        "quantity": order.quantity,
        "price": order.price,
        "status": answer.status,
        "filled_quantity": answer.filled_quantity,
        "filled_amount": answer.filled_amount,
        "reason": answer.reason,
        "traded_on": answer.traded_on,
        "costs": answer.costs,
    }


def refusal(
    side: str, symbol: str, quantity: Decimal, amount: Decimal, costs: Decimal, cash: Decimal, held: Decimal
) -> str | None:
    """Why a custodian would not let a fill through, or None."""
    if side == "sell":
        return f"short sale: {plain(held)} {symbol} held, {plain(quantity)} to sell" if quantity > held else None
    needed = amount + costs
    return f"not enough cash: {plain(cash)} there, {needed} needed" if needed > cash else None
