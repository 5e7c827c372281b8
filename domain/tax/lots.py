"""Tax lots: which shares a sale gives up, and the gain it realises.

Asked for every sell of a plan, and again when its fill is booked. One function a relief method, behind a table.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from domain.values.money import ZERO, to_cent
from domain.values.policy import Policy
from domain.values.record import record
from domain.values.rules import Finding, Rule, warning
from domain.values.snapshot import Account, Lot

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


_Key = tuple[Decimal | int | date, ...]  # what sorts first is given up first, the older one of equals


def _fifo(lots: Sequence[Lot], price: Decimal, day: date, policy: Policy) -> list[_Key]:
    return [(lot.acquired or date.min,) for lot in lots]


def _lifo(lots: Sequence[Lot], price: Decimal, day: date, policy: Policy) -> list[_Key]:
    return [(-(lot.acquired or date.min).toordinal(),) for lot in lots]  # equals were bought on the same day


def _hifo(lots: Sequence[Lot], price: Decimal, day: date, policy: Policy) -> list[_Key]:
    return [(-(lot.cost_per_share or ZERO), lot.acquired or date.min) for lot in lots]


def _min_tax(lots: Sequence[Lot], price: Decimal, day: date, policy: Policy) -> list[_Key]:
    """Least tax a share: a loss counts as tax saved; at equal tax (a rate may be 0) losses first, long before short."""
    short, long, last = policy.tax_rate_short, policy.tax_rate_long, last_long(day)
    keys: list[_Key] = []
    for lot in lots:
        cost, acquired = lot.cost_per_share, lot.acquired
        if cost is None or acquired is None:
            keys.append((price * max(long, short), 1, 1, acquired or date.min))  # as if all were gain
            continue
        gain = price - cost
        if acquired <= last:
            keys.append((gain * long, gain >= ZERO, False, acquired))
        else:
            keys.append((gain * short, gain >= ZERO, True, acquired))
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
    traded: date | None = None,
) -> tuple[tuple[RelievedLot, ...], tuple[Lot, ...]]:
    """The lots that a sale of `quantity` shares gives up, and those that remain, in their old order (LOT-1).

    They are chosen at `price`, the plan's, on the plan's `day`; the gain is that of the price `paid`, and its term that
    of the day on which it was `traded`, where they are others (DAY-2). Raises ValueError where the lots hold less than
    is sold.
    """
    taken = _taken(lots, quantity, price, day, method, policy)
    relieved = _relieved(lots, taken, price if paid is None else paid, last_long(traded or day))
    return relieved, _remaining(lots, taken)


def given_up(
    lots: Sequence[Lot], quantity: Decimal, price: Decimal, day: date, method: str, policy: Policy
) -> tuple[RelievedLot, ...]:
    """As `relieve`, where nobody asks what remains."""
    return _relieved(lots, _taken(lots, quantity, price, day, method, policy), price, last_long(day))


def _taken(
    lots: Sequence[Lot], quantity: Decimal, price: Decimal, day: date, method: str, policy: Policy
) -> dict[int, Decimal]:
    """The places of the lots that are given up, in that order, with how many shares of each."""
    order: Iterable[int] = (0,)
    if len(lots) != 1:
        keys = RELIEF[method](lots, price, day, policy)
        order = sorted(range(len(lots)), key=keys.__getitem__)
    taken: dict[int, Decimal] = {}
    left = quantity
    for at in order:
        if left <= ZERO:
            break
        holds = lots[at].quantity
        taken[at] = holds if holds < left else left
        left -= holds
    if left > ZERO:
        raise ValueError(f"the lots hold {quantity - left}, less than the {quantity} sold")
    return taken


def _relieved(lots: Sequence[Lot], taken: Mapping[int, Decimal], paid: Decimal, last: date) -> tuple[RelievedLot, ...]:
    relieved: list[RelievedLot] = []
    for at, shares in taken.items():
        lot = lots[at]
        cost, acquired = lot.cost_per_share, lot.acquired
        given = lot if shares == lot.quantity else Lot(shares, cost, acquired)
        if cost is None or acquired is None:
            relieved.append(RelievedLot(given, None, None))
        else:
            gain = to_cent((paid - cost) * shares)
            relieved.append(RelievedLot(given, gain, "long" if acquired <= last else "short"))
    return tuple(relieved)


def _remaining(lots: Sequence[Lot], taken: Mapping[int, Decimal]) -> tuple[Lot, ...]:
    kept = [
        lot if at not in taken else Lot(lot.quantity - taken[at], lot.cost_per_share, lot.acquired)
        for at, lot in enumerate(lots)
    ]
    return tuple([lot for at, lot in enumerate(kept) if at not in taken or lot.quantity])


def gain(relieved: Sequence[RelievedLot]) -> Gain:
    """The sum of the gains that are known, by holding period."""
    if len(relieved) == 1 and relieved[0].gain is not None:
        known = relieved[0].gain
        return Gain(ZERO, known) if relieved[0].term == "long" else Gain(known, ZERO)
    short = long = ZERO
    for each in relieved:
        if each.gain is None:
            continue
        if each.term == "long":
            long += each.gain
        else:
            short += each.gain
    return Gain(short, long)


def recognised_gain(relieved: RelievedLot, price: Decimal) -> Decimal:
    """The gain of a relieved lot as a gain budget counts it: one of unknown cost is all gain (LOT-2)."""
    return to_cent(price * relieved.lot.quantity) if relieved.gain is None else relieved.gain


def all_known(relieved: Sequence[RelievedLot]) -> bool:
    """True where the gain of every lot is known."""
    return all(each.gain is not None for each in relieved)


def from_json(raw: Mapping[str, Any]) -> RelievedLot:
    """A lot that a plan gives up, from the plan's public form."""
    cost, gain = raw["cost_per_share"], raw["gain"]
    acquired = None if raw["acquired"] is None else date.fromisoformat(raw["acquired"])
    lot = Lot(Decimal(raw["quantity"]), None if cost is None else Decimal(cost), acquired)
    return RelievedLot(lot, None if gain is None else Decimal(gain), raw["term"])


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
