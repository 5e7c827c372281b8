"""Orders that wait at a venue, what a venue may be asked, the paper venue's scenario, and how breaks were resolved."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"

NUMBER = sa.Numeric(28, 12)
MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    """Makes the tables of `storage.schema.venues`; orders may be WORKING; breaks say what was booked for them."""
    op.drop_constraint(op.f("ck_orders_status_known"), "orders", type_="check")
    op.create_check_constraint(
        op.f("ck_orders_status_known"),
        "orders",
        "status IN ('NEW', 'SENT', 'WORKING', 'FILLED', 'PARTIALLY_FILLED', 'REJECTED', 'CANCELED', 'EXPIRED')",
    )
    op.add_column("breaks", sa.Column("booked", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_table(
        "venue_terms",
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("orders_per_second", sa.Numeric(9, 3), nullable=True),
        sa.Column("patience_seconds", sa.Integer(), nullable=True),
        sa.Column("next_order_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", MOMENT, server_default=NOW, nullable=False),
        sa.CheckConstraint("orders_per_second > 0", name=op.f("ck_venue_terms_orders_per_second_above_zero")),
        sa.CheckConstraint("patience_seconds > 0", name=op.f("ck_venue_terms_patience_above_zero")),
        sa.PrimaryKeyConstraint("venue", name=op.f("pk_venue_terms")),
    )
    _paper()


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")


def _paper() -> None:
    """How the paper venue is told to behave, and what it has still to do."""
    op.create_table(
        "scenario",
        sa.Column("id", sa.Integer(), server_default="1", autoincrement=False, nullable=False),
        sa.Column("told", JSONB(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", MOMENT, server_default=NOW, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_scenario_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scenario")),
        schema="paper",
    )
    op.create_table(
        "lost_connections",
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("client_order_id", name=op.f("pk_lost_connections")),
        schema="paper",
    )
    op.create_table(
        "events",
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due", MOMENT, nullable=False),
        sa.Column("quantity", NUMBER, nullable=True),
        sa.Column("price", NUMBER, nullable=True),
        sa.CheckConstraint("kind IN ('fill', 'close')", name=op.f("ck_events_kind_known")),
        sa.CheckConstraint(
            "(kind = 'fill') = (quantity IS NOT NULL AND price IS NOT NULL)", name=op.f("ck_events_fill_whole")
        ),
        sa.ForeignKeyConstraint(
            ["client_order_id"], ["paper.orders.client_order_id"], name=op.f("fk_events_client_order_id")
        ),
        sa.PrimaryKeyConstraint("client_order_id", "kind", name=op.f("pk_events")),
        schema="paper",
    )
