"""The tables of rebalance requests: what was asked for, and every account of it with what only the request knows."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from storage.schema.tables import MONEY, NOW, metadata

rebalance_requests = Table(
    "rebalance_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("start_key", Text, nullable=False),  # one start of its workflow, resets and continued runs included
    Column("workflow_id", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_subject", Text, nullable=True),  # where it was signed for: who asked, whatever they are called
    Column("chosen", JSONB, nullable=False),  # how its accounts were chosen: by name, from the queue, failed before
    Column("mode", Text, nullable=False),
    Column("approval", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount", MONEY, nullable=True),
    Column("overrides", JSONB, nullable=False, server_default=text("'[]'")),
    Column("accounts", Integer, nullable=False, server_default="0"),
    Column("stage", Text, nullable=False),
    Column("status", Text, nullable=True),  # null until it ends
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("ended_at", DateTime(timezone=True), nullable=True),
    CheckConstraint("stage IN ('RUNNING', 'PAUSED', 'ENDED')", name="stage_known"),
    CheckConstraint(
        "status IN ('COMPLETE', 'COMPLETE_WITH_ERRORS', 'FAILED', 'EXPIRED', 'CANCELED')", name="status_known"
    ),
    CheckConstraint("(stage = 'ENDED') = (status IS NOT NULL)", name="ended_has_status"),
    CheckConstraint("(stage = 'ENDED') = (ended_at IS NOT NULL)", name="ended_when"),
    Index("ix_rebalance_requests_started_at", "started_at"),
)

request_accounts = Table(
    "request_accounts",
    metadata,
    Column("request_id", ForeignKey("rebalance_requests.id"), primary_key=True),
    Column("position", Integer, primary_key=True),  # from 1: the order in which they are started
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    # STARTED: its rebalance says how it stands. Everything else is known here alone.
    Column("state", Text, nullable=False, server_default=text("'NOT_STARTED'")),
    Column("issue", Text, nullable=True),
    # What a person decided about the plan of a round, and whether the account's workflow has been told.
    Column("decision", Text, nullable=True),
    Column("decided_by", Text, nullable=True),
    Column("decided_why", Text, nullable=True),
    Column("decided_round", Integer, nullable=True),
    Column("unseen", Boolean, nullable=False, server_default=false()),  # approved by somebody who did not look
    Column("decision_id", Text, nullable=True),  # of a decision that was signed: `decisions`
    Column("told_at", DateTime(timezone=True), nullable=True),
    Column("looked_at", DateTime(timezone=True), nullable=True),  # when its workflow was last seen to be alive
    UniqueConstraint("request_id", "account_id"),
    CheckConstraint("state IN ('NOT_STARTED', 'STARTED', 'BUSY', 'FAILED', 'CANCELED')", name="state_known"),
    CheckConstraint("decision IN ('approve', 'cancel')", name="decision_known"),
    CheckConstraint(
        "(decision IS NULL) = (decided_by IS NULL) AND (decision IS NULL) = (decided_round IS NULL)",
        name="decided_whole",
    ),
    Index(
        "ix_request_accounts_to_tell",
        "request_id",
        "position",
        postgresql_where=text("decision IS NOT NULL AND told_at IS NULL"),
    ),
)

account_holds = Table(
    "account_holds",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("until", Date, nullable=False),  # the last day on which requests from the queue leave the account out
    Column("why", Text, nullable=False),
    Column("held_by", Text, nullable=False),
    Column("held_at", DateTime(timezone=True), nullable=False, server_default=NOW),
)
