"""A book of any size for the benchmarks, made inside the database by SQL: 20 holdings in 5 components an account.

Every account is inside its bands until `push_outside` moves some of them out. The same sizes give the same book. For a
database of the benchmark's own: rows are put in without their foreign keys being looked up.
"""

from collections.abc import Mapping
from datetime import date, timedelta

from sqlalchemy import Connection, Engine, text

from storage.packing import pack_missing

AS_OF = date(2026, 11, 20)
SECURITIES, MODELS, TARGETS = 1_000, 50, 200
HOLDINGS_A_MODEL = 6  # 3 models of 6, and 2 securities: 20 holdings in 5 components; the rest is cash

_MARKET = (
    "INSERT INTO securities (symbol, name, quantity_increment)"
    " SELECT 'S' || lpad(i::text, 4, '0'), 'Security ' || i, 0.0001 FROM generate_series(0, :securities - 1) i",
    "INSERT INTO prices (symbol, as_of, price)"
    " SELECT 'S' || lpad(i::text, 4, '0'), day, 8 + (i * 7919 % 41200) / 100.0"
    " FROM generate_series(0, :securities - 1) i,"
    " unnest(CAST(:days AS date[])) day",
    "INSERT INTO models (id, name, manager, investment_minimum, version)"
    " SELECT 'M' || lpad(i::text, 2, '0'), 'Model ' || i, 'Manager', 1000, 1 FROM generate_series(0, :models - 1) i",
    "INSERT INTO model_holdings (model_id, version, position, symbol, weight)"
    " SELECT 'M' || lpad(i::text, 2, '0'), 1, j, 'S' || lpad(((i * 17 + j * 131) % :securities)::text, 4, '0'),"
    " CASE WHEN j < 4 THEN 0.17 ELSE 0.16 END FROM generate_series(0, :models - 1) i, generate_series(0, 5) j",
    "INSERT INTO targets (id, name, version)"
    " SELECT 'T' || lpad(i::text, 3, '0'), 'Target ' || i, 1 FROM generate_series(0, :targets - 1) i",
    "INSERT INTO target_components (target_id, version, position, kind, model_id, symbol, weight)"
    " SELECT 'T' || lpad(i::text, 3, '0'), 1, j, CASE WHEN j < 3 THEN 'model' ELSE 'security' END,"
    " CASE WHEN j < 3 THEN 'M' || lpad(((i + j * 13) % :models)::text, 2, '0') END,"
    " CASE WHEN j >= 3 THEN 'S' || lpad(((i * 5 + j * 333) % :securities)::text, 4, '0') END,"
    " CASE WHEN j < 3 THEN 0.20 ELSE 0.18 END FROM generate_series(0, :targets - 1) i, generate_series(0, 4) j",
    "INSERT INTO book_days (as_of, historical, policy) VALUES (:as_of, true, '{}')",
)

