"""The table of webhooks: where events are sent, signed with what, and how far each has got."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from storage.schema.tables import NOW, metadata

NO_ACTIONS = text("'{}'::text[]")

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("actions", ARRAY(Text), nullable=False, server_default=NO_ACTIONS),  # none: events of every action
    Column("secret", Text, nullable=True),  # it signs, so that it can't be kept as a hash; null once removed
    Column("former_secret", Text, nullable=True),
    Column("former_until", DateTime(timezone=True), nullable=True),
    Column("added_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("added_by", Text, nullable=False),
    Column("place_era", Integer, nullable=False, server_default=text("1")),
    Column("place_transaction", Text, nullable=False),  # behind it is what was not sent yet: see `record.following`
    Column("place_id", BigInteger, nullable=False),
    Column("delivered_at", DateTime(timezone=True), nullable=True),
    Column("failing_since", DateTime(timezone=True), nullable=True),
    Column("failure", Text, nullable=True),
    Column("disabled_at", DateTime(timezone=True), nullable=True),
    Column("removed_at", DateTime(timezone=True), nullable=True),
    CheckConstraint("(failing_since IS NULL) = (failure IS NULL)", name="failing_whole"),
    CheckConstraint("(former_secret IS NULL) = (former_until IS NULL)", name="former_whole"),
    CheckConstraint("(secret IS NULL) = (removed_at IS NOT NULL)", name="signs_until_removed"),
    Index("ix_webhooks_here", "added_at", "id", postgresql_where=text("removed_at IS NULL")),
)
