"""The tables of files as they come: the files, the names by which securities are known elsewhere, corporate actions."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from storage.schema.tables import NOW, metadata

delivered_files = Table(
    "delivered_files",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("sha256", Text, nullable=False),  # of the file as it came
    Column("kind", Text, nullable=False),  # what it was loaded as: positions, prices, model, actions
    Column("name", Text, nullable=False),
    Column("feed", Text, nullable=True),  # null: in our own format
    Column("bytes", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),  # zlib
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("received_by", Text, nullable=False),
    UniqueConstraint("sha256", "kind"),
)

identifiers = Table(
    "identifiers",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("scheme", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("starts", Date, nullable=True),
    Column("until", Date, nullable=True),
    Column("symbol", ForeignKey("securities.symbol"), nullable=False),
    CheckConstraint("scheme IN ('cusip', 'isin', 'sedol', 'figi', 'occ', 'alias')", name="scheme_known"),
    CheckConstraint("starts <= until", name="days_in_order"),
    UniqueConstraint("scheme", "value", "symbol", "starts", postgresql_nulls_not_distinct=True),
    Index("ix_identifiers_symbol", "symbol"),
)

corporate_actions = Table(
    "corporate_actions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("symbol", ForeignKey("securities.symbol"), nullable=False),
    Column("day", Date, nullable=False),  # from which it counts
    Column("terms", JSONB, nullable=False),
    Column("applied_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("applied_by", Text, nullable=False),
    CheckConstraint("kind IN ('split', 'reverse_split', 'symbol_change', 'cash_dividend')", name="kind_known"),
    Index("ix_corporate_actions_symbol", "symbol"),
)
