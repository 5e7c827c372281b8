"""Which rebalance a sale is of: a book replaces the sales that it states, never those that we made ourselves."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Null: a book states the sale, or it was noted before we wrote down of which rebalance it is."""
    op.add_column("recent_sales", sa.Column("rebalance_id", sa.Text(), nullable=True))
    op.create_foreign_key(op.f("fk_recent_sales_rebalance_id"), "recent_sales", "rebalances", ["rebalance_id"], ["id"])


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
