"""Tax: deferred and Roth accounts, and of which lot a sale was."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NUMBER = sa.Numeric(28, 12)


def upgrade() -> None:
    """More ways to be exempt; what a lot that was sold had cost, and since when it was held (null: not known)."""
    op.drop_constraint(op.f("ck_accounts_tax_status_known"), "accounts", type_="check")
    op.create_check_constraint(
        op.f("ck_accounts_tax_status_known"), "accounts", "tax_status IN ('taxable', 'exempt', 'deferred', 'roth')"
    )
    op.add_column("recent_sales", sa.Column("cost_per_share", NUMBER, nullable=True))
    op.add_column("recent_sales", sa.Column("acquired", sa.Date(), nullable=True))


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
