"""What a broker changes of an order after its last word was written down: a break on the account, never nothing.

A bust or a correction that comes while the order is open is one of its answers (FIX-3). One that comes later, or a fill
behind a last word, finds nobody who looks: books and custodian would differ unseen until a statement comes (RECON-1).
"""

from datetime import date

from sqlalchemy import func, select, tuple_

from domain.executing.reconciliation import Break
from storage.connection import Transaction
from storage.schema.execution import breaks, orders
from storage.schema.fix import fix_executions, fix_orders
from storage.work.orders import OPEN

F, ORDERS, X = fix_orders.c, orders.c, fix_executions.c


def look(books: Transaction, session: str, since: date) -> list[int]:
    """Opens a break for each order whose fills are others now than were written down, once for the same figures.

    Looks at orders with executions of `since` and later; returns the breaks' numbers.
    """
    moved = select(X.order_id).where(X.session == session, X.trade_date >= since, X.order_id.is_not(None))
    rows = books.connection.execute(
        select(
            ORDERS.rebalance_id,
            F.account_id,
            F.symbol,
            ORDERS.filled_quantity.label("told"),
            ORDERS.filled_amount.label("told_amount"),
            F.filled_quantity,
            F.filled_amount,
        )
        .join(fix_orders, F.client_order_id == ORDERS.client_order_id)
        .where(
            F.client_order_id.in_(moved),
            func.coalesce(func.jsonb_typeof(F.venue_has), "null")
            == "null",  # another order under our name has its own break (EXEC-1)
            ORDERS.status.not_in(OPEN),
            tuple_(ORDERS.filled_quantity, ORDERS.filled_amount) != tuple_(F.filled_quantity, F.filled_amount),
        )
        .order_by(ORDERS.rebalance_id, ORDERS.leg)
    ).all()
    opened: list[int] = []
    for row in rows:
        found = Break("changed_fill", row.symbol, row.told, row.filled_quantity)
        if row.told == row.filled_quantity:  # a correction of the price alone
            found = Break("changed_fill", None, row.told_amount, row.filled_amount)
        if not _known(books, row.account_id, row.rebalance_id, found):
            opened += books.breaks.open(row.account_id, row.rebalance_id, [found])
    return opened


def _known(books: Transaction, account_id: str, rebalance_id: str, found: Break) -> bool:
    """It was opened before with these figures, whether somebody has resolved it since or not."""
    same = select(breaks.c.id).where(
        breaks.c.account_id == account_id,
        breaks.c.rebalance_id == rebalance_id,
        breaks.c.kind == found.kind,
        breaks.c.symbol.is_not_distinct_from(found.symbol),
        breaks.c.expected == found.expected,
        breaks.c.actual == found.actual,
    )
    return books.connection.scalar(same.limit(1)) is not None
