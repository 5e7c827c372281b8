"""Rebalance requests: what was asked for, and every account of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"

NUMBER = sa.Numeric(28, 12)
MOMENT = sa.DateTime(timezone=True)
STATUSES = "'COMPLETE', 'COMPLETE_WITH_ERRORS', 'FAILED', 'EXPIRED', 'CANCELED'"


def upgrade() -> None:
    """Makes the tables of `storage.schema.requests`."""
    op.create_table(
        "rebalance_requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("start_key", sa.Text(), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("chosen", JSONB(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("approval", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", NUMBER, nullable=True),
        sa.Column("overrides", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("accounts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("started_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.CheckConstraint("stage IN ('RUNNING', 'PAUSED', 'ENDED')", name=op.f("ck_rebalance_requests_stage_known")),
        sa.CheckConstraint(f"status IN ({STATUSES})", name=op.f("ck_rebalance_requests_status_known")),
        sa.CheckConstraint(
            "(stage = 'ENDED') = (status IS NOT NULL)", name=op.f("ck_rebalance_requests_ended_has_status")
        ),
        sa.CheckConstraint("(stage = 'ENDED') = (ended_at IS NOT NULL)", name=op.f("ck_rebalance_requests_ended_when")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rebalance_requests")),
    )
    op.create_index("ix_rebalance_requests_started_at", "rebalance_requests", ["started_at"])
    op.create_table(
        "request_accounts",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'NOT_STARTED'"), nullable=False),
        sa.Column("issue", sa.Text(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_why", sa.Text(), nullable=True),
        sa.Column("decided_round", sa.Integer(), nullable=True),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.Column("looked_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "state IN ('NOT_STARTED', 'STARTED', 'BUSY', 'FAILED', 'CANCELED')",
            name=op.f("ck_request_accounts_state_known"),
        ),
        sa.CheckConstraint("decision IN ('approve', 'cancel')", name=op.f("ck_request_accounts_decision_known")),
        sa.CheckConstraint(
            "(decision IS NULL) = (decided_by IS NULL) AND (decision IS NULL) = (decided_round IS NULL)",
            name=op.f("ck_request_accounts_decided_whole"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_request_accounts_account_id")),
        sa.ForeignKeyConstraint(["request_id"], ["rebalance_requests.id"], name=op.f("fk_request_accounts_request_id")),
        sa.PrimaryKeyConstraint("request_id", "position", name=op.f("pk_request_accounts")),
        sa.UniqueConstraint("request_id", "account_id", name=op.f("uq_request_accounts_request_id_account_id")),
    )
    op.create_index(
        "ix_request_accounts_to_tell",
        "request_accounts",
        ["request_id", "position"],
        postgresql_where=sa.text("decision IS NOT NULL AND told_at IS NULL"),
    )


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
