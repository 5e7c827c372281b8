"""The terms of a venue: how many orders a second it takes, when they are sent, how long an order may work there, and
whether orders of many accounts go to it as one.

Kept in the database, so that they hold for every worker at once; set with `rebalancer venue set`. A venue without any
takes as many orders as there are, in its session, and lets them work until the close.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, bindparam, select

from policy.clock import EXCHANGE_ZONE, exchange_day
from policy.trading_days import next_close, session
from storage.schema.venues import ALLOWED, ANY_TIME, CARRY, IN_SESSION, NEXT_OPEN, WINDOW, venue_terms
from venues.paper import PAPER

TERMS = select(venue_terms).where(venue_terms.c.venue == bindparam("of"))
# Between the close and the last report of it: what has no last word then is cancelled.
AFTER_THE_CLOSE = timedelta(minutes=5)


OWN_WINDOW = timedelta(seconds=60)  # how long a desk gathers orders where nobody said it


@dataclass(frozen=True, slots=True)
class BlockTerms:
    """How a venue's desk forms blocks: how long it gathers, until when in a day (the exchange's time; None: as long as
    orders are sent), whether accounts may leave what is released, whether what a day leaves unfilled is carried on, and
    the shares of a lot in which it is allocated (ALLOC-6; None: off).
    """

    window: timedelta = OWN_WINDOW
    cut_off: time | None = None
    may_leave: bool = True
    carries: bool = False
    lot: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a venue may be asked.

    `orders_per_second`: None where there is no limit. `patience`: None where an order may work until the close.
    `sends` (DAY-6): in the session alone; also what the close left over, at the next open; or at any time, where the
    venue itself knows what to do with it. `blocks`: None where orders are sent one by one.
    """

    orders_per_second: Decimal | None = None
    patience: timedelta | None = None
    sends: str = IN_SESSION
    blocks: BlockTerms | None = None

    def forms_at(self, opened: datetime) -> datetime:
        """When the desk forms blocks of what it gathers since then; who comes later is in the next ones (BLOCK-4)."""
        assert self.blocks is not None
        at = opened + self.blocks.window
        at = self.opens_at(at) or at
        if self.blocks.cut_off is None:
            return at
        close = next_close(max(opened, self.opens_at(opened) or opened))
        last = datetime.combine(exchange_day(close), self.blocks.cut_off, EXCHANGE_ZONE)
        if at <= last:
            return at
        return last if opened <= last else self.next_day(close)

    def next_day(self, close: datetime) -> datetime:
        """When orders are sent again after a close."""
        return self.opens_at(close) or close

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
    row = connection.execute(TERMS, {"of": venue}).one_or_none()
    if row is None:
        return Terms(sends=own_sends(venue))
    patience = None if row.patience_seconds is None else timedelta(seconds=row.patience_seconds)
    return Terms(row.orders_per_second, patience, row.sends or own_sends(venue), _blocks(row))


def _blocks(row: Any) -> BlockTerms | None:
    if row.blocks != WINDOW:
        return None
    window = OWN_WINDOW if row.window_seconds is None else timedelta(seconds=row.window_seconds)
    lot = None if row.de_minimis is None else Decimal(row.de_minimis)
    return BlockTerms(window, row.cut_off, row.leave == ALLOWED, row.unfilled == CARRY, lot)
