"""Execution: from an approved plan to the orders that are sent, and from their fills to the books.

Asked by the steps `submit_trades` and `reconcile`. Reads the plan in its kept, public form: what was approved is what
is executed, whatever release executes it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from domain.lots import relieve
from domain.money import ZERO, down_to_increment, share_out, to_cent
from domain.policy import Policy
from domain.rules import Rule
from domain.snapshot import MANAGED, Account, Holding, Lot, Sleeve

EXEC_1 = Rule(
    "EXEC-1", "An order reaches the venue at most once: its client order ID is the rebalance's and its leg's."
)
EXEC_2 = Rule("EXEC-2", "Every order ends with the venue's last word; whatever was filled is booked.")
EXEC_3 = Rule("EXEC-3", "One rebalance at a time on an account; if the account changed, the plan is made again.")

OrderStatus = Literal["FILLED", "PARTIALLY_FILLED", "REJECTED", "CANCELED", "EXPIRED"]


def client_order_id(rebalance_id: str, leg: int) -> str:
    """The order's name at the venue: the same for every retry, crash and reset (EXEC-1)."""
    return f"{rebalance_id}-{leg:03d}"


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
class Crossing:
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
    crossings: tuple[Crossing, ...]
    fundings: Mapping[str, Decimal]
    opening: frozenset[str]
    closing: frozenset[str]


@dataclass(frozen=True, slots=True)
class Fill:
    """What the venue did of one leg: shares, and the cash that they brought or cost."""

    quantity: Decimal
    amount: Decimal


def read(plan: Mapping[str, Any]) -> ExecutablePlan:
    """The executable part of a plan in its public form: sells first, as it lists them."""
    legs = tuple(
        Leg(
            number,
            order["side"],
            order["symbol"],
            Decimal(order["quantity"]),
            Decimal(order["price"]),
            tuple((part["sleeve"], Decimal(part["quantity"])) for part in order["allocations"]),
            order["rule"],
            order["reason"],
        )
        for number, order in enumerate(plan["orders"], start=1)
    )
    crossings, fundings = [], dict[str, Decimal]()
    for each in plan["transfers"]:
        amount = Decimal(each["amount"])
        if each["symbol"] is not None:
            quantity = Decimal(each["quantity"])
            crossings.append(Crossing(each["from"], each["to"], each["symbol"], quantity, amount / quantity))
        elif each["from"] == MANAGED:
            fundings[each["to"]] = amount
        else:
            fundings[each["from"]] = -amount
    states = {each["component"]: each["sleeve"] for each in plan["components"]}
    return ExecutablePlan(
        legs,
        tuple(crossings),
        fundings,
        frozenset(key for key, state in states.items() if state == "opening"),
        frozenset(key for key, state in states.items() if state == "closing"),
    )


def resized_buys(
    account: Account, plan: ExecutablePlan, sells: Mapping[int, Fill], increments: Mapping[str, Decimal]
) -> ExecutablePlan:
    """The plan with its buys sized again on the cash that the sells really brought (ORDER-4).

    Where they brought less, what sleeves receive is cut in proportion, those that open last, and with it their buys
    and what crosses into them. Nothing grows beyond the plan. Cash is never spent below zero.
    """
    fitted = plan
    for _ in range(40):
        missing = _missing_cash(account, fitted, sells)
        if missing <= 0:
            return fitted
        fitted = _cut(fitted, missing, increments)
    return _cut(fitted, Decimal("1e30"), increments)


def _missing_cash(account: Account, plan: ExecutablePlan, sells: Mapping[int, Fill]) -> Decimal:
    """How far the managed sleeve would end below zero (or below where it started, if that was lower)."""
    expected = {leg.number: Fill(leg.quantity, to_cent(leg.quantity * leg.price)) for leg in plan.legs}
    expected |= {leg.number: sells.get(leg.number, Fill(ZERO, ZERO)) for leg in plan.legs if leg.side == "sell"}
    books = _Books.of(account)
    books.trade(plan, expected, None)
    return min(ZERO, account.managed.cash) - books.cash[MANAGED]


def _cut(plan: ExecutablePlan, missing: Decimal, increments: Mapping[str, Decimal]) -> ExecutablePlan:
    """Takes `missing` from what is bought: first from sleeves that are open and the managed one, then from openings."""
    shares: dict[str, Decimal] = {}
    for opening in (False, True):
        spent = {key: amount for key, amount in _spending(plan).items() if (key in plan.opening) is opening}
        total = sum(spent.values(), ZERO)
        taken = min(missing, total)
        shares |= {key: (total - taken) / total for key in spent if total}
        missing -= taken
    legs = []
    for leg in plan.legs:
        if leg.side == "sell":
            legs.append(leg)
            continue
        step = increments[leg.symbol]
        parts = tuple((key, down_to_increment(part * shares.get(key, ZERO), step)) for key, part in leg.allocations)
        quantity = sum((part for _, part in parts), ZERO)
        legs.append(replace(leg, quantity=quantity, allocations=tuple(part for part in parts if part[1])))
    crossings = tuple(
        replace(each, quantity=down_to_increment(each.quantity * shares.get(each.buyer, ZERO), increments[each.symbol]))
        for each in plan.crossings
    )
    fundings = {
        key: to_cent(amount * shares.get(key, ZERO)) if amount > 0 else amount for key, amount in plan.fundings.items()
    }
    return replace(plan, legs=tuple(legs), crossings=crossings, fundings=fundings)


