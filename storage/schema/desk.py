"""The tables of the trading desk: legs that were handed over, blocks with their statement, fills and allocations."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Sequence,
    Table,
    Text,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

from storage.schema.execution import PAPER
from storage.schema.tables import MONEY, NOW, metadata

AT = DateTime(timezone=True)
NUMBER = BigInteger

block_numbers = Sequence("block_numbers", metadata=metadata)

desks = Table(
    "desks",
    metadata,
    Column("venue", Text, primary_key=True),
    Column("window_opened_at", AT, nullable=True),  # when the first of the legs that wait came; null: none waits
    Column("release_by", Text, nullable=True),  # who closed the window before its time
    Column("stopped_at", AT, nullable=True),
    Column("stopped_by", Text, nullable=True),
    Column("stopped_why", Text, nullable=True),
    CheckConstraint(
        "(stopped_at IS NULL) = (stopped_by IS NULL) AND (stopped_at IS NULL) = (stopped_why IS NULL)",
        name="stopped_whole",
    ),
)

blocks = Table(
    "blocks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("venue", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("symbol", ForeignKey("securities.symbol"), nullable=False),
    Column("price", MONEY, nullable=False),  # the limit
    Column("unit", MONEY, nullable=False),  # the shares of a unit (BLOCK-2)
    Column("status", Text, nullable=False, server_default="FORMED"),
    # JSON and not JSONB: what was stated is kept byte for byte (BLOCK-3).
    Column("statement", JSON(none_as_null=True), nullable=True),
    Column("digest", Text, nullable=True),
    Column("formed_at", AT, nullable=False),
    Column("released_at", AT, nullable=True),
    Column("ended_at", AT, nullable=True),
    Column("reason", Text, nullable=True),  # why it ended with something unfilled
    CheckConstraint("side IN ('sell', 'buy')", name="side_known"),
    CheckConstraint("status IN ('FORMED', 'RELEASED', 'ENDED')", name="status_known"),
    CheckConstraint("unit > 0", name="unit_above_zero"),
    CheckConstraint("(statement IS NULL) = (digest IS NULL)", name="stated_whole"),
    CheckConstraint("(statement IS NULL) = (released_at IS NULL)", name="stated_when_released"),
    CheckConstraint("status <> 'RELEASED' OR statement IS NOT NULL", name="released_is_stated"),
    CheckConstraint("(status = 'ENDED') = (ended_at IS NOT NULL)", name="ended_when"),
    # BLOCK-1: one block of the same terms at a time.
    Index(
        "uq_blocks_open",
        "venue",
        "side",
        "symbol",
        "price",
        "unit",
        unique=True,
        postgresql_where=text("status <> 'ENDED'"),
    ),
    Index("ix_blocks_formed_at", "formed_at"),
)

desk_legs = Table(
    "desk_legs",
    metadata,
    Column("rebalance_id", Text, primary_key=True),
    Column("leg", Integer, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("venue", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("price", MONEY, nullable=False),
    Column("unit", MONEY, nullable=False),
    Column("units", NUMBER, nullable=False),
    Column("handed_over_at", AT, nullable=False),
    Column("ends_at", AT, nullable=True),  # the close from which on it is not released any more (DAY-6); null: never
    Column("block_id", ForeignKey("blocks.id"), nullable=True),  # null: it waits for one
    Column("ended_at", AT, nullable=True),  # it has its last word
    Column("told_at", AT, nullable=True),  # its rebalance knows
    ForeignKeyConstraint(["rebalance_id", "leg"], ["orders.rebalance_id", "orders.leg"]),
    CheckConstraint("units > 0", name="units_above_zero"),
    CheckConstraint("told_at IS NULL OR ended_at IS NOT NULL", name="told_of_its_end"),
    # An account is in a block once.
    Index(
        "uq_desk_legs_block_id_account_id",
        "block_id",
        "account_id",
        unique=True,
        postgresql_where=text("block_id IS NOT NULL"),
    ),
    Index("ix_desk_legs_waiting", "venue", postgresql_where=text("block_id IS NULL AND ended_at IS NULL")),
)

block_orders = Table(
    "block_orders",
    metadata,
    Column("block_id", ForeignKey("blocks.id"), primary_key=True),
    Column("day", Integer, primary_key=True),  # the first, second, … child (BLOCK-6)
    Column("client_order_id", Text, nullable=False, unique=True),
    Column("units", NUMBER, nullable=False),  # as sent
    Column("open_units", NUMBER, nullable=False),  # as the venue confirmed to have reduced it, what is filled included
    Column("status", Text, nullable=False, server_default="NEW"),
    Column("filled_units", NUMBER, nullable=False, server_default="0"),
    Column("filled_amount", MONEY, nullable=False, server_default="0"),
    Column("opens_at", AT, nullable=False),  # not sent before
    Column("closes_at", AT, nullable=True),  # the close of the day on which it was sent
    Column("sent_at", AT, nullable=True),
    Column("allocated_at", AT, nullable=True),  # its day is in the accounts
    Column("venue_reason", Text, nullable=True),
    Column("changed_at", AT, nullable=True),  # seen at the venue after its last word: otherwise filled (ALLOC-7)
    Column("costs", MONEY, nullable=False, server_default="0"),  # commissions and fees of what it filled (ALLOC-5)
    CheckConstraint("units > 0 AND open_units >= 0 AND open_units <= units", name="units_sane"),
    CheckConstraint("filled_units >= 0", name="filled_sane"),
    CheckConstraint(
        "status IN ('NEW', 'SENT', 'WORKING', 'FILLED', 'PARTIALLY_FILLED', 'REJECTED', 'CANCELED', 'EXPIRED')",
        name="status_known",
    ),
    CheckConstraint("(status = 'NEW') = (sent_at IS NULL) OR status IN ('CANCELED', 'EXPIRED')", name="sent_when"),
    Index("ix_block_orders_changed", "block_id", postgresql_where=text("changed_at IS NOT NULL")),
)

block_fills = Table(
    "block_fills",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("block_id", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("units", NUMBER, nullable=False),  # what came since it was asked last; below 0: a bust or correction
    Column("amount", MONEY, nullable=False),
    Column("trade_date", Date, nullable=False),
    Column("heard_at", AT, nullable=False),
    Column("costs", MONEY, nullable=False, server_default="0"),
    ForeignKeyConstraint(["block_id", "day"], ["block_orders.block_id", "block_orders.day"]),
    Index("ix_block_fills_block_id", "block_id", "id"),
)

block_segments = Table(
    "block_segments",
    metadata,
    Column("block_id", ForeignKey("blocks.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("starts_at", NUMBER, nullable=False),
    Column("targets", JSONB, nullable=False),  # account -> units
    Column("entry", NUMBER, nullable=False),
    Column("lot", Integer, nullable=False, server_default="1"),
    Column("moved", JSONB, nullable=False, server_default=text("'{}'")),  # by a departure (ALLOC-9)
    CheckConstraint("starts_at >= 0 AND entry >= 0 AND lot > 0", name="sane"),
)

block_leavings = Table(
    "block_leavings",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("block_id", ForeignKey("blocks.id"), nullable=False),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("why", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", AT, nullable=False, server_default=NOW),
    Column("day", Integer, nullable=True),  # the child that the venue was asked to reduce; null: not yet asked
    Column("filled", NUMBER, nullable=True),  # the block's cumulative fill at asking
    Column("rest", NUMBER, nullable=True),  # what the account lacked then
    Column("to_units", NUMBER, nullable=True),  # to which the child is to be reduced, what is filled of it included
    Column("reduced", NUMBER, nullable=True),  # what the venue confirmed of the rest; null: not yet answered
    Column("answered_at", AT, nullable=True),
    Column("said", Text, nullable=True),
    CheckConstraint("(reduced IS NULL) = (answered_at IS NULL)", name="answered_whole"),
    CheckConstraint("reduced >= 0 AND reduced <= rest", name="reduced_sane"),
    Index(
        "uq_block_leavings_open",
        "block_id",
        "account_id",
        unique=True,
        postgresql_where=text("answered_at IS NULL"),
    ),
)

block_departures = Table(
    "block_departures",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("block_id", ForeignKey("blocks.id"), nullable=False),
    Column("day", Integer, nullable=False),  # of which child
    Column("moves", JSONB, nullable=False),  # account -> units, below 0 given
    Column("why", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", AT, nullable=False, server_default=NOW),
    Column("approved_by", Text, nullable=True),
    Column("approved_at", AT, nullable=True),
    Column("before", NUMBER, nullable=True),  # the block's cumulative fills when the day began and ended: once booked
    Column("filled", NUMBER, nullable=True),
    Column("ended_at", AT, nullable=True),  # booked, or lapsed
    Column("said", Text, nullable=True),  # why it lapsed
    CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)", name="approved_whole"),
    CheckConstraint("approved_by IS NULL OR lower(btrim(approved_by)) <> lower(btrim(asked_by))", name="four_eyes"),
    CheckConstraint("filled IS NULL OR approved_by IS NOT NULL", name="booked_is_approved"),
    Index("uq_block_departures_open", "block_id", unique=True, postgresql_where=text("ended_at IS NULL")),
)

block_allocations = Table(
    "block_allocations",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("block_id", ForeignKey("blocks.id"), nullable=False),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("trade_date", Date, nullable=False),
    Column("revision", Integer, nullable=False),  # which time the block was allocated
    Column("units", NUMBER, nullable=False),
    Column("amount", MONEY, nullable=False),
    Column("costs", MONEY, nullable=False, server_default="0"),
    Column("reverses", Boolean, nullable=False, server_default=false()),  # takes back what was booked before (ALLOC-7)
    Column("state", Text, nullable=False, server_default="GIVEN"),
    Column("refusal", Text, nullable=True),  # what the custodian said (BLOCK-7)
    Column("made_at", AT, nullable=False),
    CheckConstraint("state IN ('GIVEN', 'BOOKED', 'REFUSED')", name="state_known"),
    CheckConstraint("(state = 'REFUSED') = (refusal IS NOT NULL)", name="refused_says_why"),
    CheckConstraint("(units < 0) = reverses OR units = 0", name="reversal_is_below_zero"),
    Index("uq_block_allocations_once", "block_id", "account_id", "trade_date", "revision", "reverses", unique=True),
    Index("ix_block_allocations_given", "block_id", postgresql_where=text("state = 'GIVEN'")),
)

# --- what the paper venue has of blocks, and its custodian of their allocations -------------------------------------

paper_block_orders = Table(
    "block_orders",
    metadata,
    Column("client_order_id", Text, primary_key=True),
    Column("block", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("quantity", MONEY, nullable=False),
    Column("open_quantity", MONEY, nullable=False),
    Column("price", MONEY, nullable=False),
    Column("status", Text, nullable=False),
    Column("filled_quantity", MONEY, nullable=False, server_default="0"),
    Column("filled_amount", MONEY, nullable=False, server_default="0"),
    Column("traded_on", Date, nullable=True),
    Column("reason", Text, nullable=True),
    Column("fate", JSONB, nullable=False),  # the scenario's line that counts for it
    Column("received_at", AT, nullable=False, server_default=NOW),
    Column("costs", MONEY, nullable=False, server_default="0"),
    CheckConstraint("open_quantity <= quantity AND filled_quantity <= quantity", name="never_more"),
    schema=PAPER,
)

paper_block_events = Table(
    "block_events",
    metadata,
    Column("client_order_id", ForeignKey(f"{PAPER}.block_orders.client_order_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("due", AT, nullable=False),
    Column("quantity", MONEY, nullable=True),  # null: what is open then is cancelled
    Column("price", MONEY, nullable=True),
    CheckConstraint("(quantity IS NULL) = (price IS NULL)", name="fill_whole"),
    schema=PAPER,
)

paper_allocations = Table(
    "allocations",
    metadata,
    Column("alloc_id", Text, primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("side", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("quantity", MONEY, nullable=False),  # below 0: taken back
    Column("amount", MONEY, nullable=False),
    Column("refusal", Text, nullable=True),  # null: it is in the account
    Column("costs", MONEY, nullable=False, server_default="0"),
    schema=PAPER,
)
