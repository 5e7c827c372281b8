"""What a broker changes of an order after its last word was written down: a break on the account, never nothing.

A bust or a correction that comes while the order is open is one of its answers (FIX-3). One that comes later, or a fill
behind a last word, finds nobody who looks: books and custodian would differ unseen until a statement comes (RECON-1).
"""

from datetime import date
from typing import Any

from sqlalchemy import case, func, select, text, tuple_, update

from domain.executing.reconciliation import Break
from storage.connection import Transaction
from storage.schema.desk import block_orders, blocks
from storage.schema.execution import orders
from storage.schema.fix import fix_executions, fix_orders
from storage.work.orders import OPEN

F, ORDERS, X, C = fix_orders.c, orders.c, fix_executions.c, block_orders.c
# What a broker says of accounts whose part of a block is booked, where it is another one.
DIFFERING = text(
    "SELECT e.account_id, d.rebalance_id, b.symbol, e.quantity,"
    " CASE WHEN e.refusal IS NOT NULL THEN 0 WHEN e.confirmed <> e.quantity THEN e.confirmed ELSE e.reported END"
    " AS theirs FROM fix.allocated AS e JOIN fix.allocations AS a USING (alloc_id)"
    " JOIN blocks AS b ON b.id = split_part(e.alloc_id, '/', 1)"
    " JOIN desk_legs AS d ON d.block_id = b.id AND d.account_id = e.account_id"
    " WHERE a.session = :session AND a.made_at >= :since AND a.status <> 'REJECTED'"
    " AND (e.refusal IS NOT NULL OR e.confirmed <> e.quantity OR e.reported <> e.quantity)"
    " AND EXISTS (SELECT FROM block_allocations AS k WHERE k.block_id = b.id AND k.account_id = e.account_id"
    " AND to_char(k.trade_date, 'YYYYMMDD') = split_part(e.alloc_id, '/', 2) AND k.state = 'BOOKED')"
    " AND NOT EXISTS (SELECT FROM fix.allocations AS n WHERE n.alloc_id LIKE split_part(e.alloc_id, '/', 1) || '/'"
    " || split_part(e.alloc_id, '/', 2) || '/%' AND n.made_at > a.made_at) ORDER BY e.account_id"
)


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
            _cash(ORDERS).label("told_cash"),
            F.filled_quantity,
            _cash(F).label("cash"),
        )
        .join(fix_orders, F.client_order_id == ORDERS.client_order_id)
        .where(
            F.client_order_id.in_(moved),
            func.coalesce(func.jsonb_typeof(F.venue_has), "null")
            == "null",  # another order under our name has its own break (EXEC-1)
            ORDERS.status.not_in(OPEN),
            tuple_(ORDERS.filled_quantity, ORDERS.filled_amount, ORDERS.costs)
            != tuple_(F.filled_quantity, F.filled_amount, F.costs),
        )
        .order_by(ORDERS.rebalance_id, ORDERS.leg)
    ).all()
    return [
        number
        for row in rows
        for number in books.breaks.changed_fill(
            row.account_id,
            row.rebalance_id,
            row.symbol,
            (row.told, row.told_cash),
            (row.filled_quantity, row.cash),
        )
    ]


def _cash(order: Any) -> Any:
    """What an order's fills cost in all, or brought after costs."""
    return order.filled_amount + case((F.side == "buy", order.costs), else_=-order.costs)


def mark(books: Transaction, session: str, since: date) -> int:
    """Marks the orders of blocks that are otherwise filled now than when they had their last word: how many. Their
    desk has them allocated anew (ALLOC-7).
    """
    moved = select(X.order_id).where(X.session == session, X.trade_date >= since, X.order_id.is_not(None))
    filled = (C.filled_units * blocks.c.unit, C.filled_amount, C.costs)
    done = books.connection.execute(
        update(block_orders)
        .where(
            C.block_id == blocks.c.id,
            C.client_order_id == F.client_order_id,
            F.client_order_id.in_(moved),
            C.status.not_in(OPEN),
            C.changed_at.is_(None),
            tuple_(*filled) != tuple_(F.filled_quantity, F.filled_amount, F.costs),
        )
        .values(changed_at=func.now())
    )
    return done.rowcount


def differing(books: Transaction, session: str, since: date) -> list[int]:
    """Opens a break for each account of which the broker booked or confirmed something else than it was allocated, or
    which it refused after all (FIX-8, BLOCK-7); once for the same figures. Returns the breaks' numbers.
    """
    rows = books.connection.execute(DIFFERING, {"session": session, "since": since}).all()
    opened: list[int] = []
    for row in rows:
        found = Break("allocation", row.symbol, row.quantity, row.theirs)
        opened += books.breaks.open_once(row.account_id, row.rebalance_id, found)
    return opened
