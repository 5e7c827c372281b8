"""Appending to the record looks chains up by their names: plans that are kept (0039) were made while the table of
chains was small, or empty, and read all of it for each list once a load had filled it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    """What is chained, and how, stays."""
    lists = ", ".join(["text[]"] * 6)
    texts = ", ".join(["text"] * 6)
    op.execute(sa.text(f"ALTER FUNCTION append_to_record({texts}, {lists}) SET enable_seqscan = off"))


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