_MAKE = "CREATE TEMPORARY TABLE made (id text, target_id text, hash bigint, worth numeric) ON COMMIT DROP"
_ACCOUNTS = (  # each worth 50,000 to 1,050,000
    "INSERT INTO made SELECT 'B-' || lpad(i::text, 8, '0'), 'T' || lpad((i % :targets)::text, 3, '0'), hash,"
    " 50000 + hash % 1000000 FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) i,"
    " LATERAL (SELECT i * 48271 % 2147483647 AS hash) h",
    "INSERT INTO accounts (id, name, custodian, tax_status, status, rebalancing, target_id, rebalanced_target_id,"
    " rebalanced_target_version, first_rebalanced)"
    " SELECT id, 'Account ' || id, 'PAPER', 'taxable', 'open', true, target_id, target_id, 1, :as_of FROM made",
    "INSERT INTO sleeves (account_id, kind, cash) SELECT id, 'managed', round(worth * 0.04, 2) FROM made",
    "INSERT INTO sleeves (account_id, kind, model_id)"
    " SELECT id, 'model', c.model_id FROM made JOIN target_components c USING (target_id) WHERE c.kind = 'model'",
    "INSERT INTO holdings (sleeve_id, symbol, quantity)"
    " SELECT s.id, c.symbol, round(worth * c.weight * (0.93 + hash % 14 / 100.0) / p.price, 4)"
    " FROM made JOIN sleeves s ON s.account_id = made.id AND s.kind = 'managed'"
    " JOIN target_components c ON c.target_id = made.target_id AND c.kind = 'security'"
    " JOIN prices p ON p.symbol = c.symbol AND p.as_of = :as_of",
    "INSERT INTO holdings (sleeve_id, symbol, quantity)"
    " SELECT s.id, h.symbol, round(worth * 0.20 * h.weight * (0.91 + (hash + h.position) % 18 / 100.0) / p.price, 4)"
    " FROM made JOIN sleeves s ON s.account_id = made.id AND s.kind = 'model'"
    " JOIN model_holdings h ON h.model_id = s.model_id JOIN prices p ON p.symbol = h.symbol AND p.as_of = :as_of",
)
# Who is moved out holds half as much again of the first security that the target names; and as it will be planned, it
# gets lots, and an account at the paper custodian.
_OUTSIDE = "CREATE TEMPORARY TABLE outside (id text) ON COMMIT DROP"
_PUSH = (
    "INSERT INTO outside SELECT id FROM accounts WHERE CAST(substr(id, 3) AS bigint) % CAST(:every AS bigint) = 0",
    "UPDATE holdings h SET quantity = h.quantity * 1.5"
    " FROM outside o JOIN accounts a ON a.id = o.id JOIN sleeves s ON s.account_id = a.id AND s.kind = 'managed'"
    " JOIN target_components c ON c.target_id = a.target_id AND c.position = 3"
    " WHERE h.sleeve_id = s.id AND h.symbol = c.symbol",
    "INSERT INTO lots (sleeve_id, symbol, quantity, cost_per_share, acquired)"
    " SELECT h.sleeve_id, h.symbol, h.quantity, 20, DATE '2024-03-04' FROM outside o"
    " JOIN sleeves s ON s.account_id = o.id JOIN holdings h ON h.sleeve_id = s.id",
    "INSERT INTO paper.accounts (account_id, cash) SELECT o.id, s.cash FROM outside o"
    " JOIN sleeves s ON s.account_id = o.id WHERE s.kind = 'managed'",
    "INSERT INTO paper.positions (account_id, symbol, quantity) SELECT o.id, h.symbol, sum(h.quantity)"
    " FROM outside o JOIN sleeves s ON s.account_id = o.id JOIN holdings h ON h.sleeve_id = s.id GROUP BY 1, 2",
)
CHUNK = 10_000


def make_market(engine: Engine) -> None:
    """Puts securities, prices, models and targets into a migrated, empty database."""
    days = [AS_OF - timedelta(days=back) for back in range(30)]
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        _run(connection, _MARKET, {"days": days})


def make_accounts(engine: Engine, first: int, last: int) -> None:
    """Adds accounts, by number."""
    for start in range(first, last + 1, CHUNK):
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(_MAKE))
            _run(connection, _ACCOUNTS, {"first": start, "last": min(start + CHUNK - 1, last)})
            pack_missing(connection, CHUNK, "")
    settle(engine)


def push_outside(engine: Engine, every: int) -> None:
    """Moves each `every`th account outside its bands."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(_OUTSIDE))
        _run(connection, _PUSH, {"every": every})
        _pack(connection)
    settle(engine)


def _pack(connection: Connection) -> None:
    """Packs positions, which triggers that are off here did not notice."""
    connection.execute(text("DELETE FROM packed_positions"))
    while pack_missing(connection, CHUNK, "")[0]:
        pass


def settle(engine: Engine) -> None:
    """Lets the database tidy up and count what was put in, which it otherwise does while it is measured."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _run(connection: Connection, statements: tuple[str, ...], values: Mapping[str, object]) -> None:
    known = {"securities": SECURITIES, "models": MODELS, "targets": TARGETS, "as_of": AS_OF, **values}
    for each in statements:
        statement = text(each)
        connection.execute(statement, {name: known[name] for name in statement.compile().params})
