"""What an approval names: the digest of a rebalance's plan, and whether it is a liquidation; who approved unseen.

The columns are nullable or have a constant default, so no row is written again; the plans that wait for an approval get
their digest, as somebody may have looked at them already.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Adds them to `rebalances` and `request_accounts`."""
    op.add_column("rebalances", sa.Column("plan_digest", sa.Text(), nullable=True))
    op.add_column("rebalances", sa.Column("liquidation", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("request_accounts", sa.Column("unseen", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(
        "UPDATE rebalances SET plan_digest = encode(sha256(convert_to(plan::text, 'UTF8')), 'hex'), "
        "liquidation = coalesce((plan ->> 'liquidation')::boolean, false) "
        "WHERE stage = 'PENDING_APPROVAL' AND plan IS NOT NULL"
    )


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
