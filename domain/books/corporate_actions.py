"""Corporate actions: what a split, a new symbol or a dividend does to an account's lots and cash.

Asked by `rebalancer corporate-actions` for every account that holds the security. The basis of what is held stays: a
split divides it among the new shares, a new symbol takes it over. Only a fraction of a share that is paid out in cash
is a sale, with its gain.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext
from typing import Literal

from domain.values.money import EXACT, ZERO, share_out, to_cent
from domain.values.snapshot import MANAGED, PROTECTED, Account, Holding, Lot, RecentSale, Sleeve

Kind = Literal["split", "reverse_split", "symbol_change", "cash_dividend"]
KEPT = Decimal("1e-12")  # as exactly as the database keeps a quantity


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """One action of one security, on the day from which it counts (the ex-date).

    `new` shares for `old` ones; `price` of a whole new share, at which fractions are paid out (None: they are kept);
    `to`, the new symbol; `amount`, of a dividend, a share. What its kind does not need is None.
    """

    id: str
    kind: Kind
    symbol: str
    day: date
    new: Decimal | None = None
    old: Decimal | None = None
    price: Decimal | None = None
    to: str | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """An account after an action: the cash that came, and what of it was a sale of fractions."""

    account: Account
    cash: Decimal = ZERO
    sales: tuple[RecentSale, ...] = ()


def apply(account: Account, action: CorporateAction) -> Applied:
    """What an action does to an account, over all its sleeves and what is protected."""
    with localcontext(EXACT):
        return _apply(account, action)


def _apply(account: Account, action: CorporateAction) -> Applied:
    if action.kind == "symbol_change":
        return Applied(_renamed(account, action))
    if action.kind == "cash_dividend":
        shares = {key: quantity for key, quantity in _quantities(account, action.symbol).items() if quantity}
        paid = _shared(shares, to_cent(sum(shares.values(), ZERO) * (action.amount or ZERO)))
        return Applied(_with_cash(account, paid), sum(paid.values(), ZERO))
    split = _each_holding(account, action.symbol, lambda held: _split(held, action))
    return _fractions_paid(split, action)


def _fractions_paid(account: Account, action: CorporateAction) -> Applied:
    """Pays out what the account holds, all sleeves together, beyond whole shares, at the price of a share."""
    held = _quantities(account, action.symbol)
    fraction = sum(held.values(), ZERO) % 1
    if action.price is None or not fraction:
        return Applied(account)
    taken: dict[str, Decimal] = {}
    left = fraction
    for key, quantity in held.items():  # each gives of its own fraction: together these are at least that much
        taken[key] = min(left, quantity % 1)
        left -= taken[key]
    paid = _shared({key: each for key, each in taken.items() if each}, to_cent(fraction * action.price))
    sales: list[RecentSale] = []
    after = account
    for key, quantity in taken.items():
        after, sold = _taken_out(after, key, action, quantity)
        sales += sold
    return Applied(_with_cash(after, paid), sum(paid.values(), ZERO), tuple(sales))


def _split(held: Holding, action: CorporateAction) -> Holding:
    """Each lot with its new quantity, and its cost divided among it; days stay."""
    new, old = action.new or Decimal(1), action.old or Decimal(1)
    lots = tuple(
        Lot(
            (lot.quantity * new / old).quantize(KEPT),
            None if lot.cost_per_share is None else (lot.cost_per_share * old / new).quantize(KEPT),
            lot.acquired,
        )
        for lot in held.lots
    )
    lots = tuple(lot for lot in lots if lot.quantity)
    return Holding(held.symbol, sum((lot.quantity for lot in lots), ZERO), lots)


def _taken_out(
    account: Account, key: str, action: CorporateAction, quantity: Decimal
) -> tuple[Account, list[RecentSale]]:
    """The account without a fraction of one sleeve's holding, oldest lots first, and the sales that this is."""
    sales: list[RecentSale] = []
    price = action.price or ZERO

    def less(held: Holding) -> Holding:
        left, lots = quantity, []
        for lot in sorted(held.lots, key=lambda each: each.acquired or date.min):
            gone = min(left, lot.quantity)
            left -= gone
            if gone:
                gain = to_cent(gone * (price - (lot.cost_per_share or ZERO)))
                sales.append(
                    RecentSale(held.symbol, action.day, gone, gain, account.id, lot.cost_per_share, lot.acquired)
                )
            if lot.quantity > gone:
                lots.append(replace(lot, quantity=lot.quantity - gone))
        return Holding(held.symbol, held.quantity - quantity, tuple(lots))

    return (_each_holding(account, action.symbol, less, key), sales) if quantity else (account, [])


