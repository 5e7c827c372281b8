"""The rate limit of a venue, over all workers and all retries together.

Every time that an order is sent, a retry too, takes a turn from one row in the database, by the database's clock. A
turn is good for `GOOD_FOR` seconds; who comes later takes another. With N orders a second, turns are so far apart that
N + 1 orders never arrive within one second, though each may be late by the whole time that its turn is good for.

That a venue has no limit is asked once a second and worker, not for every order: one that is set holds a second later.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Engine, bindparam, func, select, update

from storage.schema.venues import venue_terms
from venues.port import BlockVenue, Instruction, VenueAnswer, VenueBusy, VenueOrder

GOOD_FOR = 0.25  # seconds from a turn's beginning in which the order has to be at the venue
HANDED_OVER = 0.05  # of them, what is left for the way to the venue
BELIEVED = 1.0  # seconds for which a venue that had no limit is taken to have none
LONGEST_WAIT = 1.0  # seconds that a worker's thread waits for a turn; who would wait longer comes again


LIMIT = select(venue_terms.c.orders_per_second).where(venue_terms.c.venue == bindparam("of"))


class Turns:
    """The turns of a venue, one an order."""

    def __init__(self, name: str, engine: Engine) -> None:
        self.name = name
        self.at_once = engine.execution_options(isolation_level="AUTOCOMMIT")  # each statement by itself
        self.unlimited = float("-inf")  # when it was seen last that there is no limit

    def limited(self) -> bool:
        """Waits for a turn; False where there is no limit, and none was taken. Raises VenueBusy."""
        while True:
            wait = self._turn()
            if wait is None or self._mine_after(wait):
                return wait is not None

    def _mine_after(self, wait: float) -> bool:
        """Waits so many seconds for a turn; False where it came too late to be used."""
        asked = time.monotonic()
        if wait > 0:
            time.sleep(wait)
        return time.monotonic() - asked <= max(wait, 0) + GOOD_FOR - HANDED_OVER

    def _turn(self) -> float | None:
        """Seconds until a turn that is ours now; None where there is no limit. Raises VenueBusy."""
        row, asked = venue_terms.c, time.monotonic()
        if asked - self.unlimited < BELIEVED:
            return None
        with self.at_once.connect() as connection:
            limit: Decimal | None = connection.execute(LIMIT, {"of": self.name}).scalar_one_or_none()
            if limit is None:
                self.unlimited = asked
                return None
            apart = timedelta(seconds=(1 + GOOD_FOR) / float(limit))
            now = func.clock_timestamp()
            turn = func.greatest(row.next_order_at, now)
            taken = connection.execute(
                update(venue_terms)
                .where(row.venue == self.name, row.next_order_at <= now + timedelta(seconds=LONGEST_WAIT))
                .values(next_order_at=turn + apart)
                .returning(row.next_order_at - apart - now)
            ).scalar_one_or_none()
            if taken is not None:
                return float(taken.total_seconds())
            ahead = connection.execute(select(row.next_order_at - now).where(row.venue == self.name)).scalar_one()
        raise VenueBusy(self.name, max(float(ahead.total_seconds()), LONGEST_WAIT))


class PacedVenue(Turns):
    """A venue that is sent no more orders a second than its terms allow."""

    def __init__(self, venue: BlockVenue, name: str, engine: Engine) -> None:
        super().__init__(name, engine)
        self.venue = venue

    def submit(self, order: VenueOrder) -> Sequence[VenueAnswer]:
        """Sends an order when it is its turn. Raises VenueBusy where that is too far away."""
        self.limited()
        return self.venue.submit(order)

    def submit_many(self, orders: Sequence[VenueOrder]) -> Sequence[Sequence[VenueAnswer]]:
        """Sends all where there is no limit, else one, when it is its turn."""
        wait = self._turn()
        if wait is None:
            return self.venue.submit_many(orders)
        return [self.venue.submit(orders[0]) if self._mine_after(wait) else self.submit(orders[0])]

    def look(self, order: VenueOrder) -> Sequence[VenueAnswer]:
        """Asking is not limited."""
        return self.venue.look(order)

    def cancel(self, order: VenueOrder) -> Sequence[VenueAnswer]:
        """Cancelling is not limited: it must never wait."""
        return self.venue.cancel(order)

    def submit_block(self, order: VenueOrder, accounts: Mapping[str, Decimal]) -> Sequence[VenueAnswer]:
        """Sends a block's order when it is its turn: one, whatever it is for. Raises VenueBusy."""
        self.limited()
        return self.venue.submit_block(order, accounts)

    def reduce(self, order: VenueOrder, to: Decimal, asked: int = 1) -> Sequence[VenueAnswer]:
        """As cancelling, never waits."""
        return self.venue.reduce(order, to, asked)

    def reduced(self, order: VenueOrder, to: Decimal, asked: int = 1) -> Decimal | None:
        """Asking is not limited."""
        return self.venue.reduced(order, to, asked)

    def allocate(self, told: Instruction) -> Mapping[str, str | None] | None:
        """Not limited: nothing trades."""
        return self.venue.allocate(told)
