"""What pages need: the queue’s rank and reasons as numbers; which transaction wrote a record."""

from alembic import op

revision = "0021"
down_revision = "0020"

# The order of reasons, and a bit for each, as `domain.queue.REASONS` has them (tests/storage/test_queue.py).
RANK = (
    "CASE primary_reason WHEN 'NO_TARGET' THEN 1 WHEN 'FIRST_REBALANCE' THEN 2 WHEN 'TARGET_CHANGED' THEN 3"
    " WHEN 'LOW_CASH' THEN 4 WHEN 'HIGH_CASH' THEN 5 WHEN 'OUTSIDE_TOLERANCE' THEN 6 WHEN 'TOGGLED_ON' THEN 7"
    " ELSE 8 END"
)
BITS = (
    "(reasons ? 'NO_TARGET')::int + (reasons ? 'FIRST_REBALANCE')::int * 2 + (reasons ? 'TARGET_CHANGED')::int * 4"
    " + (reasons ? 'LOW_CASH')::int * 8 + (reasons ? 'HIGH_CASH')::int * 16"
    " + (reasons ? 'OUTSIDE_TOLERANCE')::int * 32 + (reasons ? 'TOGGLED_ON')::int * 64"
    " + (reasons ? 'MANUAL')::int * 128"
)


def upgrade() -> None:
    """`written_in` is no part of a record's hash: the record says what happened, this in which order it was seen."""
    op.execute(f"ALTER TABLE queue_entries ADD COLUMN rank smallint GENERATED ALWAYS AS ({RANK}) STORED NOT NULL")
    op.execute(
        f"ALTER TABLE queue_entries ADD COLUMN reason_bits smallint GENERATED ALWAYS AS ({BITS}) STORED NOT NULL"
    )
    op.execute(
        'CREATE INDEX ix_queue_entries_in_order ON queue_entries (rank, account_id COLLATE "C")'
        " INCLUDE (reason_bits) WHERE left_at IS NULL"
    )
    # In two steps: records of before have none, and a table of many millions is not written anew.
    op.execute("ALTER TABLE audit_records ADD COLUMN written_in xid8")
    op.execute("ALTER TABLE audit_records ALTER COLUMN written_in SET DEFAULT pg_current_xact_id()")


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
