"""The daily evaluation at scale: its way through the accounts, and what it could not check by the kind of trouble."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """An index in the order of keys; counts and notes name the kind of trouble."""
    op.create_index(
        "ix_accounts_evaluated", "accounts", [sa.text('id COLLATE "C"')], postgresql_where=sa.text("rebalancing")
    )
    op.add_column("evaluations", sa.Column("unable", JSONB(), server_default=sa.text("'{}'"), nullable=False))
    op.add_column("evaluation_notes", sa.Column("why", sa.Text(), server_default="UNKNOWN", nullable=False))


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
