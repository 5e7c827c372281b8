"""A bust or correction through FIX is of the trade date of what it busts or corrects, whenever it comes."""

from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    """No row is written again: what was booked of corrections stays as it was booked."""
    op.execute("ALTER TABLE fix.executions ADD COLUMN traded_on DATE")


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
