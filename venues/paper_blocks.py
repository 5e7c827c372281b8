"""What the paper venue does with blocks, and its custodian with their allocations.

A block is no account's until it is allocated: its fills move nothing, its allocations move shares and cash. What is due
happens when somebody next asks, as with accounts' own orders.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from domain.values.money import ZERO, to_cent
from policy.trading_days import trade_date
from storage.schema.desk import paper_allocations, paper_block_events, paper_block_orders
from venues.port import WORKING, Instruction, VenueAnswer, VenueOrder, mismatch
from venues.scenario import FREE, BlockFill, BlockTreatment, Costs

ORDERS, EVENTS = paper_block_orders.c, paper_block_events.c
GIVEN_UP = "the venue cancelled the rest"
REFUSED = "the custodian refuses it"
LOCK = text("SELECT account_id FROM paper.accounts WHERE account_id = ANY(:accounts) ORDER BY account_id FOR UPDATE")
# What the custodian says of each account: once, whoever asks again.
ALLOT = text(
    "INSERT INTO paper.allocations (alloc_id, account_id, side, symbol, quantity, amount, costs, refusal)"
    " SELECT :alloc_id, told.account_id, :side, :symbol, told.quantity, told.amount, told.costs, CASE"
    " WHEN a.account_id IS NULL THEN 'no such account'"
    " WHEN told.account_id = ANY(:refused) THEN :why"
    " WHEN :sign * told.amount > 0 AND :sign * told.amount + told.costs > a.cash THEN"
    " 'not enough cash: ' || round(a.cash, 2) || ' there, ' || round(:sign * told.amount + told.costs, 2) || ' needed'"
    " WHEN :sign * told.quantity < 0 AND coalesce(p.quantity, 0) + :sign * told.quantity < 0 THEN"
    " 'short: ' || trim_scale(coalesce(p.quantity, 0)) || ' ' || :symbol || ' held' END"
    " FROM unnest(CAST(:accounts AS text[]), CAST(:quantities AS numeric[]), CAST(:amounts AS numeric[]),"
    " CAST(:costs AS numeric[])) AS told (account_id, quantity, amount, costs)"
    " LEFT JOIN paper.accounts AS a ON a.account_id = told.account_id"
    " LEFT JOIN paper.positions AS p ON p.account_id = told.account_id AND p.symbol = :symbol"
    " ON CONFLICT DO NOTHING RETURNING account_id, quantity, amount, costs, refusal"
)
PAY = text(
    "UPDATE paper.accounts SET cash = cash - n.paid"
    " FROM unnest(CAST(:accounts AS text[]), CAST(:paid AS numeric[])) AS n (id, paid) WHERE account_id = n.id"
)
EMPTY = text(
    "DELETE FROM paper.positions USING unnest(CAST(:accounts AS text[]), CAST(:quantities AS numeric[])) AS n (id, q)"
    " WHERE account_id = n.id AND symbol = :symbol AND quantity + :sign * n.q = 0"
)
GIVE = text(
    "UPDATE paper.positions SET quantity = quantity + :sign * n.q"
    " FROM unnest(CAST(:accounts AS text[]), CAST(:quantities AS numeric[])) AS n (id, q)"
    " WHERE account_id = n.id AND symbol = :symbol AND :sign * n.q < 0"
)
MOVE = text(
    "INSERT INTO paper.positions AS p (account_id, symbol, quantity) SELECT n.id, :symbol, :sign * n.q"
    " FROM unnest(CAST(:accounts AS text[]), CAST(:quantities AS numeric[])) AS n (id, q) WHERE :sign * n.q > 0"
    " ON CONFLICT (account_id, symbol) DO UPDATE SET quantity = p.quantity + excluded.quantity"
)


def known(connection: Connection, client_order_id: str) -> VenueAnswer | None:
    """How a child stands, or None where it was never taken."""
    row = connection.execute(select(paper_block_orders).where(ORDERS.client_order_id == client_order_id)).one_or_none()
    if row is None:
        return None
    order = VenueOrder(client_order_id, row.block, row.side, row.symbol, row.quantity, row.price)
    return VenueAnswer(row.status, row.filled_quantity, row.filled_amount, row.reason, order, row.traded_on, row.costs)


def take(connection: Connection, order: VenueOrder, treatment: BlockTreatment, now: datetime) -> None:
    """Takes a child, once, with what is to become of it."""
    status, reason = ("REJECTED", treatment.reject) if treatment.reject else (WORKING, None)
    new = connection.execute(
        insert(paper_block_orders)
        .values(
            client_order_id=order.client_order_id,
            block=order.account_id,
            side=order.side,
            symbol=order.symbol,
            quantity=order.quantity,
            open_quantity=order.quantity,
            price=order.price,
            status=status,
            reason=reason,
            fate={"reduce": treatment.reduce, "asked": {}}
            | ({} if treatment.costs == FREE else {"costs": treatment.costs.model_dump(mode="json")}),
        )
        .on_conflict_do_nothing()
        .returning(ORDERS.client_order_id)
    ).scalar_one_or_none()
    if new is not None and status == WORKING:
        _expect(connection, order, treatment, now)
    advance(connection, order, now)


def advance(connection: Connection, order: VenueOrder, now: datetime) -> None:
    """Lets happen what is due on a child, each in its order; nothing more of what is over."""
    row = _locked(connection, order)
    if row is None or row.status != WORKING:
        return
    mine = EVENTS.client_order_id == order.client_order_id
    due = connection.execute(
        select(paper_block_events).where(mine, EVENTS.due <= now).order_by(EVENTS.due, EVENTS.number)
    ).all()
    for event in due:
        connection.execute(delete(paper_block_events).where(mine, EVENTS.number == event.number))
        row = _locked(connection, order)
        if row is None or row.status != WORKING:
            return
        if event.quantity is None:
            _end(connection, row, GIVEN_UP)
        else:
            _fill(connection, row, event)


def reduce(connection: Connection, order: VenueOrder, to: Decimal, asked: int, now: datetime) -> None:
    """Makes a child smaller, as far as its fate allows; asked the same twice, it is done once."""
    advance(connection, order, now)
    row = _locked(connection, order)
    if row is None or str(asked) in row.fate["asked"]:
        return
    after = row.open_quantity
    if row.status == WORKING and to < after and row.fate["reduce"] != "refused":
        least = to if row.fate["reduce"] == "confirmed" else after - _whole((after - to) / 2, order.quantity)
        after = max(least, row.filled_quantity)
    connection.execute(
        update(paper_block_orders)
        .where(ORDERS.client_order_id == order.client_order_id)
        .values(open_quantity=after, fate={**row.fate, "asked": {**row.fate["asked"], str(asked): str(after)}})
    )
    if row.status == WORKING and row.filled_quantity and after == row.filled_quantity:
        _end(connection, row, "reduced to what is filled")


def reduced(connection: Connection, order: VenueOrder, asked: int) -> Decimal | None:
    """What a child came to by the answer to a question."""
    row = _locked(connection, order)
    said = None if row is None else row.fate["asked"].get(str(asked))
    return None if said is None else Decimal(said)


def cancel(connection: Connection, order: VenueOrder, now: datetime) -> None:
    """Cancels what is open of a child; one that was never seen is cancelled if it comes."""
    take_nothing = BlockTreatment(reject="cancelled before it was sent")
    advance(connection, order, now)
    row = _locked(connection, order)
    if row is None:
        take(connection, order, take_nothing, now)
        connection.execute(
            update(paper_block_orders).where(ORDERS.client_order_id == order.client_order_id).values(status="CANCELED")
        )
        return
    found = known(connection, order.client_order_id)
    if row.status == WORKING and found is not None and not mismatch(order, found):
        _end(connection, row, "cancelled on request")


def allocate(connection: Connection, told: Instruction, refused: tuple[str, ...]) -> Mapping[str, str | None]:
    """Moves shares and cash into the accounts, or says why not; an instruction that was given answers as it did."""
    accounts = sorted(told.accounts)
    connection.execute(LOCK, {"accounts": accounts})
    sign = 1 if told.side == "buy" else -1
    new = connection.execute(
        ALLOT,
        {
            "alloc_id": told.alloc_id,
            "side": told.side,
            "symbol": told.symbol,
            "sign": sign,
            "refused": list(refused),
            "why": REFUSED,
            "accounts": accounts,
            "quantities": [told.accounts[each].quantity for each in accounts],
            "amounts": [told.accounts[each].amount for each in accounts],
            "costs": [told.accounts[each].costs for each in accounts],
        },
    ).all()
    took = [row for row in new if row.refusal is None]
    if took:
        given = {
            "accounts": [row.account_id for row in took],
            "quantities": [row.quantity for row in took],
            "sign": sign,
        }
        paid = [sign * row.amount + row.costs for row in took]
        connection.execute(PAY, {"accounts": given["accounts"], "paid": paid})
        for each in (EMPTY, GIVE, MOVE):
            connection.execute(each, given | {"symbol": told.symbol})
    rows = connection.execute(
        select(paper_allocations.c.account_id, paper_allocations.c.refusal).where(
            paper_allocations.c.alloc_id == told.alloc_id
        )
    )
    return {row.account_id: row.refusal for row in rows}


def _expect(connection: Connection, order: VenueOrder, treatment: BlockTreatment, now: datetime) -> None:
    """Writes down what will happen to a child on its day."""
    day = int(order.client_order_id.rpartition("-")[2])
    whole = not (treatment.fills or treatment.never_fills or treatment.dies is not None)
    fills = (BlockFill(share=Decimal(1), day=day),) if whole else treatment.fills
    rows = [
        {
            "client_order_id": order.client_order_id,
            "number": number,
            "due": now + timedelta(seconds=each.late),
            "quantity": each.quantity or _whole(order.quantity * (each.share or ZERO), order.quantity),
            "price": each.price or order.price,
        }
        for number, each in enumerate(fills)
        if each.day == day
    ]
    if treatment.dies is not None:
        dies = {"due": now + timedelta(seconds=treatment.dies), "quantity": None, "price": None}
        rows.append({"client_order_id": order.client_order_id, "number": len(fills), **dies})
    if rows:
        connection.execute(insert(paper_block_events), rows)


def _fill(connection: Connection, row: Any, event: Any) -> None:
    """Fills a part, never more than is open."""
    quantity = min(event.quantity, row.open_quantity - row.filled_quantity)
    if quantity <= 0:
        return
    filled, amount = row.filled_quantity + quantity, to_cent(quantity * event.price)
    costs = Costs.model_validate(row.fate.get("costs", {})).of(quantity, amount)
    connection.execute(
        update(paper_block_orders)
        .where(ORDERS.client_order_id == row.client_order_id)
        .values(
            filled_quantity=filled,
            filled_amount=row.filled_amount + amount,
            costs=row.costs + costs,
            traded_on=trade_date(event.due),
            status="FILLED" if filled == row.open_quantity else WORKING,
        )
    )


def _end(connection: Connection, row: Any, reason: str) -> None:
    connection.execute(
        update(paper_block_orders)
        .where(ORDERS.client_order_id == row.client_order_id)
        .values(status="PARTIALLY_FILLED" if row.filled_quantity else "CANCELED", reason=reason)
    )


def _locked(connection: Connection, order: VenueOrder) -> Any:
    return connection.execute(
        select(paper_block_orders).where(ORDERS.client_order_id == order.client_order_id).with_for_update()
    ).one_or_none()


def _whole(part: Decimal, of: Decimal) -> Decimal:
    """A part of a quantity, in whole shares, or as fine as the quantity itself is."""
    finest = Decimal(1).scaleb(min(0, int(of.normalize().as_tuple().exponent)))
    return part // finest * finest
