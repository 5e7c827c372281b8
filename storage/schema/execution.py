"""The tables of what happens: rebalances, their orders and fills, breaks, evaluations. The record: `tables_audit`."""

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
    Sequence,
    Table,
    Text,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

from storage.schema.tables import MONEY, NOW, metadata

TODAY = text("(now() AT TIME ZONE 'UTC')::date")
BY_MONTH = "RANGE (begun_on)"  # `storage.migrations.partitions`

rebalance_numbers = Sequence("rebalance_numbers", metadata=metadata)

rebalances = Table(
    "rebalances",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("start_key", Text, nullable=False, unique=True),  # one start of a workflow, resets included
    Column("workflow_id", Text, nullable=False),
    Column("workflow_started_at", DateTime(timezone=True), nullable=False, server_default=NOW),  # by Temporal's clock
    Column("request_id", Text, nullable=True),
    Column("kind", Text, nullable=False),
    Column("purpose", JSON(none_as_null=True), nullable=True),  # amount, model and change; null: a full rebalance
    Column("mode", Text, nullable=False),
    Column("approval", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_subject", Text, nullable=True),  # where it was signed for: who asked, whatever they are called
    Column("overrides", JSONB, nullable=False, server_default=text("'[]'")),
    Column("stage", Text, nullable=False),
    Column("status", Text, nullable=True),  # null until it ends
    Column("approved_by", Text, nullable=True),
    Column("approved_at", DateTime(timezone=True), nullable=True),
    Column("expires_at", DateTime(timezone=True), nullable=True),
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("ended_at", DateTime(timezone=True), nullable=True),
    Column("issue", Text, nullable=True),
    Column("round", Integer, nullable=False, server_default="1"),  # rises when the plan is made again (EXEC-3)
    # Of a release before 0027, until the rebalance has ended and they are moved to `documents`.
    Column("snapshot", JSON(none_as_null=True), nullable=True),
    Column("policy", JSON(none_as_null=True), nullable=True),
    Column("plan", JSON(none_as_null=True), nullable=True),
    Column("plan_digest", Text, nullable=True),  # the plan's document, and what an approval names (DECIDE-1)
    Column("liquidation", Boolean, nullable=False, server_default=false()),  # the plan sells everything
    Column("rules_version", Text, nullable=True),  # the rules that made the plan
    Column("execution", JSON(none_as_null=True), nullable=True),
    Column("result", JSON(none_as_null=True), nullable=True),
    # The documents that it decides from, and what is executed of its plan, buys sized again (ORDER-4).
    Column("snapshot_digest", Text, nullable=True),
    Column("policy_digest", Text, nullable=True),
    Column("execution_digest", Text, nullable=True),
    Column("seen", Text, nullable=True),  # the versions of what the snapshot was taken from; null: to be compared
    CheckConstraint(
        "stage IN ('CHECKING', 'PENDING_APPROVAL', 'EXECUTING', 'RECONCILING', 'ENDED')", name="stage_known"
    ),
    CheckConstraint(
        "status IN ('COMPLETE', 'COMPLETE_WITH_ERRORS', 'FAILED', 'EXPIRED', 'CANCELED')", name="status_known"
    ),
    CheckConstraint("(stage = 'ENDED') = (status IS NOT NULL)", name="ended_has_status"),
    CheckConstraint("(stage = 'ENDED') = (ended_at IS NOT NULL)", name="ended_when"),
    # EXEC-3: while one rebalance executes on an account, no other does. A model signal may execute while a rebalance
    # waits for its approval, which is then planned again; else one is under way at a time.
    Index(
        "uq_rebalances_executing",
        "account_id",
        unique=True,
        postgresql_where=text("stage IN ('EXECUTING', 'RECONCILING')"),
    ),
    Index(
        "uq_rebalances_under_way",
        "account_id",
        unique=True,
        postgresql_where=text("stage <> 'ENDED' AND kind <> 'signal'"),
    ),
    Index("ix_rebalances_workflow_id", "workflow_id", postgresql_where=text("stage <> 'ENDED'")),
    Index("ix_rebalances_account_id_started_at", "account_id", "started_at"),
    Index("ix_rebalances_started_at", "started_at"),
    Index("ix_rebalances_open", "started_at", "id", postgresql_where=text("stage <> 'ENDED'")),
    Index("ix_rebalances_by_status", text("coalesce(status, stage)"), "started_at", "id"),
    Index("ix_rebalances_request_id", "request_id", postgresql_where=text("request_id IS NOT NULL")),
)

orders = Table(
    "orders",
    metadata,
    Column("rebalance_id", ForeignKey("rebalances.id"), primary_key=True),
    Column("leg", Integer, primary_key=True),  # the order's place in its rebalance
    Column("client_order_id", Text, nullable=False, unique=True),
    Column("side", Text, nullable=False),
    Column("symbol", ForeignKey("securities.symbol"), nullable=False),
    Column("planned_quantity", MONEY, nullable=False),
    Column("quantity", MONEY, nullable=False),  # as sent; buys may be smaller than planned (ORDER-4)
    Column("price", MONEY, nullable=False),  # of the snapshot
    Column("allocations", JSONB, nullable=False),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False),  # NEW, SENT, WORKING, then the venue's last word
    Column("filled_quantity", MONEY, nullable=False, server_default="0"),
    Column("filled_amount", MONEY, nullable=False, server_default="0"),
    Column("trade_date", Date, nullable=True),  # the exchange's day on which the venue filled, from its answer
    Column("venue_reason", Text, nullable=True),
    Column("sent_at", DateTime(timezone=True), nullable=True),
    Column("booked_at", DateTime(timezone=True), nullable=True),
    Column("costs", MONEY, nullable=False, server_default="0"),  # commissions and fees of what was filled
    CheckConstraint("side IN ('sell', 'buy')", name="side_known"),
    CheckConstraint("quantity >= 0 AND planned_quantity > 0 AND quantity <= planned_quantity", name="quantity_sane"),
    CheckConstraint("filled_quantity >= 0", name="filled_sane"),  # a venue may fill more than was ordered
    CheckConstraint(
        "status IN ('NEW', 'SENT', 'WORKING', 'FILLED', 'PARTIALLY_FILLED', 'REJECTED', 'CANCELED', 'EXPIRED')",
        name="status_known",
    ),
)

