"""The record: audit records in chains and under seals, decisions by round, histories; and a role that only adds to it.

The role `rebalancer_app` is what workers and commands log in as. Whoever migrates makes it, where it is not there and
he may; its password is the installation's business (docs/deploying.md).
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON

from storage.record.chain import Link, account_chain, beginning, general_chain

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("now()")
KEPT = ("audit_records", "audit_seals", "audit_seal_heads", "rebalance_rounds", "workflow_histories")


def upgrade() -> None:
    """Makes the tables of `storage.schema.audit`, chains the records that are there, and guards them all."""
    op.execute(sa.schema.CreateSequence(sa.Sequence("audit_general_chains")))
    op.add_column("rebalances", sa.Column("rules_version", sa.Text(), nullable=True))
    _heads_and_seals()
    _chains()
    _rounds()
    _histories()
    _guard()
    _role()


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")


def _heads_and_seals() -> None:
    """Where each chain ends, and the seals over all ends."""
    op.create_table(
        "audit_heads",
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "audit_seals",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed_at", MOMENT, nullable=False),
        sa.Column("sealed_by", sa.Text(), nullable=False),
        sa.Column("chains", sa.Integer(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_seals")),
    )
    op.create_table(
        "audit_seal_heads",
        sa.Column("seal_id", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["seal_id"], ["audit_seals.id"], name=op.f("fk_audit_seal_heads_seal_id")),
        sa.PrimaryKeyConstraint("seal_id", "chain", name=op.f("pk_audit_seal_heads")),
    )
    op.create_index("ix_audit_seal_heads_chain_seal_id", "audit_seal_heads", ["chain", "seal_id"])


def _chains() -> None:
    """Makes links of the records: what an earlier release wrote is chained as it stands."""
    for name, kind in (
        ("chain", sa.Text()),
        ("seq", sa.BigInteger()),
        ("rules_version", sa.Text()),
        ("policy_version", sa.Text()),
        ("previous", sa.LargeBinary()),
        ("hash", sa.LargeBinary()),
    ):
        op.add_column("audit_records", sa.Column(name, kind, nullable=True))
    for name in ("before", "after"):
        op.alter_column("audit_records", name, type_=JSON(), postgresql_using=f"{name}::json")
    _chain_what_is_there()
    for name in ("chain", "seq", "previous", "hash"):
        op.alter_column("audit_records", name, nullable=False)
    op.create_unique_constraint(op.f("uq_audit_records_chain_seq"), "audit_records", ["chain", "seq"])
    op.create_index("ix_audit_records_at", "audit_records", ["at"])


def _chain_what_is_there() -> None:
    connection = op.get_bind()
    connection.execute(
        sa.text("UPDATE audit_records SET chain = coalesce('account/' || account_id, :general)"),
        {"general": general_chain(1)},
    )
    found = connection.execute(
        sa.text(
            "SELECT id, chain, at, who, action, account_id, rebalance_id, rule, workflow_id, run_id, activity,"
            " before::text AS before, after::text AS after FROM audit_records ORDER BY chain, id"
        )
    )
    for chain, rows in groupby(found, key=lambda row: row.chain):
        head = beginning(chain)
        seq = 0
        for seq, link in _links(rows):
            place = {"id": link.id, "seq": seq, "previous": head, "hash": (head := link.hash(head))}
            connection.execute(
                sa.text("UPDATE audit_records SET seq = :seq, previous = :previous, hash = :hash WHERE id = :id"), place
            )
        connection.execute(
            sa.text("INSERT INTO audit_heads VALUES (:chain, :seq, :hash)"), {"chain": chain, "seq": seq, "hash": head}
        )
        if chain != account_chain(chain.partition("/")[2]):
            connection.execute(sa.text("SELECT nextval('audit_general_chains')"))


def _links(rows: Iterator[sa.Row[Any]]) -> Iterator[tuple[int, Link]]:
    for seq, row in enumerate(rows, start=1):
        yield seq, Link(**row._mapping, seq=seq, rules_version=None, policy_version=None)


def _rounds() -> None:
    """What each round of a rebalance decided from, and what it decided."""
    op.create_table(
        "rebalance_rounds",
        sa.Column("rebalance_id", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("rules_version", sa.Text(), nullable=False),
        sa.Column("decided_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("snapshot", JSON(), nullable=False),
        sa.Column("policy", JSON(), nullable=False),
        sa.Column("plan", JSON(), nullable=True),
        sa.ForeignKeyConstraint(["rebalance_id"], ["rebalances.id"], name=op.f("fk_rebalance_rounds_rebalance_id")),
        sa.PrimaryKeyConstraint("rebalance_id", "round", name=op.f("pk_rebalance_rounds")),
    )


def _histories() -> None:
    """Workflow histories, kept longer than Temporal's retention."""
    op.create_table(
        "workflow_histories",
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("first_run_id", sa.Text(), nullable=False),
        sa.Column("workflow_type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("archived_at", MOMENT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("workflow_id", "run_id", name=op.f("pk_workflow_histories")),
    )
    op.create_index("ix_workflow_histories_closed_at", "workflow_histories", ["closed_at"])


def _guard() -> None:
    """Refuses every change of the record, to the owner of the tables too."""
    op.execute(
        """
        CREATE FUNCTION the_record_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the record is only added to: % of % is refused', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'check_violation';
        END $$
        """
    )
    refuse = "EXECUTE FUNCTION the_record_is_only_added_to()"
    for table in KEPT:
        op.execute(f"CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {refuse}")
    for table in (*KEPT, "audit_heads"):
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}")
    op.execute(f"CREATE TRIGGER never_removed BEFORE DELETE ON audit_heads FOR EACH ROW {refuse}")
    op.execute(
        "CREATE TRIGGER moves_forwards BEFORE UPDATE ON audit_heads FOR EACH ROW"
        f" WHEN (NEW.chain <> OLD.chain OR NEW.seq <= OLD.seq) {refuse}"
    )


