"""Appending to the record keeps the plans of its statements, whatever lists it is given: to make them anew for each
call took a quarter of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """What is chained, and how, stays."""
    lists = ", ".join(["text[]"] * 6)
    texts = ", ".join(["text"] * 6)
    op.execute(sa.text(f"ALTER FUNCTION append_to_record({texts}, {lists}) SET plan_cache_mode = force_generic_plan"))


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
