"""The guard around the record and the books: does it stand as it stood, and has every change of the books its record?

The guard is triggers, functions and rights (migrations 0003, 0010, 0017). Who owns the tables can switch it off and on
again; the catalogue then has other row versions than the record says, and rows of the books were written by
transactions that the record knows nothing of. Who does so rightly (a migration, a restore) attests it, in the record.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, text

from storage.record.chain import as_json, moment
from storage.record.fault import Fault, named

GUARD, MARKET = "guard", "market"  # what faults are of, beside chains

# The version of a catalogue's row is another after any change of it, even one that was taken back.
STANDING = text(
    "SELECT 'trigger ' || tgname || ' of ' || relname AS part,"
    " CASE tgenabled WHEN 'O' THEN 'on' WHEN 'D' THEN 'off' ELSE 'on ' || CAST(tgenabled AS text) END AS state,"
    " md5(pg_get_triggerdef(t.oid)) || ' ' || CAST(t.xmin AS text) AS version"
    " FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid"
    " WHERE NOT tgisinternal AND c.relnamespace = to_regnamespace('public')"
    " UNION ALL SELECT 'function ' || proname, 'on', md5(prosrc) || ' ' || CAST(xmin AS text) FROM pg_proc"
    " WHERE pronamespace = to_regnamespace('public') AND (prosecdef OR prorettype = CAST('trigger' AS regtype))"
    " UNION ALL SELECT 'rights on ' || relname, 'on',"
    " CAST(CAST(relowner AS regrole) AS text) || ' ' || coalesce(CAST(relacl AS text), '') FROM pg_class"
    " WHERE relnamespace = to_regnamespace('public') AND relname IN ('audit_records', 'audit_heads',"
    " 'audit_seals', 'audit_seal_heads', 'seal_anchors', 'rebalance_rounds', 'workflow_histories', 'documents',"
    " 'unrecorded_changes', 'signing_keys', 'identity_settings', 'decisions')"
    " AND relkind IN ('r', 'p') ORDER BY 1"
)
# Rows of the books that were last written by a transaction with no record of their account (of the market: none of no
# account), and for which nobody answered: a record 'guard attested' does, for them and for the guard as it then stands.
# Transactions are compared as row versions have them.
UNRECORDED = text(
    "WITH written AS ("
    " SELECT 'accounts' AS books, 'account/' || id AS chain, xmin AS at FROM accounts"
    " UNION ALL SELECT 'sleeves', 'account/' || account_id, xmin FROM sleeves"
    " UNION ALL SELECT 'holdings', 'account/' || account_id, h.xmin"
    " FROM holdings AS h JOIN sleeves AS s ON s.id = h.sleeve_id"
    " UNION ALL SELECT 'lots', 'account/' || account_id, l.xmin FROM lots AS l JOIN sleeves AS s ON s.id = l.sleeve_id"
    " UNION ALL SELECT 'restrictions', 'account/' || account_id, xmin FROM restrictions"
    " UNION ALL SELECT 'withdrawals', 'account/' || account_id, xmin FROM withdrawals"
    " UNION ALL SELECT 'recent_sales', 'account/' || account_id, xmin FROM recent_sales"
    " UNION ALL SELECT 'breaks', 'account/' || account_id, xmin FROM breaks"
    " UNION ALL SELECT 'securities', 'market', xmin FROM securities"
    " UNION ALL SELECT 'identifiers', 'market', xmin FROM identifiers"
    " UNION ALL SELECT 'sending_halts', 'market', xmin FROM sending_halts"
    " UNION ALL SELECT 'prices', 'market', xmin FROM prices"
    " UNION ALL SELECT 'models', 'market', xmin FROM models"
    " UNION ALL SELECT 'model_holdings', 'market', xmin FROM model_holdings"
    " UNION ALL SELECT 'targets', 'market', xmin FROM targets"
    " UNION ALL SELECT 'target_components', 'market', xmin FROM target_components"
    " UNION ALL SELECT 'book_days', 'market', xmin FROM book_days),"
    " recorded AS (SELECT coalesce('account/' || account_id, 'market') AS chain, xmin AS at FROM audit_records),"
    " attested AS (SELECT CAST(xmin AS text) AS at FROM audit_records WHERE action = 'guard attested' UNION"
    " SELECT json_array_elements_text(after -> 'transactions') FROM audit_records WHERE action = 'guard attested')"
    " SELECT chain, books, CAST(at AS text) AS at, count(*) AS rows FROM written"
    " WHERE (CAST(:chain AS text) IS NULL OR chain = :chain)"
    " AND NOT EXISTS (SELECT FROM recorded WHERE recorded.chain = written.chain AND recorded.at = written.at)"
    " AND CAST(at AS text) NOT IN (SELECT attested.at FROM attested)"
    " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
NEWEST = text(
    "SELECT id, chain, seq, at, who, action, after FROM audit_records WHERE action = 'guard attested'"
    " ORDER BY id DESC LIMIT 1"
)
APPEND = text(
    "SELECT append_to_record(CAST(session_user AS text), NULL, NULL, NULL, NULL, NULL, ARRAY['guard attested'],"
    " CAST(ARRAY[NULL] AS text[]), CAST(ARRAY[NULL] AS text[]), CAST(ARRAY[NULL] AS text[]),"
    " CAST(ARRAY[NULL] AS text[]), ARRAY[CAST(:after AS text)])"
)


def attest(connection: Connection, why: str) -> int:
    """Answers, in the record, for the guard as it stands and for what was written without a record: so many rows.

    Only who owns the tables may; the record has the name that he logged in by. Raises ProgrammingError.
    """
    found = connection.execute(UNRECORDED, {"chain": None}).all()
    rows: dict[str, int] = {}
    for row in found:
        rows[row.books] = rows.get(row.books, 0) + row.rows
    told = {
        "why": why,
        "rows": rows,
        "transactions": sorted({row.at for row in found}, key=int),
        "guard": standing(connection),
    }
    connection.execute(APPEND, {"after": as_json(told)})
    return sum(rows.values())


def is_there(connection: Connection) -> bool:
    """False in a database of before migration 0017."""
    return connection.scalar(text("SELECT to_regclass('public.unrecorded_changes') IS NOT NULL")) is True


def standing(connection: Connection) -> dict[str, list[str]]:
    """Each part of the guard with whether it is on, and its version: another after any change, even one taken back."""
    return {row.part: [row.state, row.version] for row in connection.execute(STANDING)}


def guard_faults(connection: Connection) -> Iterator[Fault]:
    """The first part of the guard that does not stand as it was last attested."""
    newest = connection.execute(NEWEST).one_or_none()
    if newest is None:
        yield Fault(GUARD, 0, "guard", "nobody ever attested how it stands: python -m storage.migrations attest")
        return
    was, now = newest.after["guard"], standing(connection)
    differing = [part for part in sorted(was.keys() | now.keys()) if was.get(part) != now.get(part)]
    if differing:
        first = differing[0]
        more = f", and {len(differing) - 1} more parts of the guard" if len(differing) > 1 else ""
        says = f"{first} {_became(was.get(first), now.get(first))}{more}, since {named(newest)}"
        yield Fault(GUARD, 0, "guard", says, at=newest.at)


def _became(was: list[str] | None, now: list[str] | None) -> str:
    if now is None:
        return "is gone"
    if was is None:
        return "was added"
    return "is switched off" if now[0] == "off" else "was altered, or switched off and on again"


def unrecorded_faults(connection: Connection, chain: str | None) -> Iterator[Fault]:
    """Of each account, and of the market, what was written last by a transaction with no record of it."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(UNRECORDED, {"chain": chain}):
        found.setdefault(row.chain, []).append(f"{row.rows} of {row.books} by transaction {row.at}")
    for of, rows in found.items():
        yield Fault(of, 0, "unrecorded", f"rows were written that no record is of: {', '.join(rows)}")


def attested(connection: Connection) -> Mapping[str, Any] | None:
    """Who last answered for the guard, when and why; None where nobody did."""
    row = connection.execute(NEWEST).one_or_none()
    if row is None:
        return None
    return {"at": moment(row.at), "by": row.who, "why": row.after["why"], "rows": sum(row.after["rows"].values())}
