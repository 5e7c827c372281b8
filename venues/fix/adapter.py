"""The venue port over a FIX session: touches PostgreSQL only (FIX-1). What it writes the session's gateway sends."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, text, update

from domain.values.money import ZERO, plain
from domain.values.rules import Rule
from storage.rows import insert_rows
from storage.schema.fix import fix_messages
from venues.fix import allocations, books, outgoing
from venues.fix.sessions import Session
from venues.fix.wire import Outgoing
from venues.port import WORKING, Instruction, VenueAnswer, VenueOrder

FIX_1 = Rule("FIX-1", "Whoever trades writes into the database alone; one gateway a session holds a lease, and sends.")
WAKE = text("SELECT pg_notify('fix_outbox', :session)")
NOTE = text(
    "INSERT INTO fix.orders (client_order_id, session, account_id, side, symbol, quantity, open_quantity, price, name)"
    " SELECT w.id, :session, w.account, w.side, w.symbol, w.quantity, w.quantity, w.price, w.name"
    " FROM unnest(CAST(:ids AS text[]), CAST(:accounts AS text[]), CAST(:sides AS text[]), CAST(:symbols AS text[]),"
    " CAST(:quantities AS numeric[]), CAST(:prices AS numeric[]), CAST(:names AS text[]))"
    " AS w (id, account, side, symbol, quantity, price, name) ON CONFLICT DO NOTHING RETURNING client_order_id"
)
NEVER_SENT = "cancelled before it was sent"


class FixVenue:
    """A broker behind a FIX session. Answers say how an order stands by what the gateway has heard so far."""

    def __init__(self, engine: Engine, session: Session) -> None:
        self.engine = engine
        self.session = session

    def submit(self, order: VenueOrder) -> Sequence[VenueAnswer]:
        """Puts an order into the outbox, once; a repeated ID gets what became of the first (EXEC-1)."""
        return self.submit_many([order])[0]

    def submit_many(self, orders: Sequence[VenueOrder]) -> Sequence[Sequence[VenueAnswer]]:
        """As `submit`, all in one transaction."""
        with self.engine.begin() as connection:
            self._put(connection, orders)
            connection.execute(WAKE, {"session": self.session.session})
            stand = books.many(connection, [order.client_order_id for order in orders])
        return [[stand[order.client_order_id]] for order in orders]

    def submit_block(self, order: VenueOrder, accounts: Mapping[str, Decimal]) -> Sequence[VenueAnswer]:
        """Puts a block's order into the outbox, with the whole targets of its accounts (FIX-8). Repeatable."""
        with self.engine.begin() as connection:
            self._put(connection, [order], accounts)
            connection.execute(WAKE, {"session": self.session.session})
            return [books.many(connection, [order.client_order_id])[order.client_order_id]]

    def look(self, order: VenueOrder) -> Sequence[VenueAnswer]:
        """How an order stands; nothing where it was never put into the outbox."""
        with self.engine.begin() as connection:
            return list(books.many(connection, [order.client_order_id]).values())

    def cancel(self, order: VenueOrder) -> Sequence[VenueAnswer]:
        """Asks the broker to cancel what is open; what was not handed over yet is withdrawn, and never will be."""
        with self.engine.begin() as connection:
            self._insert(connection, [order])
            row = self._locked(connection, order)
            if row.status == WORKING and not books.mismatched(order, row):
                if self._withdrawn(connection, order):
                    books.settle(connection, order.client_order_id, "CANCELED", NEVER_SENT)
                else:
                    self._once(connection, row, "F", "C", None)
            return list(books.many(connection, [order.client_order_id]).values())

    def reduce(self, order: VenueOrder, to: Decimal, asked: int = 1) -> Sequence[VenueAnswer]:
        """Asks the broker to make an order smaller: `to` shares in all, what is filled included (BLOCK-5, 35=G).

        `reduction` says what became of it: nothing where the broker takes no 35=G, or it is no larger already. Raises
        ValueError where nothing would be left.
        """
        with self.engine.begin() as connection:
            row = self._locked(connection, order)
            if to <= 0:
                raise ValueError(f"{order.client_order_id} can't be reduced to {plain(to)}: cancel it")
            may = row.status == WORKING and to < row.open_quantity and self.session.rules.replaces
            if may and self._question(connection, row, asked) is None:
                self._once(connection, row, "G", "R", to, asked)
            return list(books.many(connection, [order.client_order_id]).values())

    def reduction(self, order: VenueOrder, to: Decimal, asked: int = 1) -> bool | None:
        """What became of `reduce`: True confirmed; False refused, or ended before; None: not answered yet."""
        with self.engine.begin() as connection:
            row = self._locked(connection, order)
            if row.open_quantity <= to:
                return True
            state = self._question(connection, row, asked)
            pending = state in ("NEW", "HANDED") if state else self._pending(connection, row, "G") is not None
            return None if pending and row.status == WORKING else False

    def reduced(self, order: VenueOrder, to: Decimal, asked: int = 1) -> Decimal | None:
        """What an order comes to since it was asked to be `to`: as before where that was refused."""
        if self.reduction(order, to, asked) is None:
            return None
        with self.engine.begin() as connection:
            found: Decimal = self._locked(connection, order).open_quantity
            return found

    def allocate(self, told: Instruction) -> Mapping[str, str | None] | None:
        """Tells the broker a block's trade date account by account (FIX-8). Raises ValueError where it takes none.

        What changes of a day that was told before is told as the whole day, in place of that (ALLOC-7).
        """
        shares = {account: each.quantity for account, each in told.whole.items()}
        money = {account: each.amount for account, each in told.whole.items()}
        costs = {account: each.costs for account, each in told.whole.items()}
        total = sum(shares.values(), Decimal(0))
        with self.engine.begin() as connection:
            given = allocations.Instruction(
                alloc_id=told.alloc_id,
                day=told.day,
                orders=books.names(connection, told.orders),
                side=told.side,
                symbol=told.symbol,
                average=(sum(money.values(), ZERO) / total).quantize(Decimal("0.0001")) if total else ZERO,
                shares=shares,
                money=money,
                costs=costs,
                replaces=told.before[-1] if told.before else None,
            )
            allocations.give(connection, self.session, given)
            said = allocations.settled(connection, self.session, given.alloc_id)
            whole = allocations.answer(connection, given.alloc_id)
        if said is None or whole is None:
            return None
        nobody = whole.reason or "the broker rejected it" if whole.status == "REJECTED" else None
        return {account: said.get(account, nobody) for account in told.accounts}

    def _put(
        self, connection: Connection, orders: Sequence[VenueOrder], accounts: Mapping[str, Decimal] | None = None
    ) -> None:
        """Notes orders, and puts those that are new into the outbox, unless the broker takes none such."""
        new = self._insert(connection, orders)
        rows = []
        for order in orders:
            if order.client_order_id not in new:
                continue
            new.remove(order.client_order_id)
            why = outgoing.refusal(self.session, order)
            if why is not None:
                books.settle(connection, order.client_order_id, "REJECTED", why)
                continue
            message = outgoing.order_of(self.session, order, accounts)
            rows.append(self._row(message.fields[11], order.client_order_id, message))
        insert_rows(connection, fix_messages, rows)

    def _insert(self, connection: Connection, orders: Sequence[VenueOrder]) -> set[str]:
        """Notes orders; those that are new."""
        given = {
            "ids": [order.client_order_id for order in orders],
            "accounts": [order.account_id for order in orders],
            "sides": [order.side for order in orders],
            "symbols": [order.symbol for order in orders],
            "quantities": [order.quantity for order in orders],
            "prices": [order.price for order in orders],
            "names": [outgoing.name_of(order.client_order_id) for order in orders],
        }
        return set(connection.scalars(NOTE, given | {"session": self.session.session}))

    def _enqueue(
        self, connection: Connection, name: str, order_id: str, message: Outgoing, asked: int | None = None
    ) -> None:
        insert_rows(connection, fix_messages, [self._row(name, order_id, message, asked)])

    def _row(self, name: str, order_id: str, message: Outgoing, asked: int | None = None) -> dict[str, Any]:
        return {
            "session": self.session.session,
            "name": name,
            "order_id": order_id,
            "kind": message.kind,
            "body": message.as_json() | ({} if asked is None else {"asked": asked}),
        }

    def _withdrawn(self, connection: Connection, order: VenueOrder) -> bool:
        """Withdraws what was not handed over; True where nothing of the order ever was."""
        of_it = (fix_messages.c.order_id == order.client_order_id) & (fix_messages.c.kind == "D")
        connection.execute(update(fix_messages).where(of_it, fix_messages.c.state == "NEW", fix_messages.c.times == 0)
                           .values(state="WITHDRAWN", answer=NEVER_SENT))  # fmt: skip
        out = connection.scalar(select(func.count()).where(of_it, fix_messages.c.state != "WITHDRAWN"))
        return not out

    def _once(
        self,
        connection: Connection,
        row: Row[Any],
        kind: str,
        letter: str,
        to: Decimal | None,
        asked: int | None = None,
    ) -> None:
        """One cancellation or reduction at a time: another only where the broker refused the last."""
        if self._pending(connection, row, kind) is not None:
            return
        before = connection.scalar(
            select(func.count()).where(fix_messages.c.order_id == row.client_order_id, fix_messages.c.kind == kind)
        )
        name = outgoing.name_of(row.client_order_id, f"{letter}{(before or 0) + 1}")
        order = VenueOrder(row.client_order_id, row.account_id, row.side, row.symbol, row.quantity, row.price)
        message = (
            outgoing.cancellation(self.session, order, name, row.name, row.open_quantity)
            if to is None
            else outgoing.reduction(self.session, order, name, row.name, to)
        )
        self._enqueue(connection, name, row.client_order_id, message, asked)
        connection.execute(WAKE, {"session": self.session.session})

    def _question(self, connection: Connection, row: Row[Any], asked: int) -> str | None:
        """The state of the reduction that was asked for under a number; None where it never was."""
        found: str | None = connection.scalar(
            select(fix_messages.c.state).where(
                fix_messages.c.order_id == row.client_order_id,
                fix_messages.c.kind == "G",
                fix_messages.c.body["asked"].as_integer() == asked,
            )
        )
        return found

    def _pending(self, connection: Connection, row: Row[Any], kind: str) -> int | None:
        found: int | None = connection.scalar(
            select(fix_messages.c.number).where(
                fix_messages.c.order_id == row.client_order_id,
                fix_messages.c.kind == kind,
                fix_messages.c.state.in_(("NEW", "HANDED")),
            )
        )
        return found

    def _locked(self, connection: Connection, order: VenueOrder) -> Row[Any]:
        row = books.get(connection, order.client_order_id, lock=True)
        if row is None:
            raise LookupError(f"{order.client_order_id} was never given to {self.session.session}")
        return row
