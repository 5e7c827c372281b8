"""Versions of accounts: has anything changed of an account since it was read?

A decision made outside of a transaction is stored only where the account is still the one that was decided on; and what
was approved begins without another look at everything where nothing of it was written since (EXEC-3).
"""

from collections.abc import Collection
from datetime import date

from sqlalchemy import Connection, text

# Every change of a row gives it the number of its transaction, which only rises: a change raises a sum or a count.
VERSIONS = text(
    """
    SELECT a.id, concat_ws(' ', a.xmin, t.xmin, s.version, w.version, r.version, b.version) AS version
    FROM accounts a LEFT JOIN targets t ON t.id = a.target_id,
      LATERAL (
        SELECT count(*) || ':' || coalesce(sum(CAST(CAST(s.xmin AS text) AS bigint)), 0) || ':' || count(h.symbol)
          || ':' || coalesce(sum(CAST(CAST(h.xmin AS text) AS bigint)), 0) AS version
        FROM sleeves s LEFT JOIN holdings h ON h.sleeve_id = s.id WHERE s.account_id = a.id AND s.status = 'open'
      ) s,
      LATERAL (
        SELECT count(*) || ':' || coalesce(sum(CAST(CAST(xmin AS text) AS bigint)), 0) AS version
        FROM withdrawals WHERE account_id = a.id
      ) w,
      LATERAL (
        SELECT count(*) || ':' || coalesce(sum(CAST(CAST(xmin AS text) AS bigint)), 0) AS version
        FROM restrictions WHERE account_id = a.id
      ) r,
      LATERAL (
        SELECT count(*) || ':' || coalesce(sum(CAST(CAST(xmin AS text) AS bigint)), 0) AS version
        FROM breaks WHERE account_id = a.id AND resolved_at IS NULL
      ) b
    WHERE a.id = ANY(CAST(:ids AS text[]))
    """
)


def account_versions(connection: Connection, ids: Collection[str]) -> dict[str, str]:
    """For each account that exists, a text that is another after any change of what is decided from."""
    return {row.id: row.version for row in connection.execute(VERSIONS, {"ids": list(ids)})}


# The same of all that a snapshot holds of an account without a household, prices aside: the account, its target and
# those below, their models and those of its sleeves, and the business day.
SEEN = text(
    """
    WITH RECURSIVE reached AS (
      SELECT target_id AS id FROM accounts WHERE id = :id AND target_id IS NOT NULL
      UNION SELECT c.sub_target_id FROM reached r JOIN targets t ON t.id = r.id
        JOIN target_components c ON c.target_id = t.id AND c.version = t.version WHERE c.sub_target_id IS NOT NULL
    ), components AS (
      SELECT c.model_id, c.xmin FROM reached r JOIN targets t ON t.id = r.id
        JOIN target_components c ON c.target_id = t.id AND c.version = t.version
    ), held AS (
      SELECT id, model_id, xmin FROM sleeves WHERE account_id = :id AND status = 'open'
    ), named AS (
      SELECT m.id, m.version, m.xmin FROM models m
      WHERE m.id IN (SELECT model_id FROM components UNION SELECT model_id FROM held)
    ), written (what, at) AS (
      SELECT 'targets', t.xmin FROM targets t JOIN reached r ON r.id = t.id
      UNION ALL SELECT 'components', xmin FROM components
      UNION ALL SELECT 'models', xmin FROM named
      UNION ALL SELECT 'weights', h.xmin FROM model_holdings h
        JOIN named n ON n.id = h.model_id AND n.version = h.version
      UNION ALL SELECT 'sleeves', xmin FROM held
      UNION ALL SELECT 'holdings', h.xmin FROM holdings h JOIN held s ON s.id = h.sleeve_id
      UNION ALL SELECT 'lots', l.xmin FROM lots l JOIN held s ON s.id = l.sleeve_id
      UNION ALL SELECT 'restrictions', xmin FROM restrictions WHERE account_id = :id
      UNION ALL SELECT 'withdrawals', xmin FROM withdrawals WHERE account_id = :id
      UNION ALL SELECT 'sales', xmin FROM recent_sales WHERE account_id = :id
      UNION ALL SELECT 'breaks', xmin FROM breaks WHERE account_id = :id AND resolved_at IS NULL
    )
    SELECT concat_ws(' ', a.xmin, d.xmin, (
      SELECT string_agg(concat_ws(':', what, rows, sum), ' ' ORDER BY what)
      FROM (SELECT what, count(*) AS rows, sum(CAST(CAST(at AS text) AS bigint)) AS sum FROM written GROUP BY what) w
    ))
    FROM accounts a, book_days d WHERE a.id = :id AND a.household_id IS NULL
    """
)


def seen(connection: Connection, account_id: str, trade_date: date) -> str | None:
    """A text that is another after any change of what a snapshot of the account, to trade on that day, is taken from.

    To be asked before the snapshot is. None where it can't be told so: what others of a household trade counts, too.
    """
    version = connection.scalar(SEEN, {"id": account_id})
    return None if version is None else f"{trade_date} {version}"
