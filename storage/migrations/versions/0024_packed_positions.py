"""Packed positions: what an account holds as one row, taken away whenever its positions are written."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

ENTRIES = """
    CREATE FUNCTION packed_entries(account text) RETURNS bytea LANGUAGE sql STABLE STRICT AS $$
      SELECT coalesce(string_agg(entry, '' ORDER BY entry), '') FROM (
        SELECT int4send(coalesce(-m.number, y.number)) || int4send(y.number) || float8send(CAST(h.quantity AS float8))
          AS entry
        FROM public.sleeves s JOIN public.holdings h ON h.sleeve_id = s.id
          JOIN public.securities y ON y.symbol = h.symbol LEFT JOIN public.models m ON m.id = s.model_id
        WHERE s.account_id = account AND s.status = 'open' AND s.kind <> 'protected'
        UNION ALL
        SELECT int4send(coalesce(-m.number, 0)) || int4send(0) || float8send(CAST(s.cash AS float8))
        FROM public.sleeves s LEFT JOIN public.models m ON m.id = s.model_id
        WHERE s.account_id = account AND s.status = 'open' AND s.kind <> 'protected' AND s.cash <> 0
      ) entries
    $$
"""
# A function for each way in which a table changes: what changed is a table of another name in each.
FUNCTION = """
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      DELETE FROM packed_positions WHERE account_id IN ({accounts});
      RETURN NULL;
    END $$
"""
ACCOUNTS = {
    "sleeves": "SELECT account_id FROM changed",
    "holdings": "SELECT account_id FROM sleeves WHERE id IN (SELECT sleeve_id FROM changed)",
}
EVENTS = {"INSERT": "NEW TABLE AS changed", "UPDATE": "NEW TABLE AS changed", "DELETE": "OLD TABLE AS changed"}


def upgrade() -> None:
    """Makes the table and its triggers; numbers for securities and models. Rows are packed after the migration."""
    for table in ("securities", "models"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN number integer GENERATED ALWAYS AS IDENTITY")
        op.create_unique_constraint(op.f(f"uq_{table}_number"), table, ["number"])
    op.create_table(
        "packed_positions",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("entries", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_packed_positions_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_packed_positions")),
    )
    op.execute(ENTRIES)
    op.execute("ALTER TABLE packed_positions ALTER COLUMN entries SET STORAGE EXTERNAL")  # read whole, and often
    for table, accounts in ACCOUNTS.items():
        op.execute(FUNCTION.format(name=f"{table}_unpack", accounts=accounts))
        for event, changed in EVENTS.items():
            op.execute(
                f"CREATE TRIGGER {table}_unpack_{event.lower()} AFTER {event} ON {table} REFERENCING {changed}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_unpack()"
            )


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