def _spending(plan: ExecutablePlan) -> dict[str, Decimal]:
    """What each sleeve gets to spend: a model sleeve its funding, the managed sleeve what it buys itself."""
    spending = {key: amount for key, amount in plan.fundings.items() if amount > 0}
    managed = sum(
        (part * leg.price for leg in plan.legs if leg.side == "buy" for key, part in leg.allocations if key == MANAGED),
        ZERO,
    )
    managed += sum((each.quantity * each.price for each in plan.crossings if each.buyer == MANAGED), ZERO)
    return spending | ({MANAGED: managed} if managed else {})


@dataclass(frozen=True, slots=True)
class Relief:
    """How the lots of what is sold are chosen: on which day, by which method, at which rates."""

    day: date
    method: str
    policy: Policy


@dataclass(slots=True)
class _Books:
    """An account while it is booked: cash and lots by sleeve."""

    cash: dict[str, Decimal]
    lots: dict[str, dict[str, tuple[Lot, ...]]] = field(default_factory=dict)

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
            amount = to_cent(crossing.quantity * crossing.price)
            self._cash(crossing.seller, amount)
            self._cash(crossing.buyer, -amount)
            if relief and crossing.quantity:
                self._add(
                    crossing.buyer,
                    crossing.symbol,
                    self._take(crossing.seller, crossing.symbol, crossing.quantity, crossing.price, relief),
                )
        self._fund(plan)
        self._fill((leg for leg in plan.legs if leg.side == "buy"), fills, relief)

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
            parts = _parts(leg, fill.quantity)
            for (key, quantity), amount in zip(
                parts, share_out(fill.amount, [quantity for _, quantity in parts]), strict=True
            ):
                self._cash(key, sign * amount)
                if relief is None:
                    continue
                paid = fill.amount / fill.quantity
                if leg.side == "sell":
                    self._take(key, leg.symbol, quantity, paid, relief)
                else:
                    self._add(key, leg.symbol, (Lot(quantity, paid.quantize(Decimal("1e-8")).normalize(), relief.day),))

    def _cash(self, key: str, amount: Decimal) -> None:
        self.cash[key] = self.cash.get(key, ZERO) + amount

    def _take(self, key: str, symbol: str, quantity: Decimal, price: Decimal, relief: Relief) -> tuple[Lot, ...]:
        held = self.lots[key][symbol]
        given, kept = relieve(held, quantity, price, relief.day, relief.method, relief.policy)
        if kept:
            self.lots[key][symbol] = kept
        else:
            del self.lots[key][symbol]
        return tuple(each.lot for each in given)

    def _add(self, key: str, symbol: str, lots: tuple[Lot, ...]) -> None:
        sleeve = self.lots.setdefault(key, {})
        sleeve[symbol] = (*sleeve.get(symbol, ()), *lots)


def _parts(leg: Leg, filled: Decimal) -> list[tuple[str, Decimal]]:
    """A fill over the leg's sleeves: as allocated where it is whole, else in the order of the allocations."""
    parts, left = [], filled
    for key, quantity in leg.allocations:
        part = min(quantity, left)
        left -= part
        if part:
            parts.append((key, part))
    return parts


def book(account: Account, plan: ExecutablePlan, fills: Mapping[int, Fill], relief: Relief) -> Account:
    """The account after its fills: lots relieved and opened, cash paid, sleeves opened and closed (RECON-2).

    A sleeve that opened and got no share gives its cash back and is not opened; one that closes and holds nothing
    more gives its last cash back and is closed.
    """
    books = _Books.of(account)
    books.trade(plan, fills, relief)
    for key in sorted(plan.opening | plan.closing):
        if not books.lots.get(key):
            books.cash[MANAGED] += books.cash.pop(key, ZERO)
            books.lots.pop(key, None)
    for key in sorted(books.cash.keys() - {MANAGED}):
        if books.cash[key] < 0:  # a fill dearer than planned: the managed sleeve makes up for it
            books.cash[MANAGED] += books.cash[key]
            books.cash[key] = ZERO
    sleeves = {
        key: Sleeve(
            key,
            books.cash[key],
            tuple(
                Holding(symbol, sum((lot.quantity for lot in lots), ZERO), lots)
                for symbol, lots in sorted(books.lots.get(key, {}).items())
            ),
        )
        for key in books.cash
    }
    return replace(
        account,
        managed=sleeves[MANAGED],
        model_sleeves=tuple(sleeves[key] for key in sorted(sleeves) if key != MANAGED),
    )
