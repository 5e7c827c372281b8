"""A rebalance keeps the versions of what its snapshot was taken from: one question tells whether any changed since."""

from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """No row is written again: of those under way the snapshot is compared, as before."""
    op.execute("ALTER TABLE rebalances ADD COLUMN seen TEXT")


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