def _renamed(account: Account, action: CorporateAction) -> Account:
    """The account with the new symbol in the place of the old one, in holdings, restrictions and sales."""
    old, new = action.symbol, str(action.to)

    def named(symbol: str) -> str:
        return new if symbol == old else symbol

    def together(holdings: tuple[Holding, ...]) -> tuple[Holding, ...]:
        found: dict[str, Holding] = {}
        for each in holdings:
            symbol = named(each.symbol)
            there = found.get(symbol)
            found[symbol] = Holding(
                symbol,
                each.quantity + (there.quantity if there else ZERO),
                (there.lots if there else ()) + each.lots,
            )
        return tuple(found[symbol] for symbol in sorted(found))

    return replace(
        account,
        managed=replace(account.managed, holdings=together(account.managed.holdings)),
        model_sleeves=tuple(replace(each, holdings=together(each.holdings)) for each in account.model_sleeves),
        protected=together(account.protected),
        restrictions=tuple(
            replace(each, symbol=named(each.symbol), by=None if each.by is None else named(each.by))
            for each in account.restrictions
        ),
        recent_sales=tuple(replace(each, symbol=named(each.symbol)) for each in account.recent_sales),
    )


def _sleeves(account: Account) -> Iterator[tuple[str, tuple[Holding, ...]]]:
    yield from ((sleeve.key, sleeve.holdings) for sleeve in account.sleeves)
    yield PROTECTED, account.protected


def _quantities(account: Account, symbol: str) -> dict[str, Decimal]:
    """How much each sleeve holds, by its key; the protected one is the last."""
    return {
        key: sum((each.quantity for each in holdings if each.symbol == symbol), ZERO)
        for key, holdings in _sleeves(account)
    }


def _each_holding(
    account: Account, symbol: str, change: Callable[[Holding], Holding], only: str | None = None
) -> Account:
    """The account with its holdings of a symbol changed, in every sleeve or in one."""

    def changed(key: str, holdings: tuple[Holding, ...]) -> tuple[Holding, ...]:
        if only not in (None, key):
            return holdings
        found = (change(each) if each.symbol == symbol else each for each in holdings)
        return tuple(each for each in found if each.quantity)

    def of_sleeve(sleeve: Sleeve) -> Sleeve:
        return replace(sleeve, holdings=changed(sleeve.key, sleeve.holdings))

    return replace(
        account,
        managed=of_sleeve(account.managed),
        model_sleeves=tuple(map(of_sleeve, account.model_sleeves)),
        protected=changed(PROTECTED, account.protected),
    )


def _shared(shares: Mapping[str, Decimal], amount: Decimal) -> dict[str, Decimal]:
    """An amount among sleeves by their shares, each in whole cents."""
    return dict(zip(shares, share_out(amount, list(shares.values())), strict=True)) if shares else {}


def _with_cash(account: Account, paid: Mapping[str, Decimal]) -> Account:
    """The account with cash in the sleeves that it is for; what protected holdings bring comes into the managed one."""
    managed = account.managed
    return replace(
        account,
        managed=replace(managed, cash=managed.cash + paid.get(MANAGED, ZERO) + paid.get(PROTECTED, ZERO)),
        model_sleeves=tuple(
            replace(sleeve, cash=sleeve.cash + paid[sleeve.key]) if sleeve.key in paid else sleeve
            for sleeve in account.model_sleeves
        ),
    )
