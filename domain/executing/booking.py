"""Booking: what fills do to an account. Sleeves' cash and lots, from before to after.

Asked by `reconcile` with the fills that came, and by `execution` with those that are expected. The order of things is
the plan's: sells, crossings paid by the buyer, what sleeves pay and receive, buys.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from domain.tax.lots import RelievedLot, relieve
from domain.values.money import ZERO, share_out, to_cent
from domain.values.policy import Policy
from domain.values.snapshot import MANAGED, Account, Holding, Lot, RecentSale, Sleeve


@dataclass(frozen=True, slots=True)
class Leg:
    """One order of a plan, in the order in which they are sent. Quantities are above 0."""

    number: int
    side: Literal["sell", "buy"]
    symbol: str
    quantity: Decimal
    price: Decimal
    allocations: tuple[tuple[str, Decimal], ...]  # sleeve, quantity
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class CrossTrade:
    """Shares that move between two sleeves, paid by the buyer."""

    seller: str
    buyer: str
    symbol: str
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class ExecutablePlan:
    """What of a plan is executed. `fundings` are cash by model sleeve: received above 0, paid below."""

    legs: tuple[Leg, ...]
    crossings: tuple[CrossTrade, ...]
    fundings: Mapping[str, Decimal]
    opening: frozenset[str]
    closing: frozenset[str]
    cash_floor: Decimal  # below which buys must not take the managed sleeve's cash
    minimums: Mapping[str, Decimal] = field(default_factory=dict)  # of sleeves that open: their models' minimums


@dataclass(frozen=True, slots=True)
class Fill:
    """What the venue did of one leg: shares, the cash that they brought or cost in all, commissions and fees included,
    and on which day (DAY-2).

    `traded` is None where it is not known, or does not count: then it was the plan's. `days` are its parts where it was
    filled on several: trade date, shares and cash of each, which sum to the whole.
    """

    quantity: Decimal
    amount: Decimal
    traded: date | None = None
    days: tuple[tuple[date, Decimal, Decimal], ...] = ()

    def by_day(self) -> "tuple[Fill, ...]":
        """Its parts of one trade date each, oldest first."""
        return tuple(Fill(quantity, amount, day) for day, quantity, amount in self.days) or (self,)


@dataclass(frozen=True, slots=True)
class Relief:
    """How the lots of what is sold are chosen: on which day, by which method, at which rates."""

    day: date
    method: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Booked:
    """The account after its fills, and what its sales realised."""

    account: Account
    sales: tuple[RecentSale, ...]


def cash_after(account: Account, plan: ExecutablePlan, fills: Mapping[int, Fill]) -> dict[str, Decimal]:
    """Every sleeve's cash after a plan with these fills."""
    books = _Books.of(account)
    books.trade(plan, fills, None)
    return books.cash


def book(account: Account, plan: ExecutablePlan, fills: Mapping[int, Fill], relief: Relief) -> Booked:
    """The account after its fills: lots relieved and opened, cash paid, sleeves opened and closed (RECON-2).

    What a sleeve received for buys that did not fill goes back, so that it shows as below its band and is bought for
    again. A sleeve that opened and got no share is not opened; one that closes and holds nothing more is closed.
    """
    books = _Books.of(account)
    books.trade(plan, fills, relief)
    books.give_back_unspent(plan, fills)
    books.close_empty(plan)
    books.top_up(account, plan)
    sleeves = {
        key: Sleeve(
            key,
            cash,
            tuple(
                Holding(symbol, sum((lot.quantity for lot in lots), ZERO), lots)
                for symbol, lots in sorted(books.lots.get(key, {}).items())
            ),
        )
        for key, cash in books.cash.items()
    }
    after = replace(
        account,
        managed=sleeves[MANAGED],
        model_sleeves=tuple(sleeves[key] for key in sorted(sleeves) if key != MANAGED),
    )
    return Booked(after, _sales(account.id, books.relieved))


def _sales(account_id: str, relieved: Mapping[str, list[tuple[date, RelievedLot]]]) -> tuple[RecentSale, ...]:
    """What was sold of each security, lot by lot (WASH-2); of a lot of unknown cost no gain is known."""
    return tuple(
        RecentSale(
            symbol,
            sold_on,
            each.lot.quantity,
            each.gain or ZERO,
            account_id,
            each.lot.cost_per_share,
            each.lot.acquired,
        )
        for symbol, lots in sorted(relieved.items())
        for sold_on, each in lots
    )


