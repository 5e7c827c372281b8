"""Follows the record as it grows, and misses nothing: neither what commits late, nor what is behind a restore.

Ids are given out before they commit, so whoever remembers the last id has missed one that commits behind it. So a place
is the transaction up to which all have ended (the snapshot's horizon): what is before it can't change any more.
Another server counts transactions from elsewhere, so a place is also of an era: whose transactions they are. Records of
an era are those behind the last id of the one before.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from storage.values import cursor

HORIZON = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
# No record is in sight of a transaction that is not begun yet: those of a restored database may have such.
SINCE = text(
    "SELECT id, account_id, rebalance_id, written_in >= CAST(:horizon AS xid8) AS beyond FROM audit_records"
    " WHERE written_in >= CAST(:place AS xid8) AND written_in < pg_snapshot_xmax(pg_current_snapshot())"
    " AND id > (SELECT behind FROM record_eras ORDER BY number DESC LIMIT 1) ORDER BY written_in, id LIMIT :limit"
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
        """What became visible since the last look; nothing at the first. Asks one index, whatever the record's age.

        Where the database was restored meanwhile, and counts transactions from before, that is everything.
        """
        horizon = str(connection.scalar(HORIZON))
        if self._place is not None and int(horizon) < int(self._place):
            self._place, self._told = horizon, set()
            return Changed(frozenset(), frozenset(), everything=True)
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


class Place(NamedTuple):
    """Behind a record: its era, its transaction (an `xid8`), its id."""

    era: int
    transaction: str
    id: int


BEGINNING = Place(0, "0", 0)
ERAS = text(
    "SELECT number, token, behind, server = coalesce(record_server(), server) AS here FROM record_eras ORDER BY number"
)
# Each behind a place. Before the horizon, so that nothing can come in between any more; of an era that is over
# everything is there. Ordered by the column: by a name of its text 1000 would come before 999.
EVENTS = text(
    "SELECT CAST(:era AS integer) AS era, CAST(:token AS text) AS token, CAST(written_in AS text) AS transaction,"
    " id, at, who, action, account_id, rebalance_id, rule, hash FROM audit_records"
    " WHERE written_in >= CAST(:transaction AS xid8) AND (written_in, id) > (CAST(:transaction AS xid8), :id)"
    " AND written_in < CASE WHEN :over THEN CAST('18446744073709551615' AS xid8)"
    " ELSE pg_snapshot_xmin(pg_current_snapshot()) END"
    " AND id > :behind AND id <= :upto ORDER BY written_in, id LIMIT :limit"
)
ENDLESS = 2**63 - 1


class Era(NamedTuple):
    """Records of one server's transactions, by their ids; `over` once no more can come."""

    number: int
    token: str
    behind: int
    upto: int
    over: bool


def eras(connection: Connection) -> Sequence[Era]:
    """The record's eras, the oldest first. The last is over too where it was restored, and nothing recorded since."""
    found = [*connection.execute(ERAS), None]
    return [
        Era(row.number, row.token, row.behind, ENDLESS if after is None else after.behind, bool(after) or not row.here)
        for row, after in pairwise(found)
        if row is not None
    ]


def newest(connection: Connection) -> Place:
    """Behind all that is recorded, before all that will be."""
    last = eras(connection)[-1]
    return Place(last.number + last.over, str(connection.scalar(HORIZON)), 0)


def events(connection: Connection, after: Place, limit: int) -> Sequence[Row[Any]]:
    """Records behind a place, in their order; each is there once all before it are. To be asked in one snapshot."""
    return list(_events(connection, after, limit))


def _events(connection: Connection, after: Place, left: int) -> Iterator[Row[Any]]:
    for era in eras(connection):
        if era.number < after.era:
            continue
        _, transaction, id_ = after if era.number == after.era else BEGINNING
        asked = {**era._asdict(), "era": era.number, "transaction": transaction, "id": id_, "limit": left}
        rows = connection.execute(EVENTS, asked).all()
        yield from rows
        left -= len(rows)
        if not left:
            return


def place_of(event: Row[Any]) -> Place:
    """The place behind an event."""
    return Place(event.era, event.transaction, event.id)


def as_json(event: Row[Any]) -> dict[str, str | None]:
    """An event as programs get it: a record without its contents; its id is the place behind it."""
    return {
        "id": cursor(event.token, event.transaction, str(event.id)),
        "at": event.at.isoformat().replace("+00:00", "Z"),
        "who": event.who,
        "action": event.action,
        "account_id": event.account_id,
        "rebalance_id": event.rebalance_id,
        "rule": event.rule,
    }
