"""Where each seal's hash was kept outside of the database, and when: noted by the database's clock, only added to."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

NOTE = """
CREATE FUNCTION note_anchor(of bigint, place text, told text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.seal_anchors (seal_id, anchor, anchored_at, receipt)
        VALUES (of, place, clock_timestamp(), told) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$
"""


def upgrade() -> None:
    """Makes `seal_anchors`, which the application adds to by a function."""
    op.create_table(
        "seal_anchors",
        sa.Column("seal_id", sa.BigInteger(), nullable=False),
        sa.Column("anchor", sa.Text(), nullable=False),
        sa.Column("anchored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["seal_id"], ["audit_seals.id"], name=op.f("fk_seal_anchors_seal_id")),
        sa.PrimaryKeyConstraint("seal_id", "anchor", name=op.f("pk_seal_anchors")),
    )
    refuse = "EXECUTE FUNCTION the_record_is_only_added_to()"
    op.execute(f"CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON seal_anchors FOR EACH ROW {refuse}")
    op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON seal_anchors FOR EACH STATEMENT {refuse}")
    op.execute(NOTE)
    op.execute("REVOKE ALL ON FUNCTION note_anchor(bigint, text, text) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION note_anchor(bigint, text, text) TO rebalancer_app")
    op.execute("REVOKE INSERT, UPDATE, DELETE ON seal_anchors FROM rebalancer_app")


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
