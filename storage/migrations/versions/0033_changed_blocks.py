"""A block's order whose fills the venue changed after its last word is marked, until the block is allocated anew."""

from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """No row is written again: of what is there nothing is marked."""
    op.execute("ALTER TABLE block_orders ADD COLUMN changed_at TIMESTAMP WITH TIME ZONE")
    op.execute("CREATE INDEX ix_block_orders_changed ON block_orders (block_id) WHERE changed_at IS NOT NULL")


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
