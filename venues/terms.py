"""The terms of a venue: how many orders a second it takes, when they are sent, and how long an order may work there.

Kept in the database, so that they hold for every worker at once; set with `rebalancer venue set`. A venue without any
takes as many orders as there are, in its session, and lets them work until the close.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, select

from policy.trading_days import next_close, session
from storage.schema.venues import ANY_TIME, IN_SESSION, NEXT_OPEN, venue_terms
from venues.paper import PAPER

# Between the close and the last report of it: what has no last word then is cancelled.
AFTER_THE_CLOSE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a venue may be asked.

    `orders_per_second`: None where there is no limit. `patience`: None where an order may work until the close.
    `sends` (DAY-6): in the session alone; also what the close left over, at the next open; or at any time, where the
    venue itself knows what to do with it.
    """

    orders_per_second: Decimal | None = None
    patience: timedelta | None = None
    sends: str = IN_SESSION

    def opens_at(self, now: datetime) -> datetime | None:
        """The open that sending has to wait for; None where orders may be sent now."""
        if self.sends == ANY_TIME or (opens := session(now).opens) <= now:
            return None
        return opens

    def last_close(self, begun: datetime) -> datetime | None:
        """The close from which on nothing more is sent of what was begun then; None where there is none."""
        if self.sends == ANY_TIME:
            return None
        close = next_close(begun)
        return next_close(close) if self.sends == NEXT_OPEN else close

    def keeps(self, begun: datetime, now: datetime) -> bool:
        """True where what is not sent yet is kept for the next open, though what works is given up."""
        last = self.last_close(begun)
        return self.sends == NEXT_OPEN and last is not None and now < last

    def give_up_at(self, begun: datetime, sent: datetime | None, working_since: datetime | None) -> datetime:
        """When what is open is cancelled: after its patience, at the latest after the close.

        `sent` is when the first order was, `working_since` when the first of those that are open was.
        """
        last = self.last_close(begun)
        if working_since is None and last is not None:  # nothing is out: what is left is sent until then
            return last + AFTER_THE_CLOSE
        since = working_since or sent or begun
        close = next_close(since) + AFTER_THE_CLOSE
        return close if self.patience is None else min(close, since + self.patience)


def own_sends(venue: str) -> str:
    """When orders are sent to a venue that nobody set it for: the paper one fills by the next session's day."""
    return ANY_TIME if venue == PAPER else IN_SESSION


def terms_of(connection: Connection, venue: str) -> Terms:
    """The terms in force of a venue."""
    row = connection.execute(select(venue_terms).where(venue_terms.c.venue == venue)).one_or_none()
    if row is None:
        return Terms(sends=own_sends(venue))
    patience = None if row.patience_seconds is None else timedelta(seconds=row.patience_seconds)
    return Terms(row.orders_per_second, patience, row.sends or own_sends(venue))
