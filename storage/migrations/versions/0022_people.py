"""People who sign in, and what they decided; and who asked for what, by subject.

The application's role may read the public keys and whether decisions have to be signed, and no more of them: both are
changed by who owns the tables (`rebalancer keys`, `rebalancer people`). Of decisions it keeps more, and changes none.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0022"
down_revision = "0021"

NEW = (
    "people", "sessions", "passkeys", "challenges", "api_tokens", "setup_links", "sign_in_failures", "signing_keys",
    "identity_settings", "decisions", "shown_lists", "shown_plans",
)  # fmt: skip
RIGHTS = {
    "people": "INSERT, UPDATE (name, password_hash, roles, signed_in_at, removed_at)",
    "sessions": "INSERT, UPDATE (used_at, ended_at)",
    "passkeys": "INSERT, UPDATE (uses, used_at, removed_at)",
    "challenges": "INSERT, DELETE",
    "api_tokens": "INSERT, UPDATE (used_at, ended_at)",
    "setup_links": "INSERT, UPDATE (used_at)",
    "sign_in_failures": "INSERT, DELETE",
    "decisions": "INSERT",
    "shown_lists": "INSERT",
    "shown_plans": "INSERT",
}
ONLY_ADDED_TO = ("decisions", "shown_lists", "shown_plans")
AT = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    """Makes the tables of `storage.schema.people`, with the rights that the application needs and no wider."""
    _people()
    _secrets()
    _proof()
    for table in ("rebalances", "rebalance_requests"):
        op.add_column(table, sa.Column("requested_subject", sa.Text(), nullable=True))
    for table in ("request_accounts",):
        op.add_column(table, sa.Column("decision_id", sa.Text(), nullable=True))
    op.execute(f"REVOKE ALL ON {', '.join(NEW)} FROM rebalancer_app")
    op.execute(f"GRANT SELECT ON {', '.join(NEW)} TO rebalancer_app")
    for table, rights in RIGHTS.items():
        op.execute(f"GRANT {rights} ON {table} TO rebalancer_app")
    refuse = "EXECUTE FUNCTION the_record_is_only_added_to()"
    for table in ONLY_ADDED_TO:
        op.execute(f"CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {refuse}")
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}")
    op.execute("INSERT INTO identity_settings (id, identity, set_by) VALUES (1, 'asserted', 'migration 0022')")


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("roles", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("added_at", AT, server_default=NOW, nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("signed_in_at", AT, nullable=True),
        sa.Column("removed_at", AT, nullable=True),
        sa.CheckConstraint(
            "subject LIKE 'local:%' OR subject LIKE 'oidc:%'".replace(":", "\\:"), name=op.f("ck_people_subject_known")
        ),
        sa.CheckConstraint("name <> '' AND length(name) <= 200", name=op.f("ck_people_name_sane")),
        sa.CheckConstraint(
            "roles <@ ARRAY['viewer', 'operator', 'approver', 'auditor', 'admin']::text[]",
            name=op.f("ck_people_roles_known"),
        ),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_people")),
    )
    op.execute("CREATE UNIQUE INDEX uq_people_name ON people (lower(name)) WHERE removed_at IS NULL")


def _of_somebody(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["subject"], ["people.subject"], name=op.f(f"fk_{table}_subject"))


def _secrets() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("opened_at", AT, nullable=False),
        sa.Column("used_at", AT, nullable=False),
        sa.Column("ended_at", AT, nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.CheckConstraint("how IN ('password', 'passkey', 'oidc')", name=op.f("ck_sessions_how_known")),
        _of_somebody("sessions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("hash", name=op.f("uq_sessions_hash")),
    )
    op.create_index("ix_sessions_subject", "sessions", ["subject"])
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("rp_id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("added_at", AT, server_default=NOW, nullable=False),
        sa.Column("used_at", AT, nullable=True),
        sa.Column("removed_at", AT, nullable=True),
        _of_somebody("passkeys"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
    )
    op.create_index("ix_passkeys_subject", "passkeys", ["subject"])
    op.create_table(
        "challenges",
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("good_until", AT, nullable=False),
        sa.CheckConstraint("purpose IN ('register', 'sign-in')", name=op.f("ck_challenges_purpose_known")),
        sa.PrimaryKeyConstraint("challenge", name=op.f("pk_challenges")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("roles", ARRAY(sa.Text()), nullable=False),
        sa.Column("made_at", AT, server_default=NOW, nullable=False),
        sa.Column("good_until", AT, nullable=False),
        sa.Column("used_at", AT, nullable=True),
        sa.Column("ended_at", AT, nullable=True),
        _of_somebody("api_tokens"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_tokens_hash")),
    )
    op.create_index("ix_api_tokens_subject", "api_tokens", ["subject"])
    op.create_table(
        "setup_links",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("good_until", AT, nullable=False),
        sa.Column("used_at", AT, nullable=True),
        _of_somebody("setup_links"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_setup_links")),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_failures")),
    )
    op.create_index("ix_sign_in_failures_of_at", "sign_in_failures", ["of", "at"])


def _proof() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("added_at", AT, server_default=NOW, nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("retired_at", AT, nullable=True),
        sa.Column("retired_why", sa.Text(), nullable=True),
        sa.CheckConstraint("(retired_at IS NULL) = (retired_why IS NULL)", name=op.f("ck_signing_keys_retired_whole")),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_keys")),
    )
    op.create_table(
        "identity_settings",
        sa.Column("id", sa.Integer(), autoincrement=False, server_default="1", nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("set_at", AT, server_default=NOW, nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_identity_settings_only_one")),
        sa.CheckConstraint("identity IN ('asserted', 'signed')", name=op.f("ck_identity_settings_identity_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_settings")),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("verified_at", AT, server_default=NOW, nullable=False),
        _of_somebody("decisions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_table(
        "shown_lists",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("shown_to", sa.Text(), nullable=False),
        sa.Column("shown_at", AT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_shown_lists")),
    )
    op.create_table(
        "shown_plans",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("rebalance_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["shown_lists.digest"], name=op.f("fk_shown_plans_digest")),
        sa.PrimaryKeyConstraint("digest", "rebalance_id", name=op.f("pk_shown_plans")),
    )


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
