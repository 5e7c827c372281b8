"""What waits for somebody: accounts that could not be checked, open breaks, approvals, refused plans, missing prices.

Read by `status`, which is red where any of it is there. Every answer is a few numbers, whatever the number of accounts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

NAMED = 5  # accounts, symbols or rebalances that an answer names; its numbers count all
LOOKED_BACK = timedelta(days=7)  # by how much: what ended badly longer ago is in the queue, with its issue

SYMBOLS_IN_THE_WAY = text(
    """
    SELECT symbol, count(*) AS accounts
    FROM evaluation_notes, jsonb_array_elements_text(evidence -> 'symbols') AS symbol
    WHERE evaluation_id = :evaluation AND begun_on = (SELECT begun_on FROM evaluations WHERE id = :evaluation)
      AND kind = 'unable_to_check' AND jsonb_typeof(evidence -> 'symbols') = 'array'
    GROUP BY symbol ORDER BY accounts DESC, symbol COLLATE "C"
    """
)
BREAKS = text(
    """
    SELECT count(*) AS count, count(DISTINCT account_id) AS accounts, min(opened_at) AS oldest,
      count(*) FILTER (WHERE opened_at < now() - interval '1 day') AS over_a_day,
      count(*) FILTER (WHERE opened_at < now() - interval '7 days') AS over_a_week
    FROM breaks WHERE resolved_at IS NULL
    """
)
APPROVALS = text(
    """
    SELECT count(*) AS waiting, count(*) FILTER (WHERE expires_at < :end) AS today, min(expires_at) AS first
    FROM rebalances WHERE stage = 'PENDING_APPROVAL'
    """
)
# Both leave out what a later rebalance of the account has brought to a better end.
BY_LAW = text(
    """
    WITH bad AS (
      SELECT id, result FROM rebalances r
      WHERE status = 'FAILED' AND started_at >= now() - make_interval(days => :days) AND NOT EXISTS (
        SELECT FROM rebalances later
        WHERE later.account_id = r.account_id AND (later.started_at, later.id) > (r.started_at, r.id)
          AND later.status IS DISTINCT FROM 'FAILED'
      )
    )
    SELECT finding ->> 'rule' AS rule, count(DISTINCT id) AS number,
      (array_agg(DISTINCT id ORDER BY id))[1:5] AS named
    FROM bad, json_array_elements(
      CASE WHEN json_typeof(result -> 'findings') = 'array' THEN result -> 'findings' ELSE '[]'::json END
    ) AS finding
    WHERE finding ->> 'rule' LIKE 'LAW-%' AND finding ->> 'severity' = 'error' GROUP BY rule ORDER BY rule
    """
)
BY_SIGNAL = text(
    """
    SELECT request_id AS signal, count(DISTINCT account_id) AS number FROM rebalances r
    WHERE status = 'FAILED' AND started_at >= now() - make_interval(days => :days)
      AND request_id LIKE 'model-signal/%' AND NOT EXISTS (
        SELECT FROM rebalances later
        WHERE later.account_id = r.account_id AND (later.started_at, later.id) > (r.started_at, r.id)
          AND later.status IS DISTINCT FROM 'FAILED'
      )
    GROUP BY request_id ORDER BY request_id COLLATE "C"
    """
)
# Securities first, which are few; only of those without a fresh price is asked who holds them.
WITHOUT_PRICE = text(
    """
    WITH unpriced AS (
      SELECT symbol FROM securities s WHERE NOT worthless AND NOT EXISTS (
        SELECT FROM prices p WHERE p.symbol = s.symbol AND p.as_of BETWEEN :oldest AND :day
      )
    )
    SELECT h.symbol, count(DISTINCT sl.account_id) AS accounts
    FROM holdings h JOIN sleeves sl ON sl.id = h.sleeve_id JOIN accounts a ON a.id = sl.account_id
    WHERE h.symbol IN (SELECT symbol FROM unpriced) AND sl.status = 'open' AND sl.kind <> 'protected'
      AND a.rebalancing AND a.status = 'open'
    GROUP BY h.symbol ORDER BY accounts DESC, h.symbol COLLATE "C"
    """
)
UNDER_WAY = text(
    """
    SELECT id, account_id, stage, start_key FROM rebalances WHERE stage <> 'ENDED'
    ORDER BY workflow_id = ANY(:first) DESC, started_at, id LIMIT :limit
    """
)
UNARCHIVED = text(
    """
    SELECT count(*) AS number, min(r.ended_at) AS oldest FROM rebalances r
    WHERE r.started_at >= now() - make_interval(days => :days) AND r.ended_at < now() - make_interval(hours => :hours)
      AND EXISTS (SELECT FROM workflow_histories)
      AND NOT EXISTS (SELECT FROM workflow_histories h
        WHERE h.workflow_id = r.workflow_id AND r.start_key = h.workflow_id || '#' || h.first_run_id)
    """
)
ARCHIVE_LAG = timedelta(hours=3)  # the sweep is hourly, and finds what it missed at the next


@dataclass(frozen=True, slots=True)
class Approvals:
    """Rebalances that wait for an approval, how many of them expire before a moment, and when the first does."""

    waiting: int
    today: int
    first: datetime | None


@dataclass(frozen=True, slots=True)
class OpenBreaks:
    """Open breaks, of how many accounts, since when, and how many are older than a day and a week."""

    count: int
    accounts: int
    oldest: datetime | None
    over_a_day: int
    over_a_week: int


class Attention:
    """What waits for somebody, as one transaction sees it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def symbols_in_the_way(self, evaluation_id: str) -> dict[str, int]:
        """Symbols for which accounts could not be checked, with how many: the most first."""
        rows = self.connection.execute(SYMBOLS_IN_THE_WAY, {"evaluation": evaluation_id})
        return {row.symbol: row.accounts for row in rows}

    def breaks(self) -> OpenBreaks:
        """The open breaks."""
        return OpenBreaks(**self.connection.execute(BREAKS).one()._mapping)

    def approvals(self, end: datetime) -> Approvals:
        """What waits for an approval; `today` are those that expire before `end`."""
        return Approvals(**self.connection.execute(APPROVALS, {"end": end}).one()._mapping)

    def under_way(self, first: Sequence[str], limit: int) -> Sequence[Any]:
        """Rebalances under way, as rows of id, account, stage and start key: of these workflows, then the oldest."""
        return self.connection.execute(UNDER_WAY, {"first": list(first), "limit": limit}).all()

    def ended(self, start_keys: Sequence[str]) -> Sequence[str]:
        """Those of these start keys whose rebalance has ended."""
        asked = text("SELECT start_key FROM rebalances WHERE start_key = ANY(:keys) AND stage = 'ENDED'")
        return self.connection.scalars(asked, {"keys": list(start_keys)}).all()

    def refused_by_law(self) -> Sequence[Any]:
        """Plans that a law refused lately, as rows of rule, number and some ids; none whose account did well since."""
        return self.connection.execute(BY_LAW, {"days": LOOKED_BACK.days}).all()

    def failed_of_signals(self) -> Sequence[Any]:
        """Model signals that failed lately for accounts, as rows of signal and number; none that did well since."""
        return self.connection.execute(BY_SIGNAL, {"days": LOOKED_BACK.days}).all()

    def without_price(self, day: date, oldest: date) -> dict[str, int]:
        """What accounts to be rebalanced hold and has no price from `oldest` to `day`, with how many hold it."""
        rows = self.connection.execute(WITHOUT_PRICE, {"day": day, "oldest": oldest})
        return {row.symbol: row.accounts for row in rows}

    def not_archived(self) -> tuple[int, datetime | None]:
        """Rebalances that ended a while ago and whose history is not kept, and since when; none before the first is."""
        hours = int(ARCHIVE_LAG.total_seconds() // 3600)
        row = self.connection.execute(UNARCHIVED, {"days": LOOKED_BACK.days, "hours": hours}).one()
        return row.number, row.oldest