@dataclass(slots=True)
class _Books:
    """An account while it is booked: cash and lots by sleeve, and the lots that went to the market by symbol."""

    cash: dict[str, Decimal]
    lots: dict[str, dict[str, tuple[Lot, ...]]]
    relieved: dict[str, list[tuple[date, RelievedLot]]] = field(default_factory=dict)
    crossed: dict[str, Decimal] = field(default_factory=dict)  # what sleeves were paid for shares, less what they paid

    @classmethod
    def of(cls, account: Account) -> "_Books":
        return cls(
            {sleeve.key: sleeve.cash for sleeve in account.sleeves},
            {sleeve.key: {each.symbol: each.lots for each in sleeve.holdings} for sleeve in account.sleeves},
        )

    def trade(self, plan: ExecutablePlan, fills: Mapping[int, Fill], relief: Relief | None) -> None:
        """Sells, crossings, what sleeves pay and receive, buys. Without a relief only cash is followed."""
        self._fill((leg for leg in plan.legs if leg.side == "sell"), fills, relief)
        for crossing in plan.crossings:
            quantity = crossing.quantity
            if relief and quantity:
                given = self._take(crossing.seller, crossing.symbol, quantity, crossing.price, relief)
                quantity = sum((each.lot.quantity for each in given), ZERO)  # less, where too much of it was sold
                self._add(crossing.buyer, crossing.symbol, tuple(each.lot for each in given))
            amount = to_cent(quantity * crossing.price)
            for key, paid in ((crossing.seller, amount), (crossing.buyer, -amount)):
                self._cash(key, paid)
                self.crossed[key] = self.crossed.get(key, ZERO) + paid
        self._fund(plan)
        self._fill((leg for leg in plan.legs if leg.side == "buy"), fills, relief)

    def give_back_unspent(self, plan: ExecutablePlan, fills: Mapping[int, Fill]) -> None:
        """Returns to the managed sleeve what sleeves received for buys that did not fill."""
        unspent: dict[str, Decimal] = {}
        for leg in plan.legs:
            if leg.side == "buy":
                got = dict(_ordered(leg, fills[leg.number].quantity)) if leg.number in fills else {}
                for key, part in leg.allocations:
                    unspent[key] = unspent.get(key, ZERO) + (part - got.get(key, ZERO)) * leg.price
        for key, received in plan.fundings.items():
            back = to_cent(min(received, unspent.get(key, ZERO), self.cash.get(key, ZERO)))
            if back > 0:
                self._cash(key, -back)
                self._cash(MANAGED, back)

    def close_empty(self, plan: ExecutablePlan) -> None:
        """Sleeves that opened or close and hold nothing give their cash back and are no more (RECON-2)."""
        for key in sorted(plan.opening | plan.closing):
            if not self.lots.get(key):
                self.cash[MANAGED] += self.cash.pop(key, ZERO)
                self.lots.pop(key, None)

    def top_up(self, account: Account, plan: ExecutablePlan) -> None:
        """Where a fill was dearer than planned the managed sleeve makes up for it; an old overdraft stays. Nor does it
        make others whole beyond what it has, or pay for what crossed: that comes back (LAW-2).
        """
        overdrafts = {sleeve.key: min(ZERO, sleeve.cash) for sleeve in account.sleeves}
        for key in sorted(self.cash.keys() - {MANAGED}):
            lacking = overdrafts.get(key, ZERO) - self.cash[key]
            if lacking > 0:
                self._cash(key, lacking)
                self._cash(MANAGED, -lacking)
        owed = overdrafts[MANAGED] + sum((overdrafts[key] for key in overdrafts.keys() - self.cash.keys()), ZERO)
        for key in sorted(self.cash.keys() - {MANAGED}):
            was, has = overdrafts.get(key, ZERO), self.cash[key]
            received = plan.fundings.get(key, ZERO) + self.crossed.get(key, ZERO)
            given = max(received, min(ZERO, has) - was)  # or its own overdraft was mended
            back = min(owed - self.cash[MANAGED], given, has - was)
            if back > 0:
                self._cash(key, -back)
                self._cash(MANAGED, back)

    def _fund(self, plan: ExecutablePlan) -> None:
        """A sleeve pays only what it has; one that closes pays all of it; then the others receive."""
        for key in sorted(plan.fundings.keys() | plan.closing):
            planned, has = plan.fundings.get(key, ZERO), self.cash.get(key, ZERO)
            if planned > 0 and key not in plan.closing:
                amount = planned
            else:
                amount = -has if key in plan.closing else max(planned, -max(ZERO, has))
            self._cash(key, amount)
            self._cash(MANAGED, -amount)

    def _fill(self, legs: Iterable[Leg], fills: Mapping[int, Fill], relief: Relief | None) -> None:
        for leg in legs:
            fill = fills.get(leg.number)
            if fill is None or fill.quantity == 0:
                continue
            sign = 1 if leg.side == "sell" else -1
            left = self._parts(leg, fill.quantity)
            for day in fill.by_day():
                parts, left = _first(left, day.quantity) if fill.days else (left, [])
                amounts = share_out(day.amount, [quantity for _, quantity in parts])
                for (key, quantity), amount in zip(parts, amounts, strict=True):
                    self._cash(key, sign * amount)
                    if relief is not None:
                        self._move(key, leg, quantity, day, relief)

    def _move(self, key: str, leg: Leg, quantity: Decimal, fill: Fill, relief: Relief) -> None:
        """The lots of a sleeve's part of a fill: given up by a sell, opened by a buy."""
        paid, traded = fill.amount / fill.quantity, fill.traded or relief.day
        if leg.side == "sell":
            given = self._take(key, leg.symbol, quantity, leg.price, relief, paid, traded)
            self.relieved.setdefault(leg.symbol, []).extend((traded, each) for each in given)
        else:
            self._add(key, leg.symbol, (Lot(quantity, paid.quantize(Decimal("1e-8")).normalize(), traded),))

    def _parts(self, leg: Leg, filled: Decimal) -> list[tuple[str, Decimal]]:
        """A fill over sleeves. What is beyond the order is bought for its last sleeve, and sold out of whatever has it.

        What no sleeve has was sold short at the custodian: its cash is booked, the shares are a break (RECON-1).
        """
        parts = dict(_ordered(leg, filled))
        beyond = filled - sum(parts.values(), ZERO)
        last = leg.allocations[-1][0] if leg.allocations else MANAGED
        if beyond > 0 and leg.side == "sell":
            theirs = [key for key, _ in reversed(leg.allocations)]
            for key in (*theirs, *sorted(self.lots.keys() - set(theirs))):
                held = sum((lot.quantity for lot in self.lots.get(key, {}).get(leg.symbol, ())), ZERO)
                more = min(beyond, held - parts.get(key, ZERO))
                if more > 0:
                    parts[key] = parts.get(key, ZERO) + more
                    beyond -= more
        if beyond > 0:
            parts[last] = parts.get(last, ZERO) + beyond
        return list(parts.items())

    def _cash(self, key: str, amount: Decimal) -> None:
        self.cash[key] = self.cash.get(key, ZERO) + amount

    def _take(
        self,
        key: str,
        symbol: str,
        quantity: Decimal,
        price: Decimal,
        relief: Relief,
        paid: Decimal | None = None,
        traded: date | None = None,
    ) -> tuple[RelievedLot, ...]:
        """Gives up the lots that the plan showed, at most all: chosen at its price, whatever was paid (LOT-1)."""
        held = self.lots.get(key, {}).get(symbol, ())
        quantity = min(quantity, sum((lot.quantity for lot in held), ZERO))
        if not quantity:
            return ()
        given, kept = relieve(held, quantity, price, relief.day, relief.method, relief.policy, paid, traded)
        if kept:
            self.lots[key][symbol] = kept
        else:
            del self.lots[key][symbol]
        return given

    def _add(self, key: str, symbol: str, lots: tuple[Lot, ...]) -> None:
        if not lots:
            return
        sleeve = self.lots.setdefault(key, {})
        sleeve[symbol] = (*sleeve.get(symbol, ()), *lots)


def _ordered(leg: Leg, filled: Decimal) -> list[tuple[str, Decimal]]:
    """A fill over the leg's sleeves: as allocated where it is whole, else in the order of the allocations."""
    parts, left = [], filled
    for key, quantity in leg.allocations:
        part = min(quantity, left)
        left -= part
        if part:
            parts.append((key, part))
    return parts


def _first(parts: list[tuple[str, Decimal]], quantity: Decimal) -> tuple[list[tuple[str, Decimal]], ...]:
    """The first so many shares of parts, and what is left of them."""
    first, rest = [], []
    for key, part in parts:
        now = min(part, quantity)
        quantity -= now
        first += [(key, now)] if now else []
        rest += [(key, part - now)] if part > now else []
    return first, rest