breaks = Table(
    "breaks",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("rebalance_id", ForeignKey("rebalances.id"), nullable=True),
    Column("kind", Text, nullable=False),
    Column("symbol", Text, nullable=True),  # null: cash
    Column("expected", MONEY, nullable=False),
    Column("actual", MONEY, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("resolved_at", DateTime(timezone=True), nullable=True),
    Column("resolved_by", Text, nullable=True),
    Column("note", Text, nullable=True),
    Column("booked", Boolean, nullable=False, server_default=text("false")),  # the custodian's figure is in the books
    CheckConstraint(
        "kind IN ('quantity', 'cash', 'overfill', 'foreign_answer', 'changed_fill', 'allocation')",
        name="kind_known",
    ),
    CheckConstraint(
        "(resolved_at IS NULL) = (resolved_by IS NULL) AND (resolved_at IS NULL) = (note IS NULL)",
        name="resolved_whole",
    ),
    Index(
        "uq_breaks_open",
        "account_id",
        "kind",
        "symbol",
        unique=True,
        postgresql_where=text("resolved_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    ),
)

installation_epochs = Table(
    "installation_epochs",
    metadata,
    Column("number", BigInteger, Identity(), primary_key=True),
    Column("epoch", Text, nullable=False, unique=True),  # the beginning of every client order ID made in it
    Column("database", Text, nullable=False),  # the server's identifier and the database's number there
    Column("begun_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("begun_by", Text, nullable=False),
    Column("why", Text, nullable=False),
)

sending_halts = Table(
    "sending_halts",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("halted_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("halted_by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("resumed_at", DateTime(timezone=True), nullable=True),
    Column("resumed_by", Text, nullable=True),
    Column("resumed_why", Text, nullable=True),
    CheckConstraint(
        "(resumed_at IS NULL) = (resumed_by IS NULL) AND (resumed_at IS NULL) = (resumed_why IS NULL)",
        name="resumed_whole",
    ),
    CheckConstraint("resumed_by IS NULL OR lower(btrim(resumed_by)) <> lower(btrim(halted_by))", name="four_eyes"),
    Index("ix_sending_halts_open", "id", postgresql_where=text("resumed_at IS NULL")),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("as_of", Date, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("ended_at", DateTime(timezone=True), nullable=True),
    Column("evaluated", Integer, nullable=False, server_default="0"),
    Column("queued", JSONB, nullable=False, server_default=text("'{}'")),  # reason code -> accounts
    Column("unable_to_check", Integer, nullable=False, server_default="0"),
    Column("within", Integer, nullable=False, server_default="0"),  # flagged, but nothing can be traded (QUEUE-4)
    Column("unable", JSONB, nullable=False, server_default=text("'{}'")),  # kind of trouble -> accounts
    Column("begun_on", Date, nullable=False, server_default=TODAY),  # of its pages and notes, which are kept by month
)

evaluation_pages = Table(
    "evaluation_pages",
    metadata,
    Column("evaluation_id", ForeignKey("evaluations.id"), primary_key=True),
    Column("after", Text, primary_key=True),  # the account id that the page starts behind
    Column("last", Text, nullable=False),
    Column("result", JSONB, nullable=False),
    Column("begun_on", Date, primary_key=True, server_default=TODAY),
    postgresql_partition_by=BY_MONTH,
)

evaluation_notes = Table(
    "evaluation_notes",
    metadata,
    Column("evaluation_id", ForeignKey("evaluations.id"), primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("why", Text, nullable=False, server_default="UNKNOWN"),  # the kind of trouble, for counting
    Column("begun_on", Date, primary_key=True, server_default=TODAY),
    CheckConstraint("kind IN ('unable_to_check', 'within')", name="kind_known"),
    postgresql_partition_by=BY_MONTH,
)

# --- the paper custodian: a ledger of its own, which the books are compared with -----------------------------------

PAPER = "paper"

paper_accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("cash", MONEY, nullable=False),
    schema=PAPER,
)

paper_positions = Table(
    "positions",
    metadata,
    Column("account_id", ForeignKey(f"{PAPER}.accounts.account_id", ondelete="CASCADE"), primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("quantity", MONEY, nullable=False),
    CheckConstraint("quantity > 0", name="quantity_above_zero"),
    schema=PAPER,
)

paper_orders = Table(
    "orders",
    metadata,
    Column("client_order_id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("quantity", MONEY, nullable=False),
    Column("price", MONEY, nullable=False),
    Column("status", Text, nullable=False),
    Column("filled_quantity", MONEY, nullable=False),
    Column("filled_amount", MONEY, nullable=False),
    Column("traded_on", Date, nullable=True),
    Column("reason", Text, nullable=True),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("costs", MONEY, nullable=False, server_default="0"),
    schema=PAPER,
)
