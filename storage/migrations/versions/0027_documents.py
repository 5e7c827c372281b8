"""Snapshots, policies and plans are kept once, each under the SHA-256 of its text, which rows then name.

What rows hold themselves stays where it is until it is moved, some at a time, after the migration
(`storage.migrations.filling`): a round may be changed in that one way, and in no other.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON

revision = "0027"
down_revision = "0026"

# What somebody changed past the guard comes back when the same text is kept again; whoever keeps it records that.
KEEP_DOCUMENT = """
CREATE FUNCTION keep_document(given text, OUT digest text, OUT mended boolean)
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    digest := encode(sha256(convert_to(given, 'UTF8')), 'hex');
    mended := false;
    INSERT INTO public.documents AS kept (digest, content) VALUES (keep_document.digest, given::json)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        UPDATE public.documents AS kept SET content = given::json
            WHERE kept.digest = keep_document.digest AND kept.content::text <> given;
        mended := FOUND;
    END IF;
END $$
"""

ONLY_MENDED = """
CREATE FUNCTION a_document_is_only_mended() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.digest <> OLD.digest OR NEW.digest <> encode(sha256(convert_to(NEW.content::text, 'UTF8')), 'hex') THEN
        RAISE EXCEPTION 'the record is only added to: UPDATE of documents is refused'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""

KEEP_ROUND = """
CREATE OR REPLACE FUNCTION keep_round(of text, rules text)
RETURNS TABLE (round integer, rules_version text, snapshot text, policy text, plan text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.rebalance_rounds AS kept (
        rebalance_id, round, rules_version, snapshot_digest, policy_digest, plan_digest
    )
    -- A plan without a version is of a release that noted none: of rules 1. What a check refused is of today's.
    SELECT id, round, coalesce(rules_version, CASE WHEN coalesce(plan::text, plan_digest) IS NULL THEN rules
            ELSE '1' END),
        -- What is in the row itself was written by a release before, later than what the row names.
        coalesce((public.keep_document(snapshot::text)).digest, snapshot_digest),
        coalesce((public.keep_document(policy::text)).digest, policy_digest),
        coalesce((public.keep_document(plan::text)).digest, plan_digest)
    FROM public.rebalances WHERE id = of AND coalesce(snapshot::text, snapshot_digest) IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING kept.round, kept.rules_version, kept.snapshot_digest, kept.policy_digest, kept.plan_digest
$$
"""

ROUND_HAS_ITS_RECORD = """
CREATE OR REPLACE FUNCTION a_round_has_its_record() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.audit_records AS records
        WHERE records.rebalance_id = NEW.rebalance_id AND records.action = 'decision kept'
            AND records.after ->> 'round' = NEW.round::text
            AND records.after ->> 'rules_version' = NEW.rules_version
            AND records.after ->> 'snapshot' = NEW.snapshot_digest
            AND records.after ->> 'policy' = NEW.policy_digest
            AND records.after ->> 'plan' IS NOT DISTINCT FROM NEW.plan_digest
    ) OR EXISTS (
        SELECT FROM unnest(ARRAY[NEW.snapshot_digest, NEW.policy_digest, NEW.plan_digest]) AS named (digest)
        WHERE named.digest IS NOT NULL
            AND NOT EXISTS (SELECT FROM public.documents WHERE documents.digest = named.digest)
    ) THEN
        RAISE EXCEPTION 'round % of % is kept without its record', NEW.round, NEW.rebalance_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""

ONLY_MOVED = """
CREATE FUNCTION a_round_is_only_moved() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moved public.rebalance_rounds := NEW;
BEGIN
    moved.snapshot_digest := OLD.snapshot_digest;
    moved.policy_digest := OLD.policy_digest;
    moved.plan_digest := OLD.plan_digest;
    moved.snapshot := OLD.snapshot;
    moved.policy := OLD.policy;
    moved.plan := OLD.plan;
    IF OLD.snapshot_digest IS NOT NULL OR moved::text IS DISTINCT FROM OLD::text
        OR coalesce(NEW.snapshot::text, NEW.policy::text, NEW.plan::text) IS NOT NULL
        OR ARRAY[NEW.snapshot_digest, NEW.policy_digest, NEW.plan_digest] IS DISTINCT FROM ARRAY(
            SELECT encode(sha256(convert_to(held.content, 'UTF8')), 'hex')
            FROM unnest(ARRAY[OLD.snapshot::text, OLD.policy::text, OLD.plan::text])
                WITH ORDINALITY AS held (content, n)
            ORDER BY held.n
        )
        OR NEW.snapshot_digest IS NULL OR NEW.policy_digest IS NULL
    THEN
        RAISE EXCEPTION 'the record is only added to: UPDATE of rebalance_rounds is refused'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    """Makes the table and its guard, and columns that name its rows; none is written again, nothing is moved yet."""
    op.create_table(
        "documents",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("content", JSON(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_documents")),
    )
    op.execute("REVOKE INSERT, UPDATE, DELETE ON documents FROM rebalancer_app")
    refuse = "EXECUTE FUNCTION the_record_is_only_added_to()"
    op.execute(f"CREATE TRIGGER only_added_to BEFORE DELETE ON documents FOR EACH ROW {refuse}")
    op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON documents FOR EACH STATEMENT {refuse}")
    for name in ("snapshot", "policy", "execution"):
        op.add_column("rebalances", sa.Column(f"{name}_digest", sa.Text(), nullable=True))
    for name in ("snapshot", "policy", "plan"):
        op.add_column("rebalance_rounds", sa.Column(f"{name}_digest", sa.Text(), nullable=True))
    for name in ("snapshot", "policy"):
        op.alter_column("rebalance_rounds", name, nullable=True)
    for function in (KEEP_DOCUMENT, ONLY_MENDED, KEEP_ROUND, ROUND_HAS_ITS_RECORD, ONLY_MOVED):
        op.execute(sa.text(function.replace(":", "\\:")))
    op.execute("REVOKE ALL ON FUNCTION keep_document(text) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION keep_document(text) TO rebalancer_app")
    op.execute("DROP TRIGGER only_added_to ON rebalance_rounds")
    op.execute(f"CREATE TRIGGER only_added_to BEFORE DELETE ON rebalance_rounds FOR EACH ROW {refuse}")
    op.execute(
        "CREATE TRIGGER only_mended BEFORE UPDATE ON documents"
        " FOR EACH ROW EXECUTE FUNCTION a_document_is_only_mended()"
    )
    op.execute(
        "CREATE TRIGGER only_moved BEFORE UPDATE ON rebalance_rounds"
        " FOR EACH ROW EXECUTE FUNCTION a_round_is_only_moved()"
    )


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
