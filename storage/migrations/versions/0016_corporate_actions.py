"""Corporate actions: what was applied, once each; a security's new symbol in what a version held."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"

KINDS = "'split', 'reverse_split', 'symbol_change', 'cash_dividend'"


def upgrade() -> None:
    """Makes the table of `storage.schema.feeds`; versions may take a new symbol that is on record, and nothing else."""
    op.create_table(
        "corporate_actions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("terms", JSONB(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.CheckConstraint(f"kind IN ({KINDS})", name=op.f("ck_corporate_actions_kind_known")),
        sa.ForeignKeyConstraint(["symbol"], ["securities.symbol"], name=op.f("fk_corporate_actions_symbol")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corporate_actions")),
    )
    op.create_index("ix_corporate_actions_symbol", "corporate_actions", ["symbol"])
    op.execute(
        """
        CREATE OR REPLACE FUNCTION version_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'symbol' = to_jsonb(OLD) - 'symbol' AND EXISTS (
                SELECT FROM corporate_actions
                WHERE kind = 'symbol_change' AND symbol = OLD.symbol AND terms ->> 'to' = NEW.symbol
            ) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'what a version held is kept: % is only added to', TG_TABLE_NAME
                USING ERRCODE = 'check_violation';
        END $$
        """
    )


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
