"""The tables of people: who they are, how they sign in, and what they decided. Of secrets only hashes are here."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from storage.schema.tables import NOW, metadata

NO_ROLES = text("'{}'::text[]")

people = Table(
    "people",
    metadata,
    Column("subject", Text, primary_key=True),  # local:<id> or oidc:<issuer>|<sub>: for ever the same person's
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=True),
    Column("roles", ARRAY(Text), nullable=False, server_default=NO_ROLES),  # of OIDC: as of the last sign-in
    Column("added_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("added_by", Text, nullable=False),
    Column("signed_in_at", DateTime(timezone=True), nullable=True),
    Column("removed_at", DateTime(timezone=True), nullable=True),
    CheckConstraint("subject LIKE 'local:%' OR subject LIKE 'oidc:%'", name="subject_known"),
    CheckConstraint("name <> '' AND length(name) <= 200", name="name_sane"),
    CheckConstraint("roles <@ ARRAY['viewer', 'operator', 'approver', 'auditor', 'admin']::text[]", name="roles_known"),
    Index("uq_people_name", func.lower(text("name")), unique=True, postgresql_where=text("removed_at IS NULL")),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("subject", ForeignKey("people.subject"), nullable=False),
    Column("how", Text, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True), nullable=True),
    Column("address", Text, nullable=True),
    Column("device", Text, nullable=True),
    CheckConstraint("how IN ('password', 'passkey', 'oidc')", name="how_known"),
    Index("ix_sessions_subject", "subject"),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subject", ForeignKey("people.subject"), nullable=False),
    Column("label", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("uses", BigInteger, nullable=False),
    Column("rp_id", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("used_at", DateTime(timezone=True), nullable=True),
    Column("removed_at", DateTime(timezone=True), nullable=True),  # kept: what it vouched for is to be verified later
    Index("ix_passkeys_subject", "subject"),
)

challenges = Table(
    "challenges",
    metadata,
    Column("challenge", LargeBinary, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("subject", Text, nullable=True),
    Column("good_until", DateTime(timezone=True), nullable=False),
    CheckConstraint("purpose IN ('register', 'sign-in')", name="purpose_known"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("hint", Text, nullable=False),  # the first characters, by which its owner knows it again
    Column("subject", ForeignKey("people.subject"), nullable=False),
    Column("label", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("good_until", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True), nullable=True),
    Column("ended_at", DateTime(timezone=True), nullable=True),
    Index("ix_api_tokens_subject", "subject"),
)

setup_links = Table(
    "setup_links",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("subject", ForeignKey("people.subject"), nullable=False),
    Column("good_until", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True), nullable=True),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("of", Text, nullable=False),  # name:<name> or address:<address>
    Column("at", DateTime(timezone=True), nullable=False),
    Index("ix_sign_in_failures_of_at", "of", "at"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("public_key", Text, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("added_by", Text, nullable=False),
    Column("retired_at", DateTime(timezone=True), nullable=True),
    Column("retired_why", Text, nullable=True),
    CheckConstraint("(retired_at IS NULL) = (retired_why IS NULL)", name="retired_whole"),
)

identity_settings = Table(
    "identity_settings",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, server_default="1"),
    Column("identity", Text, nullable=False),
    Column("set_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("set_by", Text, nullable=False),
    CheckConstraint("id = 1", name="only_one"),
    CheckConstraint("identity IN ('asserted', 'signed')", name="identity_known"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Text, primary_key=True),  # the envelope's jti, the update's id, the idempotency key
    Column("subject", ForeignKey("people.subject"), nullable=False),
    Column("act", Text, nullable=False),
    Column("workflow_id", Text, nullable=False),
    Column("plan", Text, nullable=True),
    Column("envelope", Text, nullable=False),
    Column("verified_at", DateTime(timezone=True), nullable=False, server_default=NOW),
)

shown_lists = Table(
    "shown_lists",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("shown_to", Text, nullable=False),
    Column("shown_at", DateTime(timezone=True), nullable=False, server_default=NOW),
)

shown_plans = Table(
    "shown_plans",
    metadata,
    Column("digest", ForeignKey("shown_lists.digest"), primary_key=True),
    Column("rebalance_id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("plan", Text, nullable=False),
)
