"""The tables of the venues: what each may be asked to do, and how the paper venue is told to behave."""

from sqlalchemy import CheckConstraint, Column, DateTime, ForeignKey, Integer, Numeric, Table, Text, Time
from sqlalchemy.dialects.postgresql import JSONB

from storage.schema.execution import PAPER
from storage.schema.tables import NOW, metadata

# When orders are sent to a venue (DAY-6).
ANY_TIME, IN_SESSION, NEXT_OPEN = SENDS = ("any_time", "in_session", "next_open")
# Whether orders of one security are sent as one, who may leave, and what becomes of what a day leaves unfilled.
OFF, WINDOW = BLOCKS = ("off", "window")
ALLOWED, NEVER = LEAVE = ("allowed", "never")
END, CARRY = UNFILLED = ("end", "carry")

venue_terms = Table(
    "venue_terms",
    metadata,
    Column("venue", Text, primary_key=True),
    Column("orders_per_second", Numeric(9, 3), nullable=True),  # null: as many as there are
    Column("patience_seconds", Integer, nullable=True),  # how long an order may work; null: until the close
    Column("next_order_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("set_by", Text, nullable=False),
    Column("set_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("sends", Text, nullable=True),  # null: as such a venue does of itself
    Column("blocks", Text, nullable=False, server_default=OFF),  # whether orders go to the venue one by one
    Column("window_seconds", Integer, nullable=True),  # how long the desk gathers orders; null: its own
    Column("cut_off", Time, nullable=True),  # the exchange's time after which a day forms no block; null: none
    Column("leave", Text, nullable=False, server_default=ALLOWED),  # whether an account may leave a released block
    Column("unfilled", Text, nullable=False, server_default=END),  # what becomes of it at the day's end (BLOCK-6)
    Column("de_minimis", Integer, nullable=True),  # blocks are allocated in lots of so many shares (ALLOC-6); null: off
    CheckConstraint(f"sends IN {SENDS}", name="sends_known"),
    CheckConstraint(f"blocks IN {BLOCKS}", name="blocks_known"),
    CheckConstraint(f'"leave" IN {LEAVE}', name="leave_known"),
    CheckConstraint(f"unfilled IN {UNFILLED}", name="unfilled_known"),
    CheckConstraint("de_minimis > 1", name="de_minimis_above_one"),
    CheckConstraint("window_seconds >= 0", name="window_not_below_zero"),
    CheckConstraint("orders_per_second > 0", name="orders_per_second_above_zero"),
    CheckConstraint("patience_seconds > 0", name="patience_above_zero"),
)

paper_scenario = Table(
    "scenario",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, server_default="1"),
    Column("told", JSONB, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    CheckConstraint("id = 1", name="only_one"),
    schema=PAPER,
)

paper_lost = Table(
    "lost_connections",
    metadata,
    Column("client_order_id", Text, primary_key=True),
    Column("times", Integer, nullable=False),
    schema=PAPER,
)

paper_events = Table(
    "events",
    metadata,
    Column("client_order_id", ForeignKey(f"{PAPER}.orders.client_order_id"), primary_key=True),
    Column("kind", Text, primary_key=True),  # fill: what comes late; close: what is open then is cancelled
    Column("due", DateTime(timezone=True), nullable=False),
    Column("quantity", Numeric(28, 12), nullable=True),
    Column("price", Numeric(28, 12), nullable=True),
    Column("costs", Numeric(28, 12), nullable=False, server_default="0"),
    CheckConstraint("kind IN ('fill', 'close')", name="kind_known"),
    CheckConstraint("(kind = 'fill') = (quantity IS NOT NULL AND price IS NOT NULL)", name="fill_whole"),
    schema=PAPER,
)