def _role() -> None:
    """The application's role: works with every table, those of later migrations too; only reads and adds to these."""
    op.execute(
        """
        DO $$
        DECLARE maintain text := CASE WHEN current_setting('server_version_num')::int >= 170000
            THEN ', MAINTAIN' ELSE '' END;  -- ANALYZE after a load; before PostgreSQL 17 autovacuum alone does it
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rebalancer_app') THEN
                BEGIN
                    CREATE ROLE rebalancer_app NOLOGIN;
                EXCEPTION
                    WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's migration made it
                    WHEN insufficient_privilege THEN RAISE EXCEPTION
                        'the role rebalancer_app is missing and % may not make it: as an administrator, '
                        'CREATE ROLE rebalancer_app LOGIN PASSWORD ''…''', current_user
                        USING ERRCODE = 'insufficient_privilege';
                END;
            END IF;
            EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO rebalancer_app', current_database());
            GRANT USAGE ON SCHEMA public, paper TO rebalancer_app;
            GRANT USAGE ON ALL SEQUENCES IN SCHEMA public, paper TO rebalancer_app;
            ALTER DEFAULT PRIVILEGES IN SCHEMA public, paper GRANT USAGE ON SEQUENCES TO rebalancer_app;
            EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE' || maintain
                || ' ON ALL TABLES IN SCHEMA public, paper TO rebalancer_app';
            EXECUTE 'ALTER DEFAULT PRIVILEGES IN SCHEMA public, paper GRANT SELECT, INSERT, UPDATE, DELETE' || maintain
                || ' ON TABLES TO rebalancer_app';
        END $$
        """
    )
    op.execute(f"REVOKE UPDATE, DELETE ON {', '.join(KEPT)} FROM rebalancer_app")
    op.execute("REVOKE DELETE ON audit_heads FROM rebalancer_app")
    op.execute("REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM rebalancer_app")
