"""A database of the release before, filled: accounts, rebalances with what they decided in their rows, notes, a record.

By SQL as that release wrote it, as its code is not here any more. `numbers` say how much of everything.
"""

from typing import NamedTuple

from sqlalchemy import Connection, text

from storage.record import guard

BEFORE = "0026"  # the last migration of the release before


class Numbers(NamedTuple):
    """How many rows of what."""

    accounts: int = 2_000
    rebalances: int = 2_500
    notes: int = 60_000


ACCOUNTS = (
    "INSERT INTO securities (symbol, name, quantity_increment) VALUES ('X', 'Ex', 1), ('Y', 'Why', 1)",
    "INSERT INTO prices (symbol, as_of, price) SELECT symbol, date '2026-11-20' - n, 100 + n"
    " FROM securities, generate_series(0, 2000) AS n",
    "INSERT INTO book_days (as_of, historical, policy) VALUES ('2026-11-20', false, '{}')",
    "INSERT INTO accounts (id, name, custodian, tax_status, status, rebalancing)"
    " SELECT 'A-' || to_char(n, 'FM000000'), 'Account ' || n, 'PAPER', 'taxable', 'open', true"
    " FROM generate_series(1, :accounts) AS n",
    "INSERT INTO sleeves (account_id, kind, cash) SELECT id, 'managed', 1000 FROM accounts",
    "INSERT INTO holdings (sleeve_id, symbol, quantity) SELECT id, symbol, 10 FROM sleeves, securities",
    "INSERT INTO lots (sleeve_id, symbol, quantity, cost_per_share, acquired)"
    " SELECT sleeve_id, symbol, quantity, 90, '2024-01-02' FROM holdings",
    "INSERT INTO queue_entries (account_id, reasons, primary_reason, left_at, left_because)"
    " SELECT id, '{\"MANUAL\": {}}', 'MANUAL', now(), 'its rebalance ended COMPLETE'"
    " FROM accounts, generate_series(1, 5)",
)
# What an account's snapshot is like in size: some hundred prices, and the account's lots; nothing of it twice the same.
SNAPSHOT = """
    json_build_object('as_of', '2026-11-20', 'trade_date', '2026-11-20', 'account', {account}, 'securities',
        (SELECT json_agg(json_build_object('symbol', 'S' || s, 'price', md5({account} || s)))
            FROM generate_series(1, 90) s))
"""
POLICY = """
    (SELECT json_object_agg('number_' || s, s || '.25') FROM generate_series(1, 24) s)
"""
PLAN = """
    json_build_object('account_id', {account}, 'as_of', '2026-11-20', 'orders', (SELECT json_agg(json_build_object(
        'side', 'buy', 'symbol', 'S' || s, 'quantity', s, 'reason', md5({account} || 's' || s)))
        FROM generate_series(1, 20) s))
"""
# One rebalance as the release before writes it, from its start to its end: all in its row, and its round beside it.
REBALANCE = (
    """
    CREATE FUNCTION rebalanced_before(n integer, account text) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        made text := 'R-' || to_char(n, 'FM000000');
        kept record;
    BEGIN
        INSERT INTO rebalances (id, account_id, start_key, workflow_id, kind, mode, approval, requested_by, stage)
            VALUES (made, account, 'rebalance/' || account || '#' || n, 'rebalance/' || account, 'full', 'best_fit',
                'required', 'ann', 'CHECKING');
        UPDATE rebalances SET snapshot = """
    + SNAPSHOT.format(account="account")
    + ", policy = "
    + POLICY
    + " WHERE id = made; UPDATE rebalances SET plan = "
    + PLAN.format(account="account")
    + """, rules_version = '2' WHERE id = made;
        UPDATE rebalances SET execution = plan,
            plan_digest = encode(sha256(convert_to(plan::text, 'UTF8')), 'hex') WHERE id = made;
        SELECT * INTO kept FROM keep_round(made, '2');
        PERFORM append_to_record('filler', NULL, NULL, NULL, NULL, NULL, ARRAY['decision kept'], ARRAY[account],
            ARRAY[made], ARRAY[NULL::text], ARRAY[NULL::text], ARRAY[json_build_object('round', kept.round,
                'rules_version', kept.rules_version, 'snapshot', kept.snapshot, 'policy', kept.policy,
                'plan', kept.plan)::text]);
        UPDATE rebalances SET stage = 'ENDED', status = CASE WHEN mod(n, 50) = 0 THEN 'FAILED' ELSE 'COMPLETE' END,
            result = '{}', ended_at = now() WHERE id = made;
    END $$
    """
)
REBALANCES = (
    "SELECT rebalanced_before(n, 'A-' || to_char(1 + n % :accounts, 'FM000000')) FROM generate_series(1, :rebalances) n"
)
NOTES = (
    "INSERT INTO evaluations (id, as_of, ended_at) SELECT 'E-' || n, date '2026-11-20' - n, now()"
    " FROM generate_series(0, 9) AS n",
    "INSERT INTO evaluation_pages (evaluation_id, after, last, result)"
    " SELECT id, n::text, (n + 1)::text, '{\"evaluated\": 1000}' FROM evaluations, generate_series(0, 99) AS n",
    "INSERT INTO evaluation_notes (evaluation_id, account_id, kind, message, evidence)"
    " SELECT 'E-' || n % 10, 'A-' || n, 'within', 'it is within what can be traded', '{}'"
    " FROM generate_series(1, :notes) AS n",
)


def fill(connection: Connection, numbers: Numbers) -> None:
    """Fills a database that is at `BEFORE`, as the owner of its tables; answers for it in the record."""
    connection.exec_driver_sql(REBALANCE)
    for statement in (*ACCOUNTS, REBALANCES, *NOTES):
        wanted = {name: value for name, value in numbers._asdict().items() if f":{name}" in statement}
        connection.execute(text(statement), wanted)
    guard.attest(connection, "filled for a test")
