"""Tax households: what their other accounts sold and bought lately, booked or on its way to the venue (WASH-1)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from domain.tax.household_trades import (
    left_of,
    looks_back_to,
    planned_sales,
    sales_look_back_to,
    year_looks_back_to,
)
from domain.values.snapshot import RecentBuy, RecentSale, TaxStatus
from storage.accounts.reading import StoredAccount, read_sales
from storage.record import documents
from storage.schema.execution import rebalances
from storage.schema.tables import accounts, lots, recent_sales, sleeves
from storage.values import among, by_key, exact
from storage.work.rebalances import TRADING


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the other accounts of a household traded lately."""

    sales: tuple[RecentSale, ...] = ()
    buys: tuple[RecentBuy, ...] = ()


ALONE = Elsewhere()


def elsewhere(
    connection: Connection, found: Iterable[StoredAccount], as_of: date, wash_sale_days: int
) -> dict[str, Elsewhere]:
    """For each account that belongs to a household, what the others traded."""
    home = {stored.account.id: stored.household_id for stored in found if stored.household_id is not None}
    if not home:
        return {}
    members: dict[str, list[str]] = {}
    taxed_as: dict[str, TaxStatus] = {}
    for row in connection.execute(
        select(accounts.c.id, accounts.c.household_id, accounts.c.tax_status)
        .where(among(accounts.c.household_id, set(home.values())))
        .order_by(by_key(accounts.c.id))
    ):
        members.setdefault(row.household_id, []).append(row.id)
        taxed_as[row.id] = row.tax_status
    everybody = [member for together in members.values() for member in together]
    since = sales_look_back_to(as_of, wash_sale_days)
    sold: dict[str, list[RecentSale]] = read_sales(connection, everybody, since)
    bought = _recent_lots(connection, taxed_as, as_of, wash_sale_days)
    for account_id, plan, day in _under_way(connection, everybody):
        for order in plan["orders"]:
            if order["side"] == "buy":
                buy = RecentBuy(
                    order["symbol"],
                    day,
                    Decimal(order["quantity"]),
                    account_id,
                    taxed_as[account_id],
                    Decimal(order["price"]),
                )
                bought.setdefault(account_id, []).append(buy)
            else:
                sales = planned_sales(order, account_id, day)
                sold.setdefault(account_id, []).extend(sales)
                bought[account_id] = list(left_of(bought.get(account_id, ()), sales))
    return {
        account_id: Elsewhere(
            tuple(
                sale
                for other in members[household]
                if other != account_id and taxed_as[other] == "taxable"
                for sale in sold.get(other, ())
            ),
            tuple(buy for other in members[household] if other != account_id for buy in bought.get(other, ())),
        )
        for account_id, household in home.items()
    }


def _recent_lots(
    connection: Connection, taxed_as: Mapping[str, TaxStatus], as_of: date, days: int
) -> dict[str, list[RecentBuy]]:
    """What was bought lately and is still held, by account, a line for each purchase.

    Of what is noted as sold at a loss since long ago as well: it tells which of this year's losses count (TAX-1).
    """
    sold = select(recent_sales.c.symbol).where(among(recent_sales.c.account_id, taxed_as), recent_sales.c.gain < 0)
    near, year = looks_back_to(as_of, days), year_looks_back_to(as_of, days)
    since = or_(lots.c.acquired >= near, and_(lots.c.acquired >= year, lots.c.symbol.in_(sold)))
    purchase = lots.c.symbol, lots.c.acquired, lots.c.cost_per_share
    query = (
        select(
            sleeves.c.account_id,
            lots.c.symbol,
            lots.c.acquired,
            exact(lots.c.cost_per_share).label("cost"),
            exact(func.sum(lots.c.quantity)).label("quantity"),
        )
        .select_from(lots.join(sleeves, sleeves.c.id == lots.c.sleeve_id))
        .where(among(sleeves.c.account_id, taxed_as), sleeves.c.status == "open", since)
        .group_by(sleeves.c.account_id, *purchase)
        .order_by(by_key(sleeves.c.account_id), by_key(lots.c.symbol), lots.c.acquired, lots.c.cost_per_share)
    )
    found: dict[str, list[RecentBuy]] = {}
    for row in connection.execute(query):
        owner = row.account_id
        buy = RecentBuy(row.symbol, row.acquired, row.quantity, owner, taxed_as[owner], row.cost)
        found.setdefault(owner, []).append(buy)
    return found


def _under_way(connection: Connection, ids: Collection[str]) -> list[tuple[str, Mapping[str, Any], date]]:
    """The plans whose orders are out and whose fills are not booked yet, by account, with their trade date (DAY-2)."""
    traded = func.json_extract_path_text(documents.content(rebalances, "snapshot"), "trade_date")
    query = (
        select(rebalances.c.account_id, documents.content(rebalances, "plan"), traded.label("traded"))
        .where(among(rebalances.c.account_id, ids), rebalances.c.stage.in_(TRADING))
        .order_by(by_key(rebalances.c.account_id))
    )
    found = connection.execute(query)
    return [(row.account_id, row.plan, date.fromisoformat(row.traded or row.plan["as_of"])) for row in found]
