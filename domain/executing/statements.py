"""Statements: what a custodian's daily figures do to an account's books.

Asked by `rebalancer positions` for every account whose books and statement differ. What a difference can only mean is
booked: money came or went, or shares of the managed sleeve did. What it could mean several ways becomes a break, for a
person to find out: the custodian knows nothing of sleeves (RECON-1).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from domain.books.corporate_actions import CorporateAction, apply
from domain.executing.reconciliation import Break, Ledger, compare, corrected, ledger
from domain.values.money import ZERO
from domain.values.snapshot import Account, Holding, Lot, Withdrawal

ROUNDED = Decimal("1e-9")  # of a share: what dividing lots may lose


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
    """What an account traded of a symbol on a day: shares and cash, above 0 what came."""

    day: date
    symbol: str
    quantity: Decimal
    cash: Decimal


def brought_forward(statement: Statement, since: Sequence[Traded | CorporateAction], account: Account) -> Statement:
    """A statement as it would be today: what happened since its day is no difference (DAY-5).

    `since` are the trades, and the corporate actions that the books have, from the day after on; `account` is as the
    books have it. On a day an action comes first: it is of what was held before. What the statement doesn't name and
    had, as more is held than was traded since, stays unnamed.
    """
    kept = ledger(account)
    named, lots = set(statement.positions), dict(statement.lots)
    then = _holding(account, statement.cash or ZERO, statement.positions)
    for each in sorted(since, key=lambda each: (each.day, isinstance(each, Traded))):
        if isinstance(each, Traded):
            total = ledger(then)
            held = {**total.positions, each.symbol: total.positions.get(each.symbol, ZERO) + each.quantity}
            then = _holding(account, total.cash + each.cash, held)
            continue
        then = apply(then, each).account
        lots.pop(each.symbol, None)
        if each.symbol in named and each.to is not None:
            named.add(each.to)
    total = ledger(then)
    positions = {}
    for symbol in sorted(named | total.positions.keys()):
        quantity, ours = total.positions.get(symbol, ZERO), kept.positions.get(symbol, ZERO)
        as_ours = abs(quantity - ours) < ROUNDED  # lots are divided one by one, and rounded so
        if symbol in named or as_ours:
            positions[symbol] = ours if as_ours else quantity
    return Statement(None if statement.cash is None else total.cash, positions, lots)


def _holding(account: Account, cash: Decimal, positions: Mapping[str, Decimal]) -> Account:
    """The account as if it held no more than this, in one sleeve: a custodian knows nothing of others."""
    holdings = tuple(Holding(symbol, each, (Lot(each),)) for symbol, each in sorted(positions.items()) if each)
    managed = replace(account.managed, cash=cash, holdings=holdings)
    return replace(account, managed=managed, model_sleeves=(), protected=())


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
