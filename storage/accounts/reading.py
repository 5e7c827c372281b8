"""Reads accounts as domain values, many at once: the number of queries does not depend on how many there are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, and_, select

from domain.values.snapshot import (
    MANAGED,
    PROTECTED,
    Account,
    Holding,
    Lot,
    RebalancedTo,
    RecentSale,
    Restriction,
    Sleeve,
    Withdrawal,
    model_key,
)
from domain.values.snapshot_json import overrides_from_json
from storage.schema.tables import accounts, holdings, lots, recent_sales, restrictions, sleeves, withdrawals
from storage.values import among, by_key, exact

Rows = dict[Any, list[Any]]


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account with what only the database knows of it. `sleeve_ids` are the open sleeves' by key.

    `rebalanced_since` is when it was first rebalanced to the target of `rebalanced_to`, which need not be the present.
    """

    account: Account
    rebalanced_to: RebalancedTo | None
    rebalanced_since: date | None
    household_id: str | None
    sleeve_ids: Mapping[str, int]


def read_accounts(connection: Connection, ids: Collection[str]) -> dict[str, StoredAccount]:
    """The accounts that exist among `ids`, by id."""
    query = select(accounts, exact(accounts.c.gain_budget).label("budget")).where(among(accounts.c.id, ids))
    rows = connection.execute(query.order_by(by_key(accounts.c.id))).all()
    if not rows:
        return {}
    sleeves_of = _open_sleeves(connection, ids)
    held = _holdings(connection, ids)
    limits = _restrictions(connection, ids)
    cash_out = _grouped(
        connection,
        select(withdrawals.c.account_id, exact(withdrawals.c.amount), withdrawals.c.due)
        .where(among(withdrawals.c.account_id, ids))
        .order_by(withdrawals.c.id),
    )
    sold = read_sales(connection, ids)
    return {
        row.id: _stored(
            row,
            [(sleeve, tuple(held.get(sleeve.id, ()))) for sleeve in sleeves_of.get(row.id, ())],
            tuple(limits.get(row.id, ())),
            tuple(Withdrawal(amount, due) for _, amount, due in cash_out.get(row.id, ())),
            tuple(sold.get(row.id, ())),
        )
        for row in rows
    }


def sleeve_key(kind: str, model_id: str | None) -> str:
    """The domain's name of a sleeve row."""
    return model_key(model_id) if model_id is not None else kind


def read_sales(connection: Connection, ids: Collection[str], since: date = date.min) -> dict[str, list[RecentSale]]:
    """The sales of accounts since a day, those that books state and those that we noted."""
    query = (
        select(
            recent_sales.c.account_id,
            recent_sales.c.symbol,
            recent_sales.c.sold,
            exact(recent_sales.c.quantity).label("quantity"),
            exact(recent_sales.c.gain).label("gain"),
            exact(recent_sales.c.cost_per_share).label("cost"),
            recent_sales.c.acquired,
            recent_sales.c.rebalance_id,
        )
        .where(among(recent_sales.c.account_id, ids), recent_sales.c.sold >= since)
        .order_by(recent_sales.c.id)
    )
    return {
        key: [
            RecentSale(row.symbol, row.sold, row.quantity, row.gain, key, row.cost, row.acquired, row.rebalance_id)
            for row in rows
        ]
        for key, rows in _grouped(connection, query).items()
    }


def _stored(
    row: Any,
    sleeves_held: list[tuple[Any, tuple[Holding, ...]]],
    limits: tuple[Restriction, ...],
    cash_out: tuple[Withdrawal, ...],
    sold: tuple[RecentSale, ...],
) -> StoredAccount:
    known = {
        sleeve_key(sleeve.kind, sleeve.model_id): (sleeve.id, sleeve.cash, found) for sleeve, found in sleeves_held
    }
    in_order = [Sleeve(key, cash, found) for key, (_, cash, found) in known.items()]
    to_present_target = row.target_id is not None and row.rebalanced_target_id == row.target_id
    rebalanced = None
    if row.rebalanced_target_id is not None:
        rebalanced = RebalancedTo(row.rebalanced_target_id, row.rebalanced_target_version)
    account = Account(
        id=row.id,
        name=row.name,
        custodian=row.custodian,
        tax_status=row.tax_status,
        status=row.status,
        rebalancing=row.rebalancing,
        target_id=row.target_id,
        managed=next(sleeve for sleeve in in_order if sleeve.key == MANAGED),
        model_sleeves=tuple(sleeve for sleeve in in_order if sleeve.key not in {MANAGED, PROTECTED}),
        protected=next((sleeve.holdings for sleeve in in_order if sleeve.key == PROTECTED), ()),
        first_rebalanced=row.first_rebalanced if to_present_target else None,
        lot_relief=row.lot_relief,
        gain_budget=row.budget,
        restrictions=limits,
        withdrawals=cash_out,
        recent_sales=sold,
        policy=overrides_from_json(row.policy),
        custodian_account=row.custodian_account,
    )
    ids = {key: each[0] for key, each in known.items()}
    return StoredAccount(account, rebalanced, row.first_rebalanced, row.household_id, ids)


def _open_sleeves(connection: Connection, ids: Collection[str]) -> Rows:
    query = (
        select(
            sleeves.c.account_id, sleeves.c.id, sleeves.c.kind, sleeves.c.model_id, exact(sleeves.c.cash).label("cash")
        )
        .where(among(sleeves.c.account_id, ids), sleeves.c.status == "open")
        .order_by(sleeves.c.id)
    )
    return _grouped(connection, query)


def _holdings(connection: Connection, ids: Collection[str]) -> dict[int, list[Holding]]:
    """Holdings by the id of their sleeve, by symbol; their lots as they came."""
    of_accounts = and_(among(sleeves.c.account_id, ids), sleeves.c.status == "open")
    bought = _grouped(
        connection,
        select(lots.c.sleeve_id, lots.c.symbol, exact(lots.c.quantity), exact(lots.c.cost_per_share), lots.c.acquired)
        .select_from(lots.join(sleeves, sleeves.c.id == lots.c.sleeve_id))
        .where(of_accounts)
        .order_by(lots.c.id),
        lambda row: (row[0], row[1]),
    )
    query = (
        select(holdings.c.sleeve_id, holdings.c.symbol, exact(holdings.c.quantity))
        .select_from(holdings.join(sleeves, sleeves.c.id == holdings.c.sleeve_id))
        .where(of_accounts)
        .order_by(by_key(holdings.c.symbol))
    )
    return {
        sleeve: [
            Holding(symbol, quantity, tuple(Lot(*lot[2:]) for lot in bought.get((sleeve, symbol), ())))
            for _, symbol, quantity in rows
        ]
        for sleeve, rows in _grouped(connection, query).items()
    }


def _restrictions(connection: Connection, ids: Collection[str]) -> dict[str, list[Restriction]]:
    query = select(restrictions).where(among(restrictions.c.account_id, ids)).order_by(restrictions.c.id)
    return {
        key: [
            Restriction(row.type, row.symbol, row.starts, row.until, row.destination, row.substitute, row.hold)
            for row in rows
        ]
        for key, rows in _grouped(connection, query, lambda row: row.account_id).items()
    }


def _grouped(connection: Connection, query: Any, key: Any = lambda row: row[0]) -> Rows:
    """The rows of a query by key, which is their first column unless told otherwise."""
    found: Rows = {}
    for row in connection.execute(query):
        found.setdefault(key(row), []).append(row)
    return found
