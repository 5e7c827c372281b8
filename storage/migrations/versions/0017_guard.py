"""No change of the books without its record: noted as it is made, and looked for when its transaction commits.

A transaction that changed something of an account, or of the market, and wrote no record of it, can't be committed, by
whomever. What is changed with this guard switched off, `audit verify` finds (`storage.record.guard`).
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

# The books by where a row says whose it is; what is of no account has its record in a general chain.
BY_ACCOUNT = ("sleeves", "restrictions", "withdrawals", "recent_sales", "breaks")
BY_SLEEVE = ("holdings", "lots")
MARKET = (
    "securities", "identifiers", "prices", "models", "model_holdings", "targets", "target_components", "book_days",
    "sending_halts",
)  # fmt: skip

NOTE = """
CREATE FUNCTION note_changes_{name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.unrecorded_changes (transaction, chain)
            SELECT DISTINCT txid_current(), {chain} FROM now_there AS changed {joined} ON CONFLICT DO NOTHING;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO public.unrecorded_changes (transaction, chain)
            SELECT DISTINCT txid_current(), {chain} FROM was_there AS changed {joined} ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO public.unrecorded_changes (transaction, chain)
            SELECT txid_current(), {chain} FROM now_there AS changed {joined}
            UNION SELECT txid_current(), {chain} FROM was_there AS changed {joined} ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$
"""
NOTES = {
    "of_accounts": {"chain": "'account/' || changed.id", "joined": ""},
    "by_account": {"chain": "'account/' || changed.account_id", "joined": ""},
    "by_sleeve": {
        "chain": "'account/' || sleeves.account_id",
        "joined": "JOIN public.sleeves AS sleeves ON sleeves.id = changed.sleeve_id",
    },
    "of_the_market": {"chain": "'general/'", "joined": ""},
}

LOOKED_FOR = """
CREATE FUNCTION a_change_has_its_record() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM public.unrecorded_changes AS noted
        WHERE noted.transaction = NEW.transaction AND noted.chain = NEW.chain;
    PERFORM FROM public.audit_heads AS heads WHERE heads.chain = NEW.chain AND heads.moved_in = NEW.transaction;
    IF NOT FOUND AND NEW.chain = 'general/' THEN
        PERFORM FROM public.audit_heads AS heads
            WHERE heads.chain LIKE 'general/%' AND heads.moved_in = NEW.transaction;
    END IF;
    IF NOT FOUND THEN
        -- A migration, or whoever else owns the tables, answers for all that its transaction changed.
        PERFORM FROM public.audit_heads AS heads WHERE heads.chain = 'guard' AND heads.moved_in = NEW.transaction;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% was changed without a record', CASE WHEN NEW.chain = 'general/' THEN 'the market'
            ELSE replace(NEW.chain, '/', ' ') END USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Makes what notes and what looks. Whoever migrates attests it afterwards (`storage.migrations.upgrade`)."""
    op.create_table(
        "unrecorded_changes",
        sa.Column("transaction", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("transaction", "chain", name=op.f("pk_unrecorded_changes")),
        prefixes=["UNLOGGED"],
    )
    op.execute("REVOKE INSERT, UPDATE, DELETE ON unrecorded_changes FROM rebalancer_app")
    for name, where in NOTES.items():
        op.execute(sa.text(NOTE.format(name=name, **where)))
        op.execute(f"REVOKE ALL ON FUNCTION note_changes_{name}() FROM PUBLIC")
    op.execute(sa.text(LOOKED_FOR.replace(":", "\\:")))
    op.execute("REVOKE ALL ON FUNCTION a_change_has_its_record() FROM PUBLIC")
    op.execute(
        "CREATE CONSTRAINT TRIGGER has_its_record AFTER INSERT ON unrecorded_changes DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION a_change_has_its_record()"
    )
    _note(("accounts",), "of_accounts")
    _note(BY_ACCOUNT, "by_account")
    _note(BY_SLEEVE, "by_sleeve")
    _note(MARKET, "of_the_market")


def _note(tables: tuple[str, ...], name: str) -> None:
    seen = {
        "INSERT": "NEW TABLE AS now_there",
        "UPDATE": "OLD TABLE AS was_there NEW TABLE AS now_there",
        "DELETE": "OLD TABLE AS was_there",
    }
    for table in tables:
        for what, rows in seen.items():
            op.execute(
                f"CREATE TRIGGER noted_on_{what.lower()} AFTER {what} ON {table} REFERENCING {rows}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION note_changes_{name}()"
            )


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
