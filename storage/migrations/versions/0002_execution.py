"""What happens: rebalances, orders and breaks, evaluations, the audit record, and the paper custodian's ledger."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON, JSONB

revision = "0002"
down_revision = "0001"

NUMBER = sa.Numeric(28, 12)
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes the tables of `storage.schema.execution`."""
    op.execute(sa.schema.CreateSequence(sa.Sequence("rebalance_numbers")))
    op.execute("CREATE SCHEMA paper")
    _rebalances()
    _evaluations()
    _audit()
    _paper()


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")


def _rebalances() -> None:
    """Rebalances, their orders, and what did not agree afterwards."""
    op.create_table(
        "rebalances",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("start_key", sa.Text(), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("workflow_started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("approval", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("overrides", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("started_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("issue", sa.Text(), nullable=True),
        sa.Column("round", sa.Integer(), server_default="1", nullable=False),
        sa.Column("snapshot", JSON(), nullable=True),
        sa.Column("policy", JSON(), nullable=True),
        sa.Column("plan", JSON(), nullable=True),
        sa.Column("execution", JSON(), nullable=True),
        sa.Column("result", JSON(), nullable=True),
        sa.CheckConstraint("(stage = 'ENDED') = (ended_at IS NOT NULL)", name=op.f("ck_rebalances_ended_when")),
        sa.CheckConstraint("(stage = 'ENDED') = (status IS NOT NULL)", name=op.f("ck_rebalances_ended_has_status")),
        sa.CheckConstraint(
            "stage IN ('CHECKING', 'PENDING_APPROVAL', 'EXECUTING', 'RECONCILING', 'ENDED')",
            name=op.f("ck_rebalances_stage_known"),
        ),
        sa.CheckConstraint(
            "status IN ('COMPLETE', 'COMPLETE_WITH_ERRORS', 'FAILED', 'EXPIRED', 'CANCELED')",
            name=op.f("ck_rebalances_status_known"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_rebalances_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rebalances")),
        sa.UniqueConstraint("start_key", name=op.f("uq_rebalances_start_key")),
    )
    op.create_index("ix_rebalances_account_id_started_at", "rebalances", ["account_id", "started_at"])
    op.create_index(
        "ix_rebalances_request_id", "rebalances", ["request_id"], postgresql_where=sa.text("request_id IS NOT NULL")
    )
    op.create_index("ix_rebalances_started_at", "rebalances", ["started_at"])
    op.create_index(
        "uq_rebalances_under_way",
        "rebalances",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("stage <> 'ENDED'"),
    )
    op.create_table(
        "orders",
        sa.Column("rebalance_id", sa.Text(), nullable=False),
        sa.Column("leg", sa.Integer(), nullable=False),
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("planned_quantity", NUMBER, nullable=False),
        sa.Column("quantity", NUMBER, nullable=False),
        sa.Column("price", NUMBER, nullable=False),
        sa.Column("allocations", JSONB(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("filled_quantity", NUMBER, server_default="0", nullable=False),
        sa.Column("filled_amount", NUMBER, server_default="0", nullable=False),
        sa.Column("venue_reason", sa.Text(), nullable=True),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("booked_at", MOMENT, nullable=True),
        sa.CheckConstraint("side IN ('sell', 'buy')", name=op.f("ck_orders_side_known")),
        sa.CheckConstraint(
            "status IN ('NEW', 'SENT', 'FILLED', 'PARTIALLY_FILLED', 'REJECTED', 'CANCELED', 'EXPIRED')",
            name=op.f("ck_orders_status_known"),
        ),
        sa.CheckConstraint(
            "filled_quantity >= 0 AND filled_quantity <= quantity", name=op.f("ck_orders_never_overfilled")
        ),
        sa.CheckConstraint(
            "quantity >= 0 AND planned_quantity > 0 AND quantity <= planned_quantity",
            name=op.f("ck_orders_quantity_sane"),
        ),
        sa.ForeignKeyConstraint(["rebalance_id"], ["rebalances.id"], name=op.f("fk_orders_rebalance_id")),
        sa.ForeignKeyConstraint(["symbol"], ["securities.symbol"], name=op.f("fk_orders_symbol")),
        sa.PrimaryKeyConstraint("rebalance_id", "leg", name=op.f("pk_orders")),
        sa.UniqueConstraint("client_order_id", name=op.f("uq_orders_client_order_id")),
    )
    op.create_table(
        "breaks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("rebalance_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=True),
        sa.Column("expected", NUMBER, nullable=False),
        sa.Column("actual", NUMBER, nullable=False),
        sa.Column("opened_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("resolved_at", MOMENT, nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('quantity', 'cash')", name=op.f("ck_breaks_kind_known")),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (resolved_by IS NULL) AND (resolved_at IS NULL) = (note IS NULL)",
            name=op.f("ck_breaks_resolved_whole"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_breaks_account_id")),
        sa.ForeignKeyConstraint(["rebalance_id"], ["rebalances.id"], name=op.f("fk_breaks_rebalance_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breaks")),
    )
    op.create_index(
        "uq_breaks_open",
        "breaks",
        ["account_id", "kind", "symbol"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )


def _evaluations() -> None:
    """Daily evaluations, page by page, and what they could not check."""
    op.create_table(
        "evaluations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("started_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("evaluated", sa.Integer(), server_default="0", nullable=False),
        sa.Column("queued", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("unable_to_check", sa.Integer(), server_default="0", nullable=False),
        sa.Column("within", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
    )
    op.create_table(
        "evaluation_pages",
        sa.Column("evaluation_id", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("last", sa.Text(), nullable=False),
        sa.Column("result", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["evaluation_id"], ["evaluations.id"], name=op.f("fk_evaluation_pages_evaluation_id")),
        sa.PrimaryKeyConstraint("evaluation_id", "after", name=op.f("pk_evaluation_pages")),
    )
    op.create_table(
        "evaluation_notes",
        sa.Column("evaluation_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("evidence", JSONB(), nullable=False),
        sa.CheckConstraint("kind IN ('unable_to_check', 'within')", name=op.f("ck_evaluation_notes_kind_known")),
        sa.ForeignKeyConstraint(["evaluation_id"], ["evaluations.id"], name=op.f("fk_evaluation_notes_evaluation_id")),
        sa.PrimaryKeyConstraint("evaluation_id", "account_id", name=op.f("pk_evaluation_notes")),
    )


def _audit() -> None:
    """The audit record."""
    op.create_table(
        "audit_records",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", MOMENT, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("rebalance_id", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("workflow_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("activity", sa.Text(), nullable=True),
        sa.Column("before", JSONB(), nullable=True),
        sa.Column("after", JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_records")),
    )
    op.create_index("ix_audit_records_account_id_id", "audit_records", ["account_id", "id"])
    op.create_index(
        "ix_audit_records_rebalance_id",
        "audit_records",
        ["rebalance_id"],
        postgresql_where=sa.text("rebalance_id IS NOT NULL"),
    )


def _paper() -> None:
    """The paper custodian's own ledger."""
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("cash", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_accounts")),
        schema="paper",
    )
    op.create_table(
        "positions",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("quantity", NUMBER, nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_positions_quantity_above_zero")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["paper.accounts.account_id"], name=op.f("fk_positions_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "symbol", name=op.f("pk_positions")),
        schema="paper",
    )
    op.create_table(
        "orders",
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("quantity", NUMBER, nullable=False),
        sa.Column("price", NUMBER, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("filled_quantity", NUMBER, nullable=False),
        sa.Column("filled_amount", NUMBER, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("received_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("client_order_id", name=op.f("pk_orders")),
        schema="paper",
    )
