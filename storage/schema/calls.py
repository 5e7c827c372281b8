"""The table of the API's writes: each idempotency key with what was asked under it, and what was answered."""

from sqlalchemy import CheckConstraint, Column, Date, DateTime, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from storage.schema.tables import NOW, metadata

api_calls = Table(
    "api_calls",
    metadata,
    Column("subject", Text, primary_key=True),  # keys are each caller's own
    Column("key", Text, primary_key=True),
    Column("asked", Text, nullable=False),  # SHA-256 of method, path and body
    Column("day", Date, nullable=False),  # on which it was asked first: ids that are made of it stay the same
    Column("begun_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("status", Integer, nullable=True),  # null: under way, or cut off
    Column("headers", JSONB, nullable=True),
    Column("body", JSONB, nullable=True),
    CheckConstraint("(status IS NULL) = (headers IS NULL)", name="answered_whole"),
    Index("ix_api_calls_begun_at", "begun_at"),
)
