"""Statements: what a custodian's daily figures do to an account's books.

Asked by `rebalancer positions` for every account whose books and statement differ. What a difference can only mean is
booked: money came or went, or shares of the managed sleeve did. What it could mean several ways becomes a break, for a
person to find out: the custodian knows nothing of sleeves (RECON-1).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from domain.executing.reconciliation import Break, Ledger, compare, corrected, ledger
from domain.values.money import ZERO
from domain.values.snapshot import Account, Holding, Lot, Withdrawal


@dataclass(frozen=True, slots=True)
class Statement:
    """An account as its custodian states it. A symbol that is not among the positions is not spoken of.

    Nor is cash that is None. `lots` are the custodian's, by symbol, where it states them.
    """

    cash: Decimal | None
    positions: Mapping[str, Decimal]
    lots: Mapping[str, tuple[Lot, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settled:
    """The account with what could be booked, the differences that could not, and the withdrawal that was paid."""

    account: Account
    booked: tuple[Break, ...]
    breaks: tuple[Break, ...]
    paid: Withdrawal | None


@dataclass(frozen=True, slots=True)
class Traded:
    """What an account traded since the end of a statement's day: cash and shares, above 0 what came."""

    cash: Decimal
    positions: Mapping[str, Decimal]


def brought_forward(statement: Statement, since: Traded) -> Statement:
    """A statement as it would be today: with the trades since its day, which are no differences (DAY-5)."""
    symbols = statement.positions.keys() | since.positions.keys()
    return replace(
        statement,
        cash=None if statement.cash is None else statement.cash + since.cash,
        positions={
            symbol: statement.positions.get(symbol, ZERO) + since.positions.get(symbol, ZERO)
            for symbol in sorted(symbols)
        },
    )


def settle(
    account: Account, statement: Statement, in_doubt: Collection[str | None], securities: Collection[str]
) -> Settled:
    """Brings the books to the statement as far as that is beyond doubt.

    `in_doubt` are the symbols (None: cash) of which a break is open: somebody is finding out, nothing is booked.
    """
    booked, breaks = [], []
    after = account
    kept = ledger(account)
    cash = kept.cash if statement.cash is None else statement.cash
    for found in compare(kept, Ledger(cash, statement.positions)):
        if found.symbol not in in_doubt and _is_clear(account, statement, found, securities):
            after = _with_lots(corrected(after, found), found, statement)
            booked.append(found)
        else:
            breaks.append(found)
    paid = next((_paid(account, found) for found in booked if found.symbol is None), None)
    if paid is not None:
        left = list(account.withdrawals)
        left.remove(paid)
        after = replace(after, withdrawals=tuple(left))
    return Settled(after, tuple(booked), tuple(breaks), paid)


def _is_clear(account: Account, statement: Statement, found: Break, securities: Collection[str]) -> bool:
    """True where the difference can only be the managed sleeve's.

    Cash is, unless more went than that sleeve has. Shares are, where no other sleeve holds the symbol, which a split
    or a transfer may concern; and where the statement names them: a line that is missing takes nobody's lots away.
    """
    if found.symbol is None:
        return account.managed.cash + found.actual - found.expected >= min(ZERO, account.managed.cash)
    elsewhere = (*(holding for sleeve in account.model_sleeves for holding in sleeve.holdings), *account.protected)
    return (
        found.symbol in securities
        and found.symbol in statement.positions
        and all(holding.symbol != found.symbol for holding in elsewhere)
    )


def _with_lots(account: Account, found: Break, statement: Statement) -> Account:
    """A position that is wholly new comes with the lots that the custodian states, and their cost with it."""
    lots = statement.lots.get(found.symbol or "")
    if not lots or found.expected:
        return account
    managed = account.managed
    held = tuple(
        Holding(each.symbol, each.quantity, lots) if each.symbol == found.symbol else each for each in managed.holdings
    )
    return replace(account, managed=replace(managed, holdings=held))


def _paid(account: Account, cash: Break) -> Withdrawal | None:
    """The pending withdrawal of exactly the cash that went, the one due first: it was paid (CASH-1)."""
    of_amount = [each for each in account.withdrawals if each.amount == cash.expected - cash.actual]
    return min(of_amount, key=lambda each: each.due, default=None)
