"""Trade dates: the exchange's day on which the venue filled an order, from its answer (DAY-2)."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """What was filled before has none: it was booked on its plan's business day."""
    op.add_column("orders", sa.Column("trade_date", sa.Date(), nullable=True))
    op.add_column("orders", sa.Column("traded_on", sa.Date(), nullable=True), schema="paper")


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
