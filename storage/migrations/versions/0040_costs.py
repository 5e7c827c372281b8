"""Commissions and fees: what a fill costs besides its price, of orders, blocks and executions (ALLOC-5)."""

from alembic import op

revision = "0040"
down_revision = "0039"

WITH_COSTS = (
    "orders",
    "block_orders",
    "block_fills",
    "fix.orders",
    "fix.executions",
    "paper.orders",
    "paper.events",
    "paper.block_orders",
    "paper.allocations",
)


def upgrade() -> None:
    """Nothing that was filled before has any: what brokers charged then is in the statements that were loaded since."""
    for table in WITH_COSTS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN costs NUMERIC(28, 12) DEFAULT '0' NOT NULL")
    op.execute("ALTER TABLE fix.orders ADD COLUMN calculated NUMERIC(28, 12)")


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
