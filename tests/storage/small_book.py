"""A small book that tests change and load: two models, a target with a sub-target, three accounts."""

import copy
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from domain.values.purpose import FULL
from policy import in_force
from storage.actor import Actor
from storage.connection import Books, Transaction
from storage.intake.loading import LoadReport, load
from storage.record.audit import Audit
from storage.work.rebalances import NewRebalance

TODAY = date(2026, 11, 20)  # a Friday; the book's own day
Json = dict[str, Any]

BOOK: Json = {
    "as_of": "2026-11-20",
    "policy": {"minimum_trade_amount": "50.00", "price_max_age_days": 2},
    "securities": [
        {"symbol": "X", "name": "Ex", "price": "100.00"},
        {"symbol": "Y", "name": "Why", "price": "50.00", "quantity_increment": "0.001"},
        {"symbol": "Z", "name": "Zed", "price": "20.00", "price_as_of": "2026-11-19"},
    ],
    "models": [
        {
            "id": "M", "name": "Em", "manager": "Ann", "investment_minimum": "1000", "version": 2,
            "holdings": [
                {"symbol": "Y", "weight": "0.60"}, {"symbol": "Z", "weight": "0.38"}, {"cash": True, "weight": "0.02"},
            ],
        },
        {"id": "N", "holdings": [{"symbol": "Z", "weight": "1"}]},
    ],
    "targets": [
        {"id": "CORE", "components": [{"security": "Y", "weight": "0.5"}, {"security": "Z", "weight": "0.5"}]},
        {
            "id": "GROWTH", "name": "Growth", "policy": {"threshold_relative": "0.10"},
            "components": [
                {"model": "M", "weight": "0.40", "threshold": {"relative": "0.25"}},
                {"security": "X", "weight": "0.30", "threshold": {"lower": "0.25", "upper": "0.35"}},
                {"target": "CORE", "weight": "0.28"},
                {"cash": True, "weight": "0.02"},
            ],
        },
        {"id": "ALL-X", "components": [{"security": "X", "weight": "0.98"}]},
    ],
    "account_groups": [{"id": "FAMILY", "accounts": ["A-2", "A-1"]}],
    "accounts": [
        {
            "id": "A-1", "name": "One", "target": "GROWTH", "first_rebalanced": "2026-01-05", "cash": "500.25",
            "lot_relief": "hifo", "gain_budget": "1000.00", "policy": {"four_eyes": False, "wash_sale_days": 10},
            "holdings": [
                {"symbol": "X", "lots": [
                    {"quantity": "20", "cost_per_share": "90.10", "acquired": "2025-02-03"},
                    {"quantity": "10.5", "cost_per_share": "80", "acquired": "2024-02-05"},
                ]},
                {"symbol": "Y", "quantity": "30.125"},
            ],
            "sleeves": [{"model": "M", "cash": "12.00", "holdings": [
                {"symbol": "Z", "quantity": "70"}, {"symbol": "Y", "lots": [
                    {"quantity": "50", "cost_per_share": "45.00", "acquired": "2025-06-02"}]},
            ]}],
            "protected": [{"symbol": "X", "quantity": "5"}],
            "recent_sales": [{"symbol": "Z", "date": "2026-11-02", "quantity": "3", "gain": "-12.50"}],
            "withdrawals": [{"amount": "100.00", "due": "2026-12-01"}],
        },
        {
            "id": "A-2", "name": "Two", "target": "CORE", "cash": "10000",
            "restrictions": [
                {"type": "exclude", "symbol": "Z", "to": "cash", "from": "2026-01-01", "until": "2026-12-31"},
                {"type": "substitute", "symbol": "Y", "by": "X"},
            ],
            "recent_sales": [{"symbol": "Y", "date": "2026-11-05", "quantity": "1", "gain": "-5"}],
        },
        {"id": "a-3", "name": "Three", "rebalancing": False, "custodian": "OTHER",
         "cash": "1.00", "holdings": [{"symbol": "Z", "quantity": "4"}]},
    ],
}  # fmt: skip


def book(**changes: Any) -> Json:
    """The small book, to be changed at will."""
    return copy.deepcopy(BOOK) | changes


def account(raw: Json, account_id: str) -> Json:
    """An account of a raw book."""
    found: Json = next(each for each in raw["accounts"] if each["id"] == account_id)
    return found


def loaded(books: Books, raw: Json | None = None, today: date = TODAY, who: str = "ann") -> LoadReport:
    """Loads a raw book; the small one where none is given."""
    market = book() if raw is None else copy.deepcopy(raw)
    accounts = market.pop("accounts", [])
    policy = in_force(date.fromisoformat(market["as_of"]))
    return load(books, market, iter(accounts), policy, today, Actor(who))


def decision(transaction: Transaction) -> str:
    """A rebalance of A-1 with one round that was decided and kept; its id."""
    new = NewRebalance("A-1", "rebalance/A-1#run", "rebalance/A-1", None, FULL, "exact", "required", "ann", ())
    made = transaction.rebalances.create(new)
    transaction.rebalances.keep_snapshot(made, 1, {"cash": "1.00"}, {})
    transaction.rebalances.keep_plan(made, {"orders": []}, "PENDING_APPROVAL", None)
    return made


def rows(books: Books, query: str, **values: object) -> Sequence[Any]:
    """What the database says."""
    with books.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]


def by_hand(connection: Connection, *accounts: str) -> None:
    """Records that a test changed the market, or accounts, by statements of its own: nothing is changed without."""
    audit = Audit(connection, Actor("test"))
    for account_id in accounts or (None,):
        audit.record("changed by hand", account_id=account_id)
    audit.write()


def audited(books: Books, after: int = 0) -> list[tuple[str, str | None]]:
    """The actions recorded since a record, with their accounts; but what the migrations attested."""
    query = "SELECT action, account_id FROM audit_records WHERE id > :a AND chain <> 'guard' ORDER BY id"
    return [tuple(row) for row in rows(books, query, a=after)]


def last_audit(books: Books) -> int:
    """The newest audit record."""
    return int(rows(books, "SELECT coalesce(max(id), 0) FROM audit_records")[0][0])


def contents(books: Books) -> dict[str, list[Any]]:
    """Every row of every table, partitions with their whole, the hidden columns that tell a rewrite included."""
    names = rows(
        books,
        "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('public', 'paper', 'fix')"
        " AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = format('%I.%I', schemaname, tablename)::regclass)"
        " ORDER BY 1",
    )
    return {name: sorted(map(str, rows(books, f"SELECT xmin, * FROM {name}"))) for (name,) in names}


def effects(books: Books) -> dict[str, list[Any]]:
    """As `contents`, but for the record that a command was refused, which is no effect of it."""
    found = contents(books)
    del found["public.audit_heads"], found["public.audit_records"]
    return found | {"records": rows(books, "SELECT id, hash FROM audit_records WHERE action <> 'command refused'")}


def migrations_command(owner: Engine, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m storage.migrations` as the owner of the tables types it."""
    environment = {"REBALANCER_DATABASE_URL": owner.url.render_as_string(hide_password=False)}
    call = [sys.executable, "-m", "storage.migrations", *arguments]
    here = Path(__file__).parents[2]
    return subprocess.run(call, env=environment, cwd=here, capture_output=True, text=True, check=False)
