"""Eras of the record: whose transactions its records were written in, so that after a restore nobody misses one.

A record's place is its transaction, and another server, or the same one back from a backup, counts those from
elsewhere. An era begins with the first record that is written on a server, and with each epoch that somebody begins
after a restore. No record is written again: those of an era are known by their ids, which go on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"

# Its server, and the timeline, another after each promotion: a copy on the same server counts on. Null on a standby,
# which begins nothing.
SERVER = """
CREATE FUNCTION record_server() RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN NOT pg_is_in_recovery() THEN
        concat_ws('/', system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8)) END
    FROM pg_control_system()
$$
"""

HERE = """
CREATE FUNCTION record_era_is_here() RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT server FROM public.record_eras ORDER BY number DESC LIMIT 1)
        = public.record_server(), false)
$$
"""

ADD = """
CREATE FUNCTION add_record_era() RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.record_eras (number, token, server, behind)
    SELECT coalesce(max(number), 0) + 1, left(gen_random_uuid()::text, 8), public.record_server(),
        coalesce((SELECT max(id) FROM public.audit_records), 0)
    FROM public.record_eras
$$
"""

# Whoever adds records holds the ends of their chains before he takes ids: all of them have to be done, or wait, so that
# no id up to the last of the era before is still to come.
BEGIN = """
CREATE FUNCTION begin_record_era() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE public.audit_heads IN EXCLUSIVE MODE;
    PERFORM public.add_record_era();
END $$
"""

# The first record of a session looks. On a server without an era of its own all that is there was restored, and nobody
# has written yet: who comes second waits here.
LOOK = """
CREATE FUNCTION a_record_is_of_an_era() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT public.record_era_is_here() THEN
        PERFORM pg_advisory_xact_lock(x'657261'::bigint);
        IF NOT public.record_era_is_here() THEN
            PERFORM public.add_record_era();
        END IF;
    END IF;
    PERFORM set_config('rebalancer.record_era', 'known', false);
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Records of before are the first era's: of this server, unless they were restored from another."""
    op.create_table(
        "record_eras",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("behind", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_record_eras")),
        sa.UniqueConstraint("token", name=op.f("uq_record_eras_token")),
    )
    op.execute("REVOKE ALL ON record_eras FROM rebalancer_app")
    op.execute("GRANT SELECT ON record_eras TO rebalancer_app")
    for each in (SERVER, HERE, ADD, BEGIN, LOOK):
        op.execute(sa.text(each.replace(":", "\\:")))
    op.execute("REVOKE ALL ON FUNCTION add_record_era(), begin_record_era(), a_record_is_of_an_era() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION begin_record_era() TO rebalancer_app")
    op.execute(
        "INSERT INTO record_eras (number, token, server, behind) SELECT 1, left(gen_random_uuid()\\:\\:text, 8),"
        " CASE WHEN EXISTS (SELECT FROM audit_records WHERE written_in > pg_current_xact_id()) THEN 'another'"
        " ELSE record_server() END, 0"
    )
    op.execute(
        "CREATE TRIGGER of_an_era BEFORE INSERT ON audit_records FOR EACH STATEMENT"
        " WHEN (current_setting('rebalancer.record_era', true) IS DISTINCT FROM 'known')"
        " EXECUTE FUNCTION a_record_is_of_an_era()"
    )
    op.add_column("webhooks", sa.Column("place_era", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.execute("GRANT UPDATE (place_era) ON webhooks TO rebalancer_app")


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
