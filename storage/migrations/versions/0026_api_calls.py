"""Writes of the API: idempotency keys, and what was answered under each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Makes the table of `storage.schema.calls`."""
    op.create_table(
        "api_calls",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", postgresql.JSONB(), nullable=True),
        sa.Column("body", postgresql.JSONB(), nullable=True),
        sa.CheckConstraint("(status IS NULL) = (headers IS NULL)", name=op.f("ck_api_calls_answered_whole")),
        sa.PrimaryKeyConstraint("subject", "key", name=op.f("pk_api_calls")),
    )
    op.create_index(op.f("ix_api_calls_begun_at"), "api_calls", ["begun_at"])


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
