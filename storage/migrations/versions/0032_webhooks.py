"""Webhooks: where events are sent, the secrets that sign them, and how far each has got.

The application adds one and moves it on; where it leads and who added it stays as it was, and no row is ever deleted.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0032"
down_revision = "0031"

AT = sa.DateTime(timezone=True)
NOW = sa.text("now()")
CHANGED = (
    "secret, former_secret, former_until, place_transaction, place_id, delivered_at, failing_since, failure,"
    " disabled_at, removed_at"
)


def upgrade() -> None:
    """Makes the table of `storage.schema.webhooks`, with the rights that the application needs and no wider."""
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("actions", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("former_secret", sa.Text(), nullable=True),
        sa.Column("former_until", AT, nullable=True),
        sa.Column("added_at", AT, server_default=NOW, nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("place_transaction", sa.Text(), nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", AT, nullable=True),
        sa.Column("failing_since", AT, nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("disabled_at", AT, nullable=True),
        sa.Column("removed_at", AT, nullable=True),
        sa.CheckConstraint("(failing_since IS NULL) = (failure IS NULL)", name=op.f("ck_webhooks_failing_whole")),
        sa.CheckConstraint("(former_secret IS NULL) = (former_until IS NULL)", name=op.f("ck_webhooks_former_whole")),
        sa.CheckConstraint("(secret IS NULL) = (removed_at IS NOT NULL)", name=op.f("ck_webhooks_signs_until_removed")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index("ix_webhooks_here", "webhooks", ["added_at", "id"], postgresql_where=sa.text("removed_at IS NULL"))
    op.execute("REVOKE ALL ON webhooks FROM rebalancer_app")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ({CHANGED}) ON webhooks TO rebalancer_app")


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
