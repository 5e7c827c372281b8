"""Reads accounts as domain values, many at once: the number of queries does not depend on how many there are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select, text

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
from storage.schema.tables import recent_sales
from storage.values import among, exact

Rows = dict[Any, list[Any]]


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account with what only the database knows of it. `sleeve_ids` are the open sleeves' by key.

    `rebalanced_since` is when it was first rebalanced to the target of `rebalanced_to`, which need not be the present.
    `open_breaks` are the numbers of its breaks that nobody resolved.
    """

    account: Account
    rebalanced_to: RebalancedTo | None
    rebalanced_since: date | None
    household_id: str | None
    sleeve_ids: Mapping[str, int]
    open_breaks: tuple[str, ...] = ()


# All of an account in one row: what belongs to it as arrays, numbers as text, so that they are exact.
ACCOUNTS = """
    SELECT a.*, trim_scale(a.gain_budget) AS budget,
      (SELECT json_agg(json_build_array(s.id, s.kind, s.model_id, trim_scale(s.cash)::text, (
          SELECT json_agg(json_build_array(h.symbol, trim_scale(h.quantity)::text, (
              SELECT json_agg(json_build_array(
                trim_scale(l.quantity)::text, trim_scale(l.cost_per_share)::text, l.acquired) ORDER BY l.id)
              FROM lots l WHERE l.sleeve_id = h.sleeve_id AND l.symbol = h.symbol
            )) ORDER BY h.symbol COLLATE "C")
          FROM holdings h WHERE h.sleeve_id = s.id
        )) ORDER BY s.id)
        FROM sleeves s WHERE s.account_id = a.id AND s.status = 'open') AS open_sleeves,
      (SELECT json_agg(json_build_array(r.type, r.symbol, r.starts, r.until, r.destination, r.substitute, r.hold)
          ORDER BY r.id)
        FROM restrictions r WHERE r.account_id = a.id) AS limits,
      (SELECT json_agg(json_build_array(trim_scale(w.amount)::text, w.due) ORDER BY w.id)
        FROM withdrawals w WHERE w.account_id = a.id) AS cash_out,
      (SELECT json_agg(json_build_array(r.symbol, r.sold, trim_scale(r.quantity)::text, trim_scale(r.gain)::text,
          trim_scale(r.cost_per_share)::text, r.acquired, r.rebalance_id) ORDER BY r.id)
        FROM recent_sales r WHERE r.account_id = a.id) AS sales,
      (SELECT array_agg(b.id ORDER BY b.id)
        FROM breaks b WHERE b.account_id = a.id AND b.resolved_at IS NULL) AS open_breaks
    FROM accounts a WHERE {wanted} ORDER BY a.id COLLATE "C"
    """
MANY = text(ACCOUNTS.format(wanted="a.id = ANY(CAST(:ids AS text[]))"))
ONE = text(ACCOUNTS.format(wanted="a.id = :id"))  # whose plan the database keeps: that of many is made for each list


def read_accounts(connection: Connection, ids: Collection[str]) -> dict[str, StoredAccount]:
    """The accounts that exist among `ids`, by id."""
    one = len(ids) == 1
    rows = connection.execute(ONE, {"id": next(iter(ids))}) if one else connection.execute(MANY, {"ids": list(ids)})
    return {row.id: _stored(row) for row in rows}


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


def _stored(row: Any) -> StoredAccount:
    known = {
        sleeve_key(kind, model): (number, Sleeve(sleeve_key(kind, model), Decimal(cash), _holdings(held)))
        for number, kind, model, cash, held in row.open_sleeves or ()
    }
    in_order = [sleeve for _, sleeve in known.values()]
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
        restrictions=tuple(
            Restriction(kind, symbol, _day(starts), _day(until), destination, substitute, hold)
            for kind, symbol, starts, until, destination, substitute, hold in row.limits or ()
        ),
        withdrawals=tuple(Withdrawal(Decimal(amount), date.fromisoformat(due)) for amount, due in row.cash_out or ()),
        recent_sales=tuple(
            RecentSale(
                symbol,
                date.fromisoformat(sold),
                Decimal(quantity),
                Decimal(gain),
                row.id,
                _number(cost),
                _day(acquired),
                rebalance_id,
            )
            for symbol, sold, quantity, gain, cost, acquired, rebalance_id in row.sales or ()
        ),
        policy=overrides_from_json(row.policy),
        custodian_account=row.custodian_account,
    )
    ids = {key: number for key, (number, _) in known.items()}
    breaks = tuple(map(str, row.open_breaks or ()))
    return StoredAccount(account, rebalanced, row.first_rebalanced, row.household_id, ids, breaks)


def _holdings(held: Sequence[Any] | None) -> tuple[Holding, ...]:
    """A sleeve's holdings by symbol; their lots as they came."""
    return tuple(
        Holding(
            symbol,
            Decimal(quantity),
            tuple(Lot(Decimal(part), _number(cost), _day(acquired)) for part, cost, acquired in bought or ()),
        )
        for symbol, quantity, bought in held or ()
    )


def _number(said: str | None) -> Decimal | None:
    return None if said is None else Decimal(said)


def _day(said: str | None) -> date | None:
    return None if said is None else date.fromisoformat(said)


def _grouped(connection: Connection, query: Any, key: Any = lambda row: row[0]) -> Rows:
    """The rows of a query by key, which is their first column unless told otherwise."""
    found: Rows = {}
    for row in connection.execute(query):
        found.setdefault(key(row), []).append(row)
    return found
