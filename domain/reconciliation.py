"""Reconciliation: do our books agree with the custodian's?

Asked after every execution, over all sleeves of the account together, as the custodian knows nothing of sleeves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from domain.money import ZERO, money, plain
from domain.rules import Finding, Rule, error
from domain.snapshot import Account

RECON_1 = Rule("RECON-1", "The books are compared with the custodian's; a difference is a break until it is resolved.")
RECON_2 = Rule("RECON-2", "A model sleeve that got no fill is closed again; a closing one with nothing left is closed.")


@dataclass(frozen=True, slots=True)
class Ledger:
    """An account as one total: cash, and quantities by symbol."""

    cash: Decimal
    positions: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Break:
    """A difference between the books (`expected`) and the custodian (`actual`). `symbol` is None for cash."""

    kind: Literal["quantity", "cash"]
    symbol: str | None
    expected: Decimal
    actual: Decimal


def ledger(account: Account) -> Ledger:
    """The account's books as one total, protected holdings included."""
    positions: dict[str, Decimal] = {}
    for holdings in (*(sleeve.holdings for sleeve in account.sleeves), account.protected):
        for holding in holdings:
            positions[holding.symbol] = positions.get(holding.symbol, ZERO) + holding.quantity
    return Ledger(sum((sleeve.cash for sleeve in account.sleeves), ZERO), positions)


def compare(books: Ledger, custodian: Ledger) -> tuple[Break, ...]:
    """Every difference, cash first, then by symbol (RECON-1)."""
    found = []
    if books.cash != custodian.cash:
        found.append(Break("cash", None, books.cash, custodian.cash))
    for symbol in sorted(books.positions.keys() | custodian.positions.keys()):
        expected, actual = books.positions.get(symbol, ZERO), custodian.positions.get(symbol, ZERO)
        if expected != actual:
            found.append(Break("quantity", symbol, expected, actual))
    return tuple(found)


def findings(account_id: str, breaks: Iterable[Break]) -> list[Finding]:
    """An error for every break."""
    return [
        error(
            RECON_1,
            f"account {account_id}: the books have {_amount(each, each.expected)} and the custodian "
            f"{_amount(each, each.actual)}. The difference stays open until somebody resolves it with a note",
            kind=each.kind,
            symbol=each.symbol,
            expected=each.expected,
            actual=each.actual,
        )
        for each in breaks
    ]


def _amount(each: Break, amount: Decimal) -> str:
    return f"{money(amount)} in cash" if each.symbol is None else f"{plain(amount)} {each.symbol}"
