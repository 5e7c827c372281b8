"""A venue's terms may have blocks allocated in lots of so many shares (ALLOC-6)."""

from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Off until somebody sets it."""
    op.execute("ALTER TABLE venue_terms ADD COLUMN de_minimis INTEGER")
    op.execute("ALTER TABLE venue_terms ADD CONSTRAINT ck_venue_terms_de_minimis_above_one CHECK (de_minimis > 1)")


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
