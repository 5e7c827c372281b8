"""Versions of accounts: has anything changed of an account since it was read?

A decision made outside of a transaction is stored only where the account is still the one that was decided on.
"""

from collections.abc import Collection

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
