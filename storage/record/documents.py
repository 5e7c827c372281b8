"""Documents: snapshots, policies and plans, each kept once, under the SHA-256 of its text.

Whoever decided something names its documents by that hash: a rebalance what it decides from now, a round what it was
decided from, and the audit record both. Two that are the same text are one row: the policy of a thousand rebalances,
or a plan that is executed as it stands. A document is added by a function of the database, which takes the hash itself,
and is never changed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, TextClause, func, select, text

from storage.record.chain import as_json
from storage.schema.audit import documents

# Documents that a statement keeps, to be named there by their place: `(SELECT digest FROM kept WHERE at = 1)`.
KEEPING = (
    "WITH kept AS (SELECT given.at, made.digest, made.mended"
    " FROM unnest(CAST(:contents AS text[])) WITH ORDINALITY AS given (content, at),"
    " LATERAL keep_document(given.content) AS made), done AS ({statement})"
    " SELECT kept.digest, kept.mended FROM kept ORDER BY kept.at"
)
# What releases before kept whole in its row, and who still waits for its turn to be moved here (`move_rounds`).
MOVE_ROUNDS = text(
    "WITH waiting AS (SELECT rebalance_id, round, (keep_document(CAST(snapshot AS text))).digest AS snapshot,"
    " (keep_document(CAST(policy AS text))).digest AS policy, (keep_document(CAST(plan AS text))).digest AS plan"
    " FROM rebalance_rounds WHERE rebalance_id >= :after AND snapshot IS NOT NULL"
    " ORDER BY rebalance_id LIMIT :most FOR UPDATE SKIP LOCKED),"
    " moved AS (UPDATE rebalance_rounds AS of SET snapshot = NULL, policy = NULL, plan = NULL,"
    " snapshot_digest = waiting.snapshot, policy_digest = waiting.policy, plan_digest = waiting.plan FROM waiting"
    " WHERE of.rebalance_id = waiting.rebalance_id AND of.round = waiting.round RETURNING of.rebalance_id)"
    " SELECT count(*), max(rebalance_id) FROM moved"
)
# Of rebalances that have ended alone: workers of a release before may still be at work on the others.
MOVE_REBALANCES = text(
    "WITH waiting AS (SELECT id, (keep_document(CAST(snapshot AS text))).digest AS snapshot,"
    " (keep_document(CAST(policy AS text))).digest AS policy, (keep_document(CAST(plan AS text))).digest AS plan,"
    " (keep_document(CAST(execution AS text))).digest AS execution"
    " FROM rebalances WHERE id > :after AND snapshot IS NOT NULL AND stage = 'ENDED'"
    " ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED),"
    " moved AS (UPDATE rebalances AS of SET snapshot = NULL, policy = NULL, plan = NULL, execution = NULL,"
    " snapshot_digest = waiting.snapshot, policy_digest = waiting.policy, plan_digest = waiting.plan,"
    " execution_digest = waiting.execution FROM waiting WHERE of.id = waiting.id RETURNING of.id)"
    " SELECT count(*), max(id) FROM moved"
)


def statement_keeping(statement: str) -> TextClause:
    """A statement that keeps documents where they are not there yet, and whose rows are what became of them, in order:
    of each its SHA-256 in hexadecimal digits, and whether what was kept under that hash was another text: then somebody
    went past the guard, and it is mended.
    """
    return text(KEEPING.format(statement=statement))


def keep(connection: Connection, keeping: TextClause, contents: Sequence[Any], values: Mapping[str, Any]) -> list[Any]:
    """Runs a statement that keeps documents; what became of them."""
    return list(connection.execute(keeping, {"contents": [as_json(each) for each in contents], **values}))


def content(of: Table, name: str) -> ColumnElement[Any]:
    """The document that a row names as `<name>_digest`; where a release before wrote it, what is in the row itself."""
    named = select(documents.c.content).where(documents.c.digest == of.c[f"{name}_digest"]).scalar_subquery()
    return func.coalesce(of.c[name], named).label(name)


def move_rounds(connection: Connection, most: int, after: str) -> tuple[int, str | None]:
    """Moves what up to so many rounds behind `after` hold themselves; how many, and the last rebalance of them."""
    return tuple(connection.execute(MOVE_ROUNDS, {"most": most, "after": after}).one())


def move_rebalances(connection: Connection, most: int, after: str) -> tuple[int, str | None]:
    """The same of rebalances that have ended."""
    return tuple(connection.execute(MOVE_REBALANCES, {"most": most, "after": after}).one())
