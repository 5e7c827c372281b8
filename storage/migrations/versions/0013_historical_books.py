"""A historical book says that it is one (DAY-3): until now that was concluded from its day, and called pinned."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Whatever was concluded of the book that is there holds on."""
    op.alter_column("book_days", "pinned", new_column_name="historical", nullable=True)
    op.alter_column("book_days", "historical", nullable=False)  # anew, so that its constraint is named after it


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
