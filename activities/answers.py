"""What a venue says of an order, written down: once, with its audit record, and only where it is about that order."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from domain.executing.booking import Leg
from domain.executing.execution import EXEC_1, EXEC_2
from domain.executing.reconciliation import Break
from domain.values.money import ZERO, plain
from storage.connection import Transaction
from storage.work.orders import Answer
from venues.port import StillWorking, VenueAnswer, VenueOrder, mismatch


def venue_order(name: str, account_id: str, leg: Leg) -> VenueOrder:
    """A leg as the venue gets it, under its client order ID (EXEC-1)."""
    return VenueOrder(name, account_id, leg.side, leg.symbol, leg.quantity, leg.price)


Told = tuple[int, VenueOrder, Sequence[VenueAnswer]]  # leg, the order as it was sent, what was said of it


def heard(books: Transaction, rebalance_id: str, told: Sequence[Told]) -> None:
    """Writes down what the venue says of orders (EXEC-2), where one has several answers in their order.

    An answer about another order is refused (EXEC-1): nothing of it is booked, the order ends REJECTED, and a break
    says what the venue has under its ID. More filled than ordered is booked, and a break says that (EXEC-2).
    """
    for at in range(max((len(said) for _, _, said in told), default=0)):
        now = {leg: (order, *_judged(order, said[at])) for leg, order, said in told if at < len(said)}
        kept = {
            leg: Answer(said.status, said.filled_quantity, said.filled_amount, said.traded_on, said.reason, said.costs)
            for leg, (_, said, _) in now.items()
        }
        for leg in sorted(books.orders.heard(rebalance_id, kept)):
            order, said, found = now[leg]
            noted(books, rebalance_id, order, said)
            if found is not None:
                books.breaks.open(order.account_id, rebalance_id, [found])


def _judged(order: VenueOrder, said: VenueAnswer) -> tuple[VenueAnswer, Break | None]:
    """What of an answer is written down, and the break that it opens."""
    wrong = mismatch(order, said)
    if wrong is not None:
        had = said.order.quantity if said.order else ZERO
        refused = VenueAnswer("REJECTED", ZERO, ZERO, f"its answer was refused: {wrong}")
        return refused, Break("foreign_answer", order.symbol, order.quantity, had)
    if said.filled_quantity > order.quantity:
        return said, Break("overfill", order.symbol, order.quantity, said.filled_quantity)
    return said, None


def all_said(
    books: Transaction, rebalance_id: str, account_id: str, statuses: Mapping[str, int], resized: Sequence[str] = ()
) -> None:
    """Every order of a rebalance has its last word: noted once, with how they ended and what buys gave up (EXEC-2)."""
    if books.rebalances.submitted(rebalance_id):
        books.audit.record(
            "orders submitted",
            account_id=account_id,
            rebalance_id=rebalance_id,
            rule=EXEC_2.code,
            after={"statuses": dict(statuses), "resized": list(resized)},
        )


def noted(books: Transaction, rebalance_id: str, order: VenueOrder, said: VenueAnswer) -> None:
    """The record of an answer."""
    books.audit.record(
        f"order {said.status.lower().replace('_', ' ')}",
        account_id=order.account_id,
        rebalance_id=rebalance_id,
        rule=EXEC_1.code,
        after={
            "client_order_id": order.client_order_id,
            "side": order.side,
            "symbol": order.symbol,
            "quantity": plain(order.quantity),
            "filled": plain(said.filled_quantity),
            "amount": plain(said.filled_amount),
            **({"costs": plain(said.costs)} if said.costs else {}),
            "trade_date": None if said.traded_on is None else str(said.traded_on),
            "venue_reason": said.reason,
        },
    )


def cancelled(said: Sequence[VenueAnswer], order: VenueOrder, why: str) -> list[VenueAnswer]:
    """The answers to a cancellation, with why we asked for it. Raises StillWorking where it is not confirmed."""
    foreign = any(mismatch(order, each) for each in said)
    if not foreign and (not said or said[-1].status == "WORKING"):
        raise StillWorking(f"the venue has not confirmed that {order.client_order_id} is cancelled")
    ours = {"CANCELED", "PARTIALLY_FILLED"}
    return [
        replace(each, reason=f"{each.reason or 'cancelled'}: {why}") if each.status in ours else each for each in said
    ]
