"""The terms of a venue: how many orders a second it takes, and how long an order may work there.

Kept in the database, so that they hold for every worker at once; set with `rebalancer venue set`. A venue without any
takes as many orders as there are, and lets them work until the close.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, select

from policy.trading_days import next_close
from storage.schema.venues import venue_terms

# Between the close and the last report of it: what has no last word then is cancelled.
AFTER_THE_CLOSE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Terms:
    """`orders_per_second`: None where there is no limit. `patience`: None where an order may work until the close."""

    orders_per_second: Decimal | None = None
    patience: timedelta | None = None

    def give_up_at(self, sent: datetime) -> datetime:
        """When what was sent then and is still open is cancelled: after its patience, at the latest after the close."""
        close = next_close(sent) + AFTER_THE_CLOSE
        return close if self.patience is None else min(close, sent + self.patience)


def terms_of(connection: Connection, venue: str) -> Terms:
    """The terms in force of a venue."""
    row = connection.execute(select(venue_terms).where(venue_terms.c.venue == venue)).one_or_none()
    if row is None:
        return Terms()
    patience = None if row.patience_seconds is None else timedelta(seconds=row.patience_seconds)
    return Terms(row.orders_per_second, patience)
