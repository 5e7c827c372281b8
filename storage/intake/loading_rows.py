"""A book's account as rows, as an audit record, and in the form in which two states of it compare."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from domain.values.money import ZERO
from domain.values.snapshot import Account, Holding, Sleeve
from storage.accounts.positions import all_sleeves

RESTRICTION_COLUMNS = ("account_id", "type", "symbol", "destination", "substitute", "hold", "starts", "until")
WITHDRAWAL_COLUMNS = ("account_id", "amount", "due")
SALE_COLUMNS = ("account_id", "symbol", "sold", "quantity", "gain", "cost_per_share", "acquired")

Row = tuple[object, ...]


def comparable(account: Account) -> Account:
    """The same account with its sleeves and holdings in the order of keys, as the database has no other."""
    return replace(
        account,
        managed=_ordered(account.managed),
        model_sleeves=tuple(sorted(map(_ordered, account.model_sleeves), key=lambda each: each.key)),
        protected=_by_symbol(account.protected),
        first_rebalanced=None if account.target_id is None else account.first_rebalanced,
        recent_sales=tuple(each for each in account.recent_sales if each.rebalance_id is None),  # those a book states
    )


def _ordered(sleeve: Sleeve) -> Sleeve:
    return replace(sleeve, holdings=_by_symbol(sleeve.holdings))


def _by_symbol(holdings: Iterable[Holding]) -> tuple[Holding, ...]:
    return tuple(sorted(holdings, key=lambda each: each.symbol))


def restriction_rows(accounts: Iterable[Account]) -> Iterator[Row]:
    """Restrictions, in RESTRICTION_COLUMNS."""
    for account in accounts:
        for each in account.restrictions:
            yield account.id, each.type, each.symbol, each.to, each.by, each.hold, each.start, each.until


def withdrawal_rows(accounts: Iterable[Account]) -> Iterator[Row]:
    """Withdrawals, in WITHDRAWAL_COLUMNS."""
    return ((account.id, each.amount, each.due) for account in accounts for each in account.withdrawals)


def sale_rows(accounts: Iterable[Account]) -> Iterator[Row]:
    """Recent sales, in SALE_COLUMNS."""
    for account in accounts:
        for each in account.recent_sales:
            yield account.id, each.symbol, each.date, each.quantity, each.gain, each.cost_per_share, each.acquired


def total_cash(account: Account) -> Decimal:
    """The cash of all sleeves, which is what a custodian sees."""
    return sum((sleeve.cash for sleeve in account.sleeves), ZERO)


def total_holdings(account: Account) -> dict[str, Decimal]:
    """The quantities of all sleeves by symbol, protected ones too, which is what a custodian sees."""
    totals: dict[str, Decimal] = {}
    for sleeve in all_sleeves(account):
        for held in sleeve.holdings:
            totals[held.symbol] = totals.get(held.symbol, ZERO) + held.quantity
    return totals


def summary(account: Account) -> dict[str, object]:
    """The account as an audit record of a load has it: small, and enough to see what a book changed."""
    return {
        "status": account.status,
        "rebalancing": account.rebalancing,
        "target": account.target_id,
        "cash": str(total_cash(account)),
        "sleeves": [sleeve.key for sleeve in all_sleeves(account)],
        "holdings": sum(len(sleeve.holdings) for sleeve in all_sleeves(account)),
    }
