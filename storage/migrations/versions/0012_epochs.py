"""Epochs of the installation, the kill switch, and fills beyond what was ordered."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes `installation_epochs` and `sending_halts`; an overfill is kept, and breaks say what kind they are."""
    op.create_table(
        "installation_epochs",
        sa.Column("number", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("database", sa.Text(), nullable=False),
        sa.Column("begun_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("begun_by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_installation_epochs")),
        sa.UniqueConstraint("epoch", name=op.f("uq_installation_epochs_epoch")),
    )
    op.create_table(
        "sending_halts",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("halted_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("halted_by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("resumed_at", MOMENT, nullable=True),
        sa.Column("resumed_by", sa.Text(), nullable=True),
        sa.Column("resumed_why", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(resumed_at IS NULL) = (resumed_by IS NULL) AND (resumed_at IS NULL) = (resumed_why IS NULL)",
            name=op.f("ck_sending_halts_resumed_whole"),
        ),
        sa.CheckConstraint(
            "resumed_by IS NULL OR lower(btrim(resumed_by)) <> lower(btrim(halted_by))",
            name=op.f("ck_sending_halts_four_eyes"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending_halts")),
    )
    op.create_index("ix_sending_halts_open", "sending_halts", ["id"], postgresql_where=sa.text("resumed_at IS NULL"))
    _replace("orders", "never_overfilled", "filled_sane", "filled_quantity >= 0")
    _replace("breaks", "kind_known", "kind_known", "kind IN ('quantity', 'cash', 'overfill', 'foreign_answer')")


def _replace(table: str, old: str, new: str, condition: str) -> None:
    """A check takes another's place. It is looser, so no row has to be looked at while the table is held."""
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{old}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{new} CHECK ({condition}) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{new}")


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
