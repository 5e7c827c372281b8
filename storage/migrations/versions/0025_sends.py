"""When a venue's orders are sent: in its session, kept for the next open, or at any time (DAY-6)."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Adds the column of `storage.schema.venues`; what is there already does as such a venue does of itself."""
    op.add_column("venue_terms", sa.Column("sends", sa.Text(), nullable=True))
    known = "sends IN ('any_time', 'in_session', 'next_open')"
    op.create_check_constraint(op.f("ck_venue_terms_sends_known"), "venue_terms", known)


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
