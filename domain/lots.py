"""Tax lots: which shares a sale gives up, and the gain it realises.

Asked for every sell of a plan, and again when its fill is booked. One function a relief method, behind a table.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from domain.money import ZERO, to_cent
from domain.policy import Policy
from domain.record import record
from domain.rules import Finding, Rule, warning
from domain.snapshot import Account, Lot

LOT_1 = Rule("LOT-1", "Lots are relieved by fifo, lifo, hifo or min_tax; held more than one year is long-term.")

Term = Literal["short", "long"]


@record
class RelievedLot:
    """Shares of one lot given up in a sale. Gain and term are None where the basis is unknown."""

    lot: Lot
    gain: Decimal | None
    term: Term | None


@record
class Gain:
    """Net gain in the account's currency, by holding period."""

    short_term: Decimal = ZERO
    long_term: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        """Short- and long-term together."""
        return self.short_term + self.long_term

    def __add__(self, other: "Gain") -> "Gain":
        return Gain(self.short_term + other.short_term, self.long_term + other.long_term)


def term(acquired: date, sold: date) -> Term:
    """Long where held more than one year by the calendar: bought 2025-11-20, long from 2026-11-21.

    The year begins on the day after the purchase, so a lot of 28 February 2023 is long from 1 March 2024.
    """
    first = acquired + timedelta(days=1)
    try:
        long_from = first.replace(year=first.year + 1)
    except ValueError:  # the year began on 29 February, a day that the next year does not have
        long_from = date(first.year + 1, 3, 1)
    return "long" if sold >= long_from else "short"


@lru_cache(maxsize=64)
def last_long(day: date) -> date:
    """The last day of purchase that is long-term on a day."""
    start = date(day.year - 1, day.month, min(day.day, 28))
    return max(found for step in range(-3, 4) if term(found := start + timedelta(days=step), day) == "long")


def method_of(account: Account) -> str:
    """The account's relief method: its own, else `min_tax` where gains are taxed and `fifo` where they aren't."""
    return account.lot_relief or ("min_tax" if account.tax_status == "taxable" else "fifo")


_Key = tuple[Decimal | int | date, ...]  # what sorts first is given up first


def _fifo(lots: Sequence[Lot], price: Decimal, day: date, policy: Policy) -> list[_Key]:
    return [(lot.acquired or date.min,) for lot in lots]


def _lifo(lots: Sequence[Lot], price: Decimal, day: date, policy: Policy) -> list[_Key]:
    return [(-(lot.acquired or date.min).toordinal(),) for lot in lots]


def _hifo(lots: Sequence[Lot], price: Decimal, day: date, policy: Policy) -> list[_Key]:
    return [(-(lot.cost_per_share or ZERO),) for lot in lots]


def _min_tax(lots: Sequence[Lot], price: Decimal, day: date, policy: Policy) -> list[_Key]:
    """Least tax a share: a loss counts as tax saved; at equal tax (a rate may be 0) losses first, long before short."""
    short, long, last = policy.tax_rate_short, policy.tax_rate_long, last_long(day)
    keys: list[_Key] = []
    for lot in lots:
        cost, acquired = lot.cost_per_share, lot.acquired
        if cost is None or acquired is None:
            keys.append((price * max(long, short), 1, 1))  # as if all were gain
            continue
        gain, held_long = price - cost, acquired <= last
        keys.append((gain * (long if held_long else short), gain >= 0, not held_long))
    return keys


RELIEF: dict[str, Callable[[Sequence[Lot], Decimal, date, Policy], list[_Key]]] = {
    "fifo": _fifo,
    "lifo": _lifo,
    "hifo": _hifo,
    "min_tax": _min_tax,
}


def relieve(
    lots: Sequence[Lot],
    quantity: Decimal,
    price: Decimal,
    day: date,
    method: str,
    policy: Policy,
    paid: Decimal | None = None,
) -> tuple[tuple[RelievedLot, ...], tuple[Lot, ...]]:
    """The lots that a sale of `quantity` shares gives up, and those that remain, in their old order (LOT-1).

    They are chosen at `price`, the plan's; the gain is that of the price `paid`, where it is another. Raises ValueError
    where the lots hold less than is sold.
    """
    last = last_long(day)
    order: Sequence[int] = range(len(lots))
    if len(lots) > 1:
        keys = RELIEF[method](lots, price, day, policy)
        ranked = sorted(
            [(key, lot.acquired or date.min, at) for at, (key, lot) in enumerate(zip(keys, lots, strict=True))]
        )
        order = [at for _, _, at in ranked]
    brought = price if paid is None else paid
    remaining: list[Lot | None] = list(lots)
    relieved: list[RelievedLot] = []
    left = quantity
    for at in order:
        if left <= 0:
            break
        lot = given = lots[at]
        if lot.quantity > left:
            given = Lot(left, lot.cost_per_share, lot.acquired)
            remaining[at] = Lot(lot.quantity - left, lot.cost_per_share, lot.acquired)
        else:
            remaining[at] = None
        left -= given.quantity
        if lot.cost_per_share is None or lot.acquired is None:
            relieved.append(RelievedLot(given, None, None))
        else:
            realised = to_cent((brought - lot.cost_per_share) * given.quantity)
            relieved.append(RelievedLot(given, realised, "long" if lot.acquired <= last else "short"))
    if left > 0:
        raise ValueError(f"the lots hold {quantity - left}, less than the {quantity} sold")
    return tuple(relieved), tuple([lot for lot in remaining if lot is not None])


def gain(relieved: Sequence[RelievedLot]) -> Gain:
    """The sum of the gains that are known, by holding period."""
    short = long = ZERO
    for each in relieved:
        if each.gain is None:
            continue
        if each.term == "long":
            long += each.gain
        else:
            short += each.gain
    return Gain(short, long)


def losses(relieved: Sequence[RelievedLot]) -> tuple[Decimal, Decimal] | None:
    """The shares sold at a loss and their gain, below 0; None where nothing was (WASH-1 looks at lots, not at nets)."""
    lost = [each for each in relieved if each.gain is not None and each.gain < 0]
    if not lost:
        return None
    return sum((each.lot.quantity for each in lost), ZERO), sum((each.gain or ZERO for each in lost), ZERO)


def losses_in(order: Mapping[str, Any]) -> tuple[Decimal, Decimal] | None:
    """As `losses`, of an order in a plan's public form."""
    lost = [each for each in order["lots"] if each["gain"] is not None and Decimal(each["gain"]) < 0]
    if not lost:
        return None
    return sum((Decimal(each["quantity"]) for each in lost), ZERO), sum((Decimal(each["gain"]) for each in lost), ZERO)


def tax(relieved: RelievedLot, policy: Policy) -> Decimal:
    """What a relieved lot's gain costs at the policy's rates, below 0 what its loss saves; 0 where it is unknown."""
    if relieved.gain is None:
        return ZERO
    return relieved.gain * (policy.tax_rate_long if relieved.term == "long" else policy.tax_rate_short)


def basis_unknown(symbols: Sequence[str]) -> list[Finding]:
    """Says for which sales no gain can be estimated."""
    if not symbols:
        return []
    return [
        warning(
            LOT_1,
            f"no gain is estimated for what is sold of {', '.join(symbols)}: the books don't know what it cost",
            symbols=list(symbols),
        )
    ]
