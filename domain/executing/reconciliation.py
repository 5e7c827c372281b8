"""Reconciliation: do our books agree with the custodian's?

Asked after every execution, over all sleeves of the account together, as the custodian knows nothing of sleeves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from domain.values.money import ZERO, money, plain
from domain.values.rules import Finding, Rule, error
from domain.values.snapshot import Account, Holding, Lot, Sleeve

RECON_1 = Rule("RECON-1", "The books are compared with the custodian's; a difference is a break until it is resolved.")
BREAK_1 = Rule(
    "BREAK-1", "A break whose figures agree again in a later statement is closed by it; while open it shows the newest."
)
RECON_2 = Rule("RECON-2", "A model sleeve that got no fill is closed again; a closing one with nothing left is closed.")


@dataclass(frozen=True, slots=True)
class Ledger:
    """An account as one total: cash, and quantities by symbol."""

    cash: Decimal
    positions: Mapping[str, Decimal]


BreakKind = Literal["quantity", "cash", "overfill", "foreign_answer", "changed_fill", "allocation"]
COMPARED: tuple[BreakKind, ...] = ("quantity", "cash")  # the kinds that a comparison finds, and that can be booked


@dataclass(frozen=True, slots=True)
class Break:
    """A difference between the books (`expected`) and the custodian (`actual`). `symbol` is None for cash.

    Of an order it is the quantity ordered (`expected`), and what the venue filled beyond it (`overfill`), or has under
    the order's ID (`foreign_answer`). Of fills that the venue busted or corrected later (`changed_fill`) it is what was
    written down, shares or cash, and what the venue has now. Of a block it is what was allocated, and nothing: the
    custodian refused it (`allocation`).
    """

    kind: BreakKind
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


def corrected(account: Account, found: Break) -> Account:
    """The account with the custodian's figure of one break booked, so that the books agree with it.

    What the custodian has more comes into the managed sleeve, shares as a lot of unknown cost. What it has less goes
    out of the managed sleeve first, then out of the model sleeves by their key, then out of what is protected; shares
    leave first in, first out. It is no sale: no gain is realised.
    """
    missing = found.expected - found.actual
    if found.symbol is None:
        sleeves = _cash_taken(account, missing)
        return replace(account, managed=sleeves[0], model_sleeves=tuple(sleeves[1:]))
    if missing < 0:
        more = Holding(found.symbol, -missing, (Lot(-missing),))
        return replace(account, managed=replace(account.managed, holdings=_with(account.managed.holdings, more)))
    sleeves = []
    for sleeve in account.sleeves:
        kept, missing = _shares_taken(sleeve.holdings, found.symbol, missing)
        sleeves.append(replace(sleeve, holdings=kept))
    protected, _ = _shares_taken(account.protected, found.symbol, missing)
    return replace(account, managed=sleeves[0], model_sleeves=tuple(sleeves[1:]), protected=protected)


def _cash_taken(account: Account, missing: Decimal) -> list[Sleeve]:
    """Cash less by what is missing (more, where that is below 0); an overdraft is the managed sleeve's."""
    sleeves = list(account.sleeves)
    here = missing if missing <= 0 else min(missing, max(ZERO, sleeves[0].cash))
    sleeves[0] = replace(sleeves[0], cash=sleeves[0].cash - here)
    missing -= here
    for at, sleeve in enumerate(sleeves[1:], start=1):
        taken = min(missing, max(ZERO, sleeve.cash))
        sleeves[at] = replace(sleeve, cash=sleeve.cash - taken)
        missing -= taken
    sleeves[0] = replace(sleeves[0], cash=sleeves[0].cash - missing)
    return sleeves


def _shares_taken(holdings: tuple[Holding, ...], symbol: str, missing: Decimal) -> tuple[tuple[Holding, ...], Decimal]:
    """The holdings without the missing shares, first in, first out, and how many are still missing."""
    kept: list[Holding] = []
    for holding in holdings:
        if holding.symbol != symbol or not missing:
            kept.append(holding)
            continue
        lots = []
        for lot in sorted(holding.lots, key=lambda each: (each.acquired is not None, each.acquired)):
            taken = min(lot.quantity, missing)
            missing -= taken
            lots.append(replace(lot, quantity=lot.quantity - taken))
        left = tuple(lot for lot in lots if lot.quantity)
        if left:
            kept.append(Holding(symbol, sum((lot.quantity for lot in left), ZERO), left))
    return tuple(kept), missing


def _with(holdings: tuple[Holding, ...], more: Holding) -> tuple[Holding, ...]:
    """The holdings with more of one, in the order of their symbols."""
    held = {each.symbol: each for each in holdings}
    had = held.get(more.symbol)
    held[more.symbol] = (
        more if had is None else Holding(more.symbol, had.quantity + more.quantity, had.lots + more.lots)
    )
    return tuple(held[symbol] for symbol in sorted(held))


def findings(account_id: str, breaks: Iterable[tuple[int, Break]]) -> list[Finding]:
    """An error for every break, under the number by which it is resolved."""
    return [
        error(
            RECON_1,
            f"account {account_id}: {_said(each)}. Find out which is right, then: rebalancer breaks resolve {number} "
            "--note TEXT",
            break_id=number,
            kind=each.kind,
            symbol=each.symbol,
            expected=each.expected,
            actual=each.actual,
        )
        for number, each in breaks
    ]


def _said(each: Break) -> str:
    if each.kind == "changed_fill":
        told, now = (_amount(each, figure) for figure in (each.expected, each.actual))
        return f"{told} of an order were written down, and the venue busted or corrected it since: it has {now} now"
    ordered = f"{plain(each.expected)} {each.symbol} were ordered"
    if each.kind == "overfill":
        return f"{ordered}, and the venue filled {plain(each.actual)}, which are in the books"
    if each.kind == "foreign_answer":
        return f"{ordered}, and the venue answered for another order under the same ID, of {plain(each.actual)}"
    if each.kind == "allocation":
        return (
            f"{plain(each.expected)} {each.symbol} of a block are allocated to it, and the custodian refused them: "
            "they are not in its books"
        )
    return f"the books have {_amount(each, each.expected)} and the custodian {_amount(each, each.actual)}"


def _amount(each: Break, amount: Decimal) -> str:
    return f"{money(amount)} in cash" if each.symbol is None else f"{plain(amount)} {each.symbol}"
