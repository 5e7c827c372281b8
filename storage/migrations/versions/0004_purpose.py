"""What a rebalance is for: how much cash to raise or invest, or which signal it applies."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The purpose beside the kind; null is a full rebalance."""
    op.add_column("rebalances", sa.Column("purpose", JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
