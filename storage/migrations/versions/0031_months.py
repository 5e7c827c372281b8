"""What evaluations noted is kept by the month, so that old months can go: columns and functions; see `partitions`.

No row is written again: all that is there counts as begun on the day of the migration.
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"

TODAY = "(now() AT TIME ZONE 'UTC')::date"

# A partition's name tells its months: `…_2026_11` is one, `…_until_2027_01` all before.
MONTHS = r"""
CREATE VIEW month_partitions AS
    SELECT parent.relname::text AS parent, child.relname::text AS name,
        CASE WHEN child.relname ~ '_until_\d{4}_\d\d$' THEN date '-infinity' ELSE month.day END AS begins,
        CASE WHEN child.relname ~ '_until_\d{4}_\d\d$' THEN month.day ELSE (month.day + interval '1 month')::date END
            AS ends
    FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid JOIN pg_class AS parent ON parent.oid = inhparent,
        LATERAL (SELECT to_date(right(child.relname, 7), 'YYYY_MM') AS day) AS month
    WHERE parent.relkind = 'p' AND parent.relnamespace = 'public'::regnamespace AND child.relname ~ '_\d{4}_\d\d$'
"""

# What fell into a month that had no partition is in `…_other` until it gets one.
KEEP_PARTITIONS = """
CREATE FUNCTION keep_partitions(months_kept integer, OUT made text[], OUT dropped text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '400ms' AS $$
DECLARE
    this_month date := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC');
    of text;
    named text;
    first_day date;
    day_after date;
BEGIN
    IF months_kept < 1 THEN
        RAISE EXCEPTION 'at least one month is kept, not %', months_kept USING ERRCODE = 'check_violation';
    END IF;
    PERFORM pg_advisory_xact_lock(x'6d6f6e7468'::bigint);
    made := '{}';
    dropped := '{}';
    FOR of IN SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace ORDER BY 1 LOOP
        FOR ahead IN 0..3 LOOP
            first_day := this_month + make_interval(months => ahead);
            day_after := first_day + interval '1 month';
            named := of || to_char(first_day, '_YYYY_MM');
            CONTINUE WHEN EXISTS (SELECT FROM public.month_partitions AS there WHERE there.parent = of
                AND there.begins <= first_day AND there.ends > first_day);
            EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', named, of);
            EXECUTE format('WITH gone AS (DELETE FROM public.%I WHERE begun_on >= %L AND begun_on < %L RETURNING *)'
                ' INSERT INTO public.%I SELECT * FROM gone', of || '_other', first_day, day_after, named);
            EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                of, named, first_day, day_after);
            made := made || named;
        END LOOP;
        FOR named IN SELECT there.name FROM public.month_partitions AS there
            WHERE there.parent = of AND there.ends <= this_month - make_interval(months => months_kept) ORDER BY 1
        LOOP
            EXECUTE format('DROP TABLE public.%I', named);
            dropped := dropped || named;
        END LOOP;
    END LOOP;
END $$
"""

# One short moment in which nobody else has the table: what takes time was done before (`migrations.partitions`).
PARTITION = """
CREATE FUNCTION partition_by_month(of text, key text, upto date) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '400ms' AS $$
DECLARE
    before text := of || to_char(upto, '"_until"_YYYY_MM');
    filled boolean;
BEGIN
    EXECUTE format('LOCK TABLE public.%I, public.evaluations IN ACCESS EXCLUSIVE MODE', of);  -- as writers take them
    EXECUTE format('ALTER TABLE public.%I RENAME TO %I', of, before);
    EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT %I', before, 'pk_' || of);
    EXECUTE format('ALTER TABLE public.%I ADD CONSTRAINT %I PRIMARY KEY USING INDEX %I',
        before, 'pk_' || before, 'by_month_' || of);
    EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)'
        ' PARTITION BY RANGE (begun_on)', of, before);
    EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT before_months', of);
    EXECUTE format('ALTER TABLE public.%I ADD CONSTRAINT %I PRIMARY KEY (evaluation_id, %I, begun_on)',
        of, 'pk_' || of, key);
    EXECUTE format('ALTER TABLE public.%I ADD CONSTRAINT %I FOREIGN KEY (evaluation_id)'
        ' REFERENCES public.evaluations (id)', of, 'fk_' || of || '_evaluation_id');
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', before) INTO filled;
    IF filled THEN
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (MINVALUE) TO (%L)',
            of, before, upto);
        EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT before_months', before);
    ELSE
        EXECUTE format('DROP TABLE public.%I', before);
    END IF;
    EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I DEFAULT', of || '_other', of);
END $$
"""


def upgrade() -> None:
    """Adds the day on which an evaluation was begun, and what keeps its notes by the month of that day."""
    for table in ("evaluations", "evaluation_pages", "evaluation_notes"):
        op.add_column(table, sa.Column("begun_on", sa.Date(), server_default=sa.text(TODAY), nullable=False))
    for made in (MONTHS, KEEP_PARTITIONS, PARTITION):
        op.execute(sa.text(made.replace(":", "\\:")))
    op.execute("REVOKE INSERT, UPDATE, DELETE ON month_partitions FROM rebalancer_app")
    for function in ("keep_partitions(integer)", "partition_by_month(text, text, date)"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION keep_partitions(integer) TO rebalancer_app")


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
