"""The tables of FIX sessions, in a schema of their own: what is to be sent, what was heard, who holds which session."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    false,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from storage.schema.tables import MONEY, NOW, metadata

FIX = "fix"

fix_sessions = Table(
    "sessions",
    metadata,
    Column("session", Text, primary_key=True),
    Column("owner", Text, nullable=True),  # the run of the gateway that holds the session; null: nobody
    Column("lease_until", DateTime(timezone=True), nullable=True),  # by the database's clock
    Column("epoch", Text, nullable=True),  # the installation's when it last logged on
    Column("sender_next", Integer, nullable=False, server_default="1"),  # the numbers, journaled (FIX-7)
    Column("target_next", Integer, nullable=False, server_default="1"),
    Column("numbered_since", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("logged_on", Boolean, nullable=False, server_default=false()),
    Column("logged_on_at", DateTime(timezone=True), nullable=True),
    Column("heard_at", DateTime(timezone=True), nullable=True),
    Column("says", Text, nullable=True),  # the last trouble, in a sentence
    Column("wanted", Text, nullable=True),  # what an operator asked for
    Column("wanted_by", Text, nullable=True),
    CheckConstraint("(owner IS NULL) = (lease_until IS NULL)", name="lease_whole"),
    CheckConstraint("sender_next > 0 AND target_next > 0", name="numbers_above_zero"),
    CheckConstraint("wanted IN ('logout', 'reset')", name="wanted_known"),
    CheckConstraint("(wanted IS NULL) = (wanted_by IS NULL)", name="wanted_whole"),
    schema=FIX,
)

fix_orders = Table(
    "orders",
    metadata,
    Column("client_order_id", Text, primary_key=True),
    Column("session", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("quantity", MONEY, nullable=False),  # as it was ordered
    Column("price", MONEY, nullable=False),
    Column("open_quantity", MONEY, nullable=False),  # as it stands at the broker after reductions
    Column("name", Text, nullable=False),  # the ClOrdID by which the broker knows it now (35=G changes it)
    Column("status", Text, nullable=False, server_default="WORKING"),
    Column("filled_quantity", MONEY, nullable=False, server_default="0"),
    Column("filled_amount", MONEY, nullable=False, server_default="0"),
    Column("said_quantity", MONEY, nullable=False, server_default="0"),  # CumQty as last said
    Column("said_average", MONEY, nullable=False, server_default="0"),  # AvgPx as last said
    Column("repaired", Boolean, nullable=False, server_default=false()),  # a gap stands in by CumQty × AvgPx (FIX-4)
    Column("traded_on", Date, nullable=True),
    Column("reason", Text, nullable=True),
    Column("venue_has", JSONB, nullable=True),  # the order as the broker has it, where that is another one
    Column("doubt", Text, nullable=True),  # why a person has to ask the broker
    Column("taken_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("costs", MONEY, nullable=False, server_default="0"),  # commissions and fees of what was filled (ALLOC-5)
    Column("calculated", MONEY, nullable=True),  # what the broker said they come to in all (150=B); null: their sum
    CheckConstraint(
        "status IN ('WORKING', 'FILLED', 'PARTIALLY_FILLED', 'REJECTED', 'CANCELED', 'EXPIRED')", name="status_known"
    ),
    CheckConstraint("side IN ('sell', 'buy')", name="side_known"),
    Index("ix_fix_orders_open", "session", postgresql_where=text("status = 'WORKING'")),
    schema=FIX,
)

fix_messages = Table(
    "messages",  # the outbox
    metadata,
    Column("number", BigInteger, Identity(), primary_key=True),
    Column("session", Text, nullable=False),
    Column("name", Text, nullable=False, unique=True),  # its ClOrdID, or AllocID
    Column("order_id", ForeignKey(f"{FIX}.orders.client_order_id"), nullable=True),
    Column("kind", Text, nullable=False),  # its MsgType
    Column("body", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="NEW"),
    Column("sequence", Integer, nullable=True),  # the MsgSeqNum that it last went out under
    Column("handed_by", Text, nullable=True),  # the gateway's run
    Column("handed_at", DateTime(timezone=True), nullable=True),
    Column("times", Integer, nullable=False, server_default="0"),  # so often it was handed to the engine
    Column("answer", Text, nullable=True),
    Column("made_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    CheckConstraint("kind IN ('D', 'F', 'G', 'J')", name="kind_known"),
    CheckConstraint("state IN ('NEW', 'HANDED', 'ANSWERED', 'WITHDRAWN')", name="state_known"),
    Index("ix_fix_messages_unanswered", "session", "number", postgresql_where=text("state IN ('NEW', 'HANDED')")),
    Index("ix_fix_messages_order_id", "order_id"),
    Index("ix_fix_messages_sequence", "session", "sequence"),
    schema=FIX,
)

fix_executions = Table(
    "executions",
    metadata,
    Column("session", Text, primary_key=True),
    Column("trade_date", Date, primary_key=True),
    Column("exec_id", Text, primary_key=True),  # brokers begin anew each day (FIX-3)
    Column("order_id", ForeignKey(f"{FIX}.orders.client_order_id"), nullable=True),  # null: no order of ours
    Column("name", Text, nullable=False),  # the ClOrdID that it came under
    Column("kind", Text, nullable=False),
    Column("ref_id", Text, nullable=True),  # the execution that it busts or corrects
    Column("traded_on", Date, nullable=True),  # the day of what it busts or corrects; null: its own
    Column("quantity", MONEY, nullable=False),
    Column("price", MONEY, nullable=False),
    Column("live", Boolean, nullable=False, server_default=true()),  # counts towards what was filled
    Column("raw", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("costs", MONEY, nullable=False, server_default="0"),  # its commission (12, 13) and fees (136)
    CheckConstraint("kind IN ('trade', 'bust', 'correction')", name="kind_known"),
    Index("ix_fix_executions_order_id", "order_id"),
    Index("ix_fix_executions_ref_id", "session", "ref_id", postgresql_where=text("ref_id IS NOT NULL")),
    schema=FIX,
)

fix_allocations = Table(
    "allocations",
    metadata,
    Column("alloc_id", Text, primary_key=True),  # block and trade date
    Column("session", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="SENT"),  # what the broker said of the whole
    Column("reason", Text, nullable=True),
    Column("made_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    CheckConstraint("status IN ('SENT', 'RECEIVED', 'ACCEPTED', 'PARTIAL', 'REJECTED')", name="status_known"),
    schema=FIX,
)

fix_allocated = Table(
    "allocated",
    metadata,
    Column("alloc_id", ForeignKey(f"{FIX}.allocations.alloc_id"), primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("quantity", MONEY, nullable=False),
    Column("reported", MONEY, nullable=True),  # as the allocation report has it (35=AS)
    Column("confirmed", MONEY, nullable=True),  # as the confirmation has it (35=AK)
    Column("refusal", Text, nullable=True),
    schema=FIX,
)
