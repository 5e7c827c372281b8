"""The tables of what others deliver: managers' signals, and custodians' statements."""

from sqlalchemy import CheckConstraint, Column, Date, DateTime, ForeignKey, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from storage.schema.tables import NOW, WEIGHT, metadata

model_signals = Table(
    "model_signals",
    metadata,
    Column("model_id", ForeignKey("models.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("received_by", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("begun_at", DateTime(timezone=True), nullable=True),
    Column("largest_change", WEIGHT, nullable=True),  # known once it is begun
    Column("ended_at", DateTime(timezone=True), nullable=True),  # null too where a newer version took its place
    Column("result", JSONB(none_as_null=True), nullable=True),
    CheckConstraint("(begun_at IS NULL) = (largest_change IS NULL)", name="begun_with_change"),
    CheckConstraint("ended_at IS NULL OR begun_at IS NOT NULL", name="ended_after_begun"),
)

custodian_statements = Table(
    "custodian_statements",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("as_of", Date, nullable=False),  # of the newest statement that the books were compared with
    Column("source", Text, nullable=False),
    Column("loaded_at", DateTime(timezone=True), nullable=False, server_default=NOW),
)
