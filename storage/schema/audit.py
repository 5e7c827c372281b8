"""The tables of the record: audit records in chains, the seals over them, decisions round by round, histories.

They are only added to, by functions of the database (migration 0010): the application's role may call those, and read.
Triggers refuse to everybody that a row is changed or removed (migration 0003); `audit_heads` alone moves, forwards.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType

from storage.schema.tables import NOW, metadata


class Transaction(UserDefinedType[str]):
    """PostgreSQL's `xid8`: which transaction, in the order in which they were begun; it never starts anew."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Its name in SQL."""
        return "xid8"


ischema_names["xid8"] = Transaction

audit_general_chains = Sequence("audit_general_chains", metadata=metadata)

audit_records = Table(
    "audit_records",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("chain", Text, nullable=False),  # account/<id>, or general/<n> for what is of no account
    Column("seq", BigInteger, nullable=False),  # its place in the chain: 1, 2, 3 …
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("account_id", Text, nullable=True),
    Column("rebalance_id", Text, nullable=True),
    Column("rule", Text, nullable=True),
    Column("rules_version", Text, nullable=True),
    Column("policy_version", Text, nullable=True),
    Column("workflow_id", Text, nullable=True),
    Column("run_id", Text, nullable=True),
    Column("activity", Text, nullable=True),
    # JSON and not JSONB: what was recorded is kept byte for byte, as its hash was taken over it.
    Column("before", JSON(none_as_null=True), nullable=True),
    Column("after", JSON(none_as_null=True), nullable=True),
    Column("previous", LargeBinary, nullable=False),  # the hash of the record before it in its chain
    Column("hash", LargeBinary, nullable=False),
    # No part of what is hashed: by it whoever follows the record misses nothing that commits late.
    Column("written_in", Transaction, nullable=True, server_default=text("pg_current_xact_id()")),
    UniqueConstraint("chain", "seq"),
    Index("ix_audit_records_account_id_id", "account_id", "id"),
    Index("ix_audit_records_rebalance_id", "rebalance_id", postgresql_where=text("rebalance_id IS NOT NULL")),
    Index("ix_audit_records_at", "at"),
    Index("ix_audit_records_written_in", "written_in", "id"),
)

# Whose transactions records were written in: a record is of the era of the largest `behind` before its id (0036).
record_eras = Table(
    "record_eras",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3 …
    Column("token", Text, nullable=False, unique=True),  # in cursors: two restores of one backup are not the same era
    Column("server", Text, nullable=False),
    Column("behind", BigInteger, nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False, server_default=NOW),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("at", DateTime(timezone=True), nullable=True),  # of its last record; null where 0009 or before wrote that
    Column("moved_in", BigInteger, nullable=True),  # the transaction that last added to it
    Index("ix_audit_heads_general", text("length(chain)"), "chain", postgresql_where=text("chain LIKE 'general/%'")),
)

audit_seals = Table(
    "audit_seals",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # 1, 2, 3 …
    Column("sealed_at", DateTime(timezone=True), nullable=False),
    Column("sealed_by", Text, nullable=False),
    Column("chains", Integer, nullable=False),  # that moved since the seal before
    Column("records", BigInteger, nullable=False),  # that they moved by
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

audit_seal_heads = Table(
    "audit_seal_heads",
    metadata,
    Column("seal_id", ForeignKey("audit_seals.id"), primary_key=True),
    Column("chain", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("ix_audit_seal_heads_chain_seal_id", "chain", "seal_id"),
)

seal_anchors = Table(
    "seal_anchors",
    metadata,
    Column("seal_id", ForeignKey("audit_seals.id"), primary_key=True),
    Column("anchor", Text, primary_key=True),  # which, like `file /anchors/seals.jsonl`
    Column("anchored_at", DateTime(timezone=True), nullable=False),
    Column("receipt", Text, nullable=False),  # what it answered: of a time stamp authority its answer, in base64
)

# What the open transactions changed of the books, until they commit and its records are found (migration 0017).
unrecorded_changes = Table(
    "unrecorded_changes",
    metadata,
    Column("transaction", BigInteger, primary_key=True, autoincrement=False),
    Column("chain", Text, primary_key=True),
    prefixes=["UNLOGGED"],
)

# Snapshots, policies and plans. Nothing refers to them by a foreign key: whoever adds a rebalance would lock the one
# policy that all of them share. What names one that is not there, `audit verify` finds.
documents = Table(
    "documents",
    metadata,
    Column("digest", Text, primary_key=True),  # SHA-256 of the content's text, in hexadecimal digits
    Column("content", JSON(none_as_null=True), nullable=False),  # JSON and not JSONB: byte for byte, order of keys too
)

rebalance_rounds = Table(
    "rebalance_rounds",
    metadata,
    Column("rebalance_id", ForeignKey("rebalances.id"), primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("rules_version", Text, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    # Of a release before 0027, until they are moved to `documents`.
    Column("snapshot", JSON(none_as_null=True), nullable=True),
    Column("policy", JSON(none_as_null=True), nullable=True),
    Column("plan", JSON(none_as_null=True), nullable=True),
    Column("snapshot_digest", Text, nullable=True),
    Column("policy_digest", Text, nullable=True),
    Column("plan_digest", Text, nullable=True),  # null where a check refused the account
)

workflow_histories = Table(
    "workflow_histories",
    metadata,
    Column("workflow_id", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("first_run_id", Text, nullable=False),  # the same for every run of one start, resets included
    Column("workflow_type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True), nullable=False),
    Column("events", Integer, nullable=False),
    Column("sha256", LargeBinary, nullable=False),  # of the history's JSON text
    Column("content", LargeBinary, nullable=False),  # that text, compressed with gzip
    Column("archived_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Index("ix_workflow_histories_closed_at", "closed_at"),
)
