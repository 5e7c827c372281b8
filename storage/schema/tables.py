"""The tables of what is known: market, targets, accounts, their sleeves and the queue. `tables_execution` has the rest.

What must never be is a constraint here: one open queue entry an account, one open model sleeve an account and model,
no negative quantity, weights in range, versions that only rise.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from domain.queue import REASONS

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

MONEY = Numeric(28, 12)  # exact amounts and quantities; what is cash is in whole cents
WEIGHT = Numeric(28, 12)
NOW = text("now()")


def _weight(name: str) -> CheckConstraint:
    return CheckConstraint(f"{name} >= 0 AND {name} <= 1", name=f"{name}_in_range")


# --- the market ------------------------------------------------------------------------------------------------

securities = Table(
    "securities",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("quantity_increment", MONEY, nullable=False),
    Column("type", Text, nullable=True),
    Column("asset_class", Text, nullable=True),
    Column("identical_group", Text, nullable=True),  # WASH-3: all of a group are one security
    Column("worthless", Boolean, nullable=False, server_default=text("false")),  # priced 0, and never traded
    Column("number", Integer, Identity(always=True), nullable=False, unique=True),  # in packed positions
    CheckConstraint("quantity_increment > 0", name="increment_above_zero"),
)

prices = Table(
    "prices",
    metadata,
    Column("symbol", ForeignKey("securities.symbol"), primary_key=True),
    Column("as_of", Date, primary_key=True),
    Column("price", MONEY, nullable=False),
    CheckConstraint("price > 0", name="price_above_zero"),
    Index("ix_prices_as_of", "as_of"),
)

models = Table(
    "models",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("manager", Text, nullable=False),
    Column("investment_minimum", MONEY, nullable=False),
    Column("version", Integer, nullable=False),
    Column("number", Integer, Identity(always=True), nullable=False, unique=True),  # in packed positions
    CheckConstraint("investment_minimum >= 0", name="minimum_not_negative"),
    CheckConstraint("version >= 1", name="version_from_one"),
)

model_holdings = Table(
    "model_holdings",
    metadata,
    Column("model_id", ForeignKey("models.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("symbol", ForeignKey("securities.symbol"), nullable=True),  # null: cash
    Column("weight", WEIGHT, nullable=False),
    UniqueConstraint("model_id", "version", "symbol", postgresql_nulls_not_distinct=True),
    _weight("weight"),
)

targets = Table(
    "targets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("policy", JSONB, nullable=False, server_default=text("'{}'")),
    CheckConstraint("version >= 1", name="version_from_one"),
)

target_components = Table(
    "target_components",
    metadata,
    Column("target_id", ForeignKey("targets.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("model_id", ForeignKey("models.id"), nullable=True),
    Column("symbol", ForeignKey("securities.symbol"), nullable=True),
    Column("sub_target_id", ForeignKey("targets.id", deferrable=True, initially="DEFERRED"), nullable=True),
    Column("weight", WEIGHT, nullable=False),
    Column(
        "threshold", JSONB(none_as_null=True), nullable=True
    ),  # {"relative"} or {"lower", "upper"}, decimals as strings
    Column("precision", JSONB(none_as_null=True), nullable=True),
    _weight("weight"),
    CheckConstraint(
        "(kind = 'model') = (model_id IS NOT NULL) AND (kind = 'security') = (symbol IS NOT NULL)"
        " AND (kind = 'target') = (sub_target_id IS NOT NULL) AND kind IN ('model', 'security', 'target', 'cash')",
        name="kind_names_what",
    ),
)

# --- accounts --------------------------------------------------------------------------------------------------

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("custodian", Text, nullable=False),
    Column("custodian_account", Text, nullable=True),  # its number there, which files may name instead of the id
    Column("tax_status", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("lot_relief", Text, nullable=True),
    Column("gain_budget", MONEY, nullable=True),
    Column("rebalancing", Boolean, nullable=False),
    Column("target_id", ForeignKey("targets.id"), nullable=True),
    Column("rebalanced_target_id", Text, nullable=True),  # what it was last rebalanced to; null: unknown or nothing
    Column("rebalanced_target_version", Integer, nullable=True),
    Column("first_rebalanced", Date, nullable=True),  # to that target, which need not be the present one
    Column("policy", JSONB, nullable=False, server_default=text("'{}'")),
    Column("household_id", Text, nullable=True),
    CheckConstraint("tax_status IN ('taxable', 'exempt', 'deferred', 'roth')", name="tax_status_known"),
    CheckConstraint("status IN ('open', 'frozen', 'closed')", name="status_known"),
    CheckConstraint("gain_budget >= 0", name="gain_budget_not_negative"),
    CheckConstraint(
        "(rebalanced_target_id IS NULL) = (rebalanced_target_version IS NULL)"
        " AND (rebalanced_target_id IS NULL) = (first_rebalanced IS NULL)",
        name="rebalanced_whole",
    ),
    Index("ix_accounts_target_id", "target_id"),
    Index(
        "ix_accounts_custodian_account",
        "custodian_account",
        postgresql_where=text("custodian_account IS NOT NULL"),
    ),
    # The daily evaluation's way through the accounts, in the order of keys. Other orders of text can't use it.
    Index("ix_accounts_evaluated", text('id COLLATE "C"'), postgresql_where=text("rebalancing")),
    Index("ix_accounts_household_id", "household_id", postgresql_where=text("household_id IS NOT NULL")),
)

sleeves = Table(
    "sleeves",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("model_id", ForeignKey("models.id"), nullable=True),
    Column("status", Text, nullable=False, server_default="open"),
    Column("cash", MONEY, nullable=False, server_default="0"),
    Column("opened_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("closed_at", DateTime(timezone=True), nullable=True),
    CheckConstraint("kind IN ('managed', 'model', 'protected')", name="kind_known"),
    CheckConstraint("(kind = 'model') = (model_id IS NOT NULL)", name="model_named"),
    CheckConstraint("status IN ('open', 'closed')", name="status_known"),
    CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed_when"),
    Index(
        "uq_sleeves_open",
        "account_id",
        "kind",
        "model_id",
        unique=True,
        postgresql_where=text("status = 'open'"),
        postgresql_nulls_not_distinct=True,
    ),
    Index("ix_sleeves_model_id_account_id", "model_id", "account_id", postgresql_where=text("status = 'open'")),
    # A signal's way through the accounts that hold a model, in the order of keys.
    Index(
        "ix_sleeves_model_id_in_order",
        "model_id",
        text('account_id COLLATE "C"'),
        postgresql_where=text("status = 'open'"),
    ),
)

holdings = Table(
    "holdings",
    metadata,
    Column("sleeve_id", ForeignKey("sleeves.id", ondelete="CASCADE"), primary_key=True),
    Column("symbol", ForeignKey("securities.symbol"), primary_key=True),
    Column("quantity", MONEY, nullable=False),
    CheckConstraint("quantity > 0", name="quantity_above_zero"),
    Index("ix_holdings_symbol", "symbol"),
)

lots = Table(
    "lots",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("sleeve_id", BigInteger, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("quantity", MONEY, nullable=False),
    Column("cost_per_share", MONEY, nullable=True),  # null: basis unknown
    Column("acquired", Date, nullable=True),
    ForeignKeyConstraint(["sleeve_id", "symbol"], ["holdings.sleeve_id", "holdings.symbol"], ondelete="CASCADE"),
    CheckConstraint("quantity > 0", name="quantity_above_zero"),
    CheckConstraint("cost_per_share >= 0", name="cost_not_negative"),
    Index("ix_lots_sleeve_id_symbol", "sleeve_id", "symbol"),
)

packed_positions = Table(
    "packed_positions",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), primary_key=True),
    Column("entries", LargeBinary, nullable=False),  # `storage.packing`; missing: packed while it is read
)

restrictions = Table(
    "restrictions",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("type", Text, nullable=False),
    Column("symbol", ForeignKey("securities.symbol"), nullable=False),
    Column("destination", Text, nullable=True),  # pro_rata or cash
    Column("substitute", ForeignKey("securities.symbol"), nullable=True),
    Column("hold", Boolean, nullable=False, server_default="false"),
    Column("starts", Date, nullable=True),
    Column("until", Date, nullable=True),
    CheckConstraint("until >= starts", name="ends_after_start"),
)

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("amount", MONEY, nullable=False),
    Column("due", Date, nullable=False),
    CheckConstraint("amount > 0", name="amount_above_zero"),
)

recent_sales = Table(
    "recent_sales",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("symbol", ForeignKey("securities.symbol"), nullable=False),
    Column("sold", Date, nullable=False),
    Column("quantity", MONEY, nullable=False),
    Column("gain", MONEY, nullable=False),
    Column("cost_per_share", MONEY, nullable=True),  # of the lot that was sold; null: not known
    Column("acquired", Date, nullable=True),
    Column("rebalance_id", ForeignKey("rebalances.id"), nullable=True),  # null: a book states the sale
    CheckConstraint("quantity > 0", name="quantity_above_zero"),
)

# --- the queue -------------------------------------------------------------------------------------------------

# A reason's place, and a bit for each: so that a page of the queue, and its counts, are read from one index.
_PLACES = " ".join(f"WHEN '{code}' THEN {at}" for at, code in enumerate(REASONS[:-1], start=1))
_RANK = f"CASE primary_reason {_PLACES} ELSE {len(REASONS)} END"
_BITS = " + ".join(f"(reasons ? '{code}')::int{f' * {1 << at}' if at else ''}" for at, code in enumerate(REASONS))

queue_entries = Table(
    "queue_entries",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("queued_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("reasons", JSONB, nullable=False),  # reason code -> evidence
    Column("primary_reason", Text, nullable=False),
    Column("last_issue", Text, nullable=True),
    Column("left_at", DateTime(timezone=True), nullable=True),
    Column("left_because", Text, nullable=True),
    Column("rank", SmallInteger, Computed(_RANK, persisted=True), nullable=False),
    Column("reason_bits", SmallInteger, Computed(_BITS, persisted=True), nullable=False),
    CheckConstraint("reasons <> '{}'::jsonb AND reasons ? primary_reason", name="has_reason"),
    CheckConstraint(
        "primary_reason IN ('NO_TARGET', 'FIRST_REBALANCE', 'TARGET_CHANGED', 'LOW_CASH', 'HIGH_CASH',"
        " 'OUTSIDE_TOLERANCE', 'TOGGLED_ON', 'MANUAL')",
        name="reason_known",
    ),
    Index("uq_queue_entries_open", "account_id", unique=True, postgresql_where=text("left_at IS NULL")),
    Index(
        "ix_queue_entries_in_order",
        "rank",
        text('account_id COLLATE "C"'),
        postgresql_include=["reason_bits"],
        postgresql_where=text("left_at IS NULL"),
    ),
)

# --- the business day ------------------------------------------------------------------------------------------

book_days = Table(
    "book_days",
    metadata,
    Column("single", Boolean, primary_key=True, server_default="true"),  # one row: the last book's
    Column("as_of", Date, nullable=False),
    # True where the book was already older than the allowed price age when it was loaded (a historical book): prices
    # are then judged from its day. Otherwise they are judged from today's date, and grow stale.
    Column("historical", Boolean, nullable=False),
    Column("policy", JSONB, nullable=False),  # the numbers that the book overrides
    CheckConstraint("single", name="one_row"),
)
