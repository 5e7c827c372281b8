"""Model signals and custodians' statements; a signal executes beside a rebalance that waits, never beside another."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"

NUMBER = sa.Numeric(28, 12)
MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    """Makes the tables of `storage.schema.deliveries`."""
    _signals()
    op.create_table(
        "custodian_statements",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("loaded_at", MOMENT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_custodian_statements_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_custodian_statements")),
    )


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")


def _signals() -> None:
    """The signals, and what a rebalance for one is: beside one that waits, but executing alone (EXEC-3)."""
    op.create_table(
        "model_signals",
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.Column("received_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("begun_at", MOMENT, nullable=True),
        sa.Column("largest_change", NUMBER, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("result", JSONB(), nullable=True),
        sa.CheckConstraint(
            "(begun_at IS NULL) = (largest_change IS NULL)", name=op.f("ck_model_signals_begun_with_change")
        ),
        sa.CheckConstraint("ended_at IS NULL OR begun_at IS NOT NULL", name=op.f("ck_model_signals_ended_after_begun")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_model_signals_model_id")),
        sa.PrimaryKeyConstraint("model_id", "version", name=op.f("pk_model_signals")),
    )
    op.drop_index("uq_rebalances_under_way", "rebalances")
    op.create_index(
        "uq_rebalances_under_way",
        "rebalances",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("stage <> 'ENDED' AND kind <> 'signal'"),
    )
    op.create_index(
        "uq_rebalances_executing",
        "rebalances",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("stage IN ('EXECUTING', 'RECONCILING')"),
    )
    op.create_index(
        "ix_sleeves_model_id_account_id",
        "sleeves",
        ["model_id", "account_id"],
        postgresql_where=sa.text("status = 'open'"),
    )
