"""Follows the record as it grows, and misses nothing: not what a transaction commits late, either.

Ids are given out before they commit, so whoever remembers the last id has missed one that commits behind it. So a place
is the transaction up to which all have ended (the snapshot's horizon): what is before it can't change any more.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from storage.values import cursor

HORIZON = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
SINCE = text(
    "SELECT id, account_id, rebalance_id, written_in >= CAST(:horizon AS xid8) AS beyond FROM audit_records"
    " WHERE written_in >= CAST(:place AS xid8) ORDER BY written_in, id LIMIT :limit"
)
AT_ONCE = 10_000


class Changed(NamedTuple):
    """What became visible: of which accounts and rebalances. `everything` where it was too much to name."""

    accounts: frozenset[str]
    rebalances: frozenset[str]
    everything: bool = False

    def __bool__(self) -> bool:
        return self.everything or bool(self.accounts or self.rebalances)


class Follower:
    """One process's place in the record. What is beyond the horizon and visible already is told once, and at once."""

    def __init__(self) -> None:
        self._place: str | None = None
        self._told: set[int] = set()
        self._begun = False

    def look(self, connection: Connection) -> Changed:
        """What became visible since the last look; nothing at the first. Asks one index, whatever the record's age."""
        horizon = str(connection.scalar(HORIZON))
        place, self._place = self._place or horizon, horizon
        asked = {"place": place, "horizon": horizon, "limit": AT_ONCE}
        rows = list(connection.execute(SINCE, asked))
        news = [row for row in rows if row.id not in self._told]
        self._told = {row.id for row in rows if row.beyond}
        if not self._begun:
            self._begun, news = True, []
        general = any(row.account_id is None and row.rebalance_id is None for row in news)
        return Changed(
            frozenset(row.account_id for row in news if row.account_id),
            frozenset(row.rebalance_id for row in news if row.rebalance_id),
            everything=general or len(news) == AT_ONCE,
        )


# Each behind a place and before the horizon, so that nothing can come in between any more. Ordered by the column: by a
# name of its text 1000 would come before 999.
EVENTS = text(
    "SELECT CAST(written_in AS text) AS transaction, id, at, who, action, account_id, rebalance_id, rule, hash"
    " FROM audit_records"
    " WHERE written_in >= CAST(:transaction AS xid8) AND (written_in, id) > (CAST(:transaction AS xid8), :id)"
    " AND written_in < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY written_in, id LIMIT :limit"
)


def events(connection: Connection, after: tuple[str, str], limit: int) -> Sequence[Row[Any]]:
    """Records behind a place, the transaction and the id of one; each is there once all before it are."""
    asked = {"transaction": after[0], "id": int(after[1]), "limit": limit}
    return connection.execute(EVENTS, asked).all()


def as_json(event: Row[Any]) -> dict[str, str | None]:
    """An event as programs get it: a record without its contents; its id is the place behind it."""
    return {
        "id": cursor(event.transaction, str(event.id)),
        "at": event.at.isoformat().replace("+00:00", "Z"),
        "who": event.who,
        "action": event.action,
        "account_id": event.account_id,
        "rebalance_id": event.rebalance_id,
        "rule": event.rule,
    }
