"""The books before and after a plan, worked out from the snapshot and the plan's orders and transfers alone.

Only what the plan touches is worked out; a sleeve that it leaves alone costs a valuation.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from decimal import Decimal

from domain.laws.broken import Broken
from domain.rebalance_plan import Order, RebalancePlan, Transfer
from domain.tax.lots import RelievedLot
from domain.values.money import ZERO, plain, share_out, to_cent
from domain.values.rules import Rule
from domain.values.snapshot import MANAGED, Holding, Lot, Snapshot, step_costs_of

LAW_1 = Rule(
    "LAW-1", "Shares by security and lot, and cash to the cent, are conserved over orders, transfers and lots."
)

NOTHING: Mapping[str, Decimal] = {}
Basis = tuple[object, Decimal | None]  # date acquired and cost a share
Given = tuple[str, Decimal, Sequence[Lot]]  # the sleeve that gives shares up ("" of an order for several), and lots


@dataclass(slots=True)
class BookedPlan:
    """Cash and shares by sleeve. `moved` has the changes of shares by sleeve and symbol, none of them for most."""

    snapshot: Snapshot
    plan: RebalancePlan
    prices: Mapping[str, Decimal]
    steps: Mapping[str, Decimal]  # what one increment is worth, by symbol
    held: dict[str, dict[str, Holding]]  # by sleeve and symbol, before
    worth: Mapping[str, Decimal]  # what each sleeve's holdings are worth, before
    worth_after: dict[str, Decimal]
    before: Mapping[str, Decimal]  # cash by sleeve
    cash: dict[str, Decimal]  # and after
    moved: dict[str, dict[str, Decimal]]
    crossing: Set[str]  # the symbols that cross
    given: dict[str, list[Given]] = field(default_factory=dict)  # lots that leave a sleeve, where several may take them
    flaws: list[Broken] = field(default_factory=list)

    @classmethod
    def of(cls, snapshot: Snapshot, plan: RebalancePlan) -> "BookedPlan":
        """Books the plan; what can't be booked is in `flaws`."""
        prices, steps, sleeves = snapshot.prices, step_costs_of(snapshot.securities), snapshot.account.sleeves
        held = {sleeve.key: {each.symbol: each for each in sleeve.holdings} for sleeve in sleeves}
        worth = {
            sleeve.key: sum([each.quantity * prices[each.symbol] for each in sleeve.holdings], ZERO)
            for sleeve in sleeves
        }
        before = {sleeve.key: sleeve.cash for sleeve in sleeves}
        moved: dict[str, dict[str, Decimal]] = {key: {} for key in before}
        crossing = {each.symbol for each in plan.transfers if each.symbol is not None}
        books = cls(snapshot, plan, prices, steps, held, worth, dict(worth), before, dict(before), moved, crossing)
        books._orders()
        books._transfers()
        for symbol, lots in books.given.items():
            books._lots_were_there(symbol, lots)
        return books

    @property
    def gross(self) -> Decimal:
        """All that the sleeves hold, before the plan."""
        return sum(self.before.values(), ZERO) + sum(self.worth.values(), ZERO)

    def quantity(self, sleeve: str, symbol: str) -> Decimal:
        """Shares that a sleeve holds before the plan."""
        found = self.held.get(sleeve, {}).get(symbol)
        return found.quantity if found else ZERO

    def after(self, sleeve: str, symbol: str) -> Decimal:
        """Shares that a sleeve holds after the plan."""
        return self.quantity(sleeve, symbol) + self.moved.get(sleeve, NOTHING).get(symbol, ZERO)

    def value_after(self, sleeve: str) -> Decimal:
        """A sleeve's cash and holdings after the plan."""
        return self.cash.get(sleeve, ZERO) + self.worth_after.get(sleeve, ZERO)

    def step(self, symbol: str) -> Decimal:
        """What one increment of a security is worth."""
        return self.steps[symbol]

    def touched(self) -> set[str]:
        """The sleeves whose shares or cash a plan moves."""
        found = {sleeve for sleeve, changes in self.moved.items() if changes}
        for each in self.plan.transfers:
            found |= {each.source, each.destination}
        return found

    def _flaw(self, says: str, **evidence: object) -> None:
        self.flaws.append(Broken(LAW_1, says, evidence))

    def _orders(self) -> None:
        """Books the orders. Most are for one sleeve, from lots of its own, and are seen to be sound at once."""
        prices, cash, worth, moved, held = self.prices, self.cash, self.worth_after, self.moved, self.held
        for order in self.plan.orders:
            symbol, quantity, parts = order.symbol, order.quantity, order.allocations
            part, price = parts[0], prices.get(symbol)
            sleeve = part.sleeve
            if (
                len(parts) > 1
                or price is None
                or part.quantity != quantity
                or order.price != price
                or quantity <= ZERO
                or sleeve not in cash
                or symbol in moved[sleeve]
            ):
                self._carefully(order)
                continue
            amount, exact = order.amount, quantity * price
            if amount != exact and amount != to_cent(exact):
                self._carefully(order)
            elif order.side == "buy" and not order.lots:
                moved[sleeve][symbol] = quantity
                cash[sleeve] -= amount
                worth[sleeve] += exact
            elif order.side == "sell" and symbol in held[sleeve]:
                moved[sleeve][symbol] = -quantity
                cash[sleeve] += amount
                worth[sleeve] -= exact
                if symbol in self.crossing or not _covers(held[sleeve][symbol], quantity, order.lots):
                    self.given.setdefault(symbol, []).append((sleeve, quantity, [each.lot for each in order.lots]))
            else:
                self._carefully(order)

    def _carefully(self, order: Order) -> None:
        """Books an order for several sleeves, one beside a crossing, or one in which something is wrong."""
        symbol, quantity, parts, sells = order.symbol, order.quantity, order.allocations, order.side == "sell"
        if not self._priced(symbol, quantity, order.price, order.amount):
            return
        quantities, sleeves = [part.quantity for part in parts], {part.sleeve for part in parts}
        allocated = sum(quantities, ZERO)
        if allocated != quantity or min(quantities) <= ZERO or len(sleeves) < len(parts):
            self._flaw(
                f"the {order.side} of {plain(quantity)} {symbol} is allocated to sleeves as {plain(allocated)}, or to "
                "one of them twice",
                symbol=symbol,
                ordered=quantity,
                allocated=allocated,
            )
            return
        amounts = [order.amount] if len(parts) == 1 else _shares(order, quantities)
        for part, amount in zip(parts, amounts, strict=True):
            if part.sleeve not in self.cash and self._no_sleeve(part.sleeve):
                self._flaw(f"{symbol} is allocated to {part.sleeve}, which is no sleeve of the account", symbol=symbol)
            elif sells:
                self._move(part.sleeve, symbol, -part.quantity, -amount)
            else:
                self._move(part.sleeve, symbol, part.quantity, amount)
        if order.lots or sells:
            sleeve = parts[0].sleeve if len(parts) == 1 else ""
            gone = sleeve, quantity if sells else ZERO, [each.lot for each in order.lots]
            self.given.setdefault(symbol, []).append(gone)

    def _transfers(self) -> None:
        """Books what crosses and what funds."""
        cash = self.cash
        for each in self.plan.transfers:
            source, destination, symbol, amount = each.source, each.destination, each.symbol, each.amount
            if (
                source == destination
                or (source not in cash and self._no_sleeve(source))
                or (destination not in cash and self._no_sleeve(destination))
            ):
                self._flaw(f"a transfer goes from {source} to {destination}, which are not two sleeves of the account")
            elif symbol is None:
                if MANAGED not in (source, destination) or amount <= ZERO or each.lots:
                    self._flaw(f"{amount} goes from {source} to {destination}: that funds no sleeve (SLEEVE-1)")
                elif not _whole_cents(amount) and _whole_cents(self.before.get(source, ZERO)):
                    self._flaw(f"{amount} goes from {source} to {destination}: those are no whole cents")
                cash[source] -= amount
                cash[destination] += amount
            else:
                self._crossing(each, symbol, each.quantity or ZERO)

    def _crossing(self, each: Transfer, symbol: str, quantity: Decimal) -> None:
        if self._priced(symbol, quantity, each.price, each.amount):
            self.given.setdefault(symbol, []).append((each.source, quantity, each.lots))
            self._move(each.source, symbol, -quantity, -each.amount)
            self._move(each.destination, symbol, quantity, each.amount)

    def _move(self, sleeve: str, symbol: str, quantity: Decimal, paid: Decimal) -> None:
        here = self.moved[sleeve]
        here[symbol] = here[symbol] + quantity if symbol in here else quantity
        self.cash[sleeve] -= paid
        self.worth_after[sleeve] += quantity * self.prices[symbol]

    def _priced(self, symbol: str, quantity: Decimal, price: Decimal | None, amount: Decimal) -> bool:
        ours = self.prices.get(symbol)
        if ours is not None and price == ours and quantity > ZERO:
            exact = quantity * ours
            if amount == exact or amount == to_cent(exact):
                return True
        self._flaw(
            f"{quantity} {symbol} at {price} for {amount} are not so many shares at the snapshot's price of {ours}",
            symbol=symbol,
            quantity=quantity,
            price=ours,
            amount=amount,
        )
        return False

    def _no_sleeve(self, sleeve: str) -> bool:
        """Of what is no sleeve of the account yet: True unless it opens, without cash."""
        if any(each.component == sleeve and each.sleeve == "opening" for each in self.plan.components):
            self.cash[sleeve], self.worth_after[sleeve], self.moved[sleeve], self.held[sleeve] = ZERO, ZERO, {}, {}
            return False
        return True

    def _lots_were_there(self, symbol: str, given: Sequence[Given]) -> None:
        """As many shares leave as their lots have, and of every basis no more than a sleeve, or all of them, had."""
        left: dict[int, Decimal] = {}
        sound = True
        for sleeve, quantity, lots in given:
            here = self.held[sleeve].get(symbol) if sleeve in self.held else None
            held = here.lots if here else () if sleeve else self._lots_of(symbol)
            total = ZERO
            for lot in lots:
                total += lot.quantity
                sound = sound and _take(lot, held, left)
            if total != quantity:
                self._flaw(
                    f"{plain(quantity)} {symbol} leave {sleeve or 'several sleeves'} with lots of {plain(total)}",
                    symbol=symbol,
                    quantity=quantity,
                    lots=total,
                )
        if not sound:  # a lot may be split in parts that are not each a part of one lot
            self._by_basis(symbol, [(sleeve, lot) for sleeve, _, lots in given for lot in lots])

    def _lots_of(self, symbol: str) -> Sequence[Lot]:
        return [lot for here in self.held.values() if symbol in here for lot in here[symbol].lots]

    def _by_basis(self, symbol: str, given: Sequence[tuple[str, Lot]]) -> None:
        left: dict[tuple[str, Basis], Decimal] = {}
        for sleeve, holdings in self.held.items():
            if symbol in holdings:
                for each in holdings[symbol].lots:
                    basis = each.acquired, each.cost_per_share
                    for where in (sleeve, ""):
                        left[where, basis] = left.get((where, basis), ZERO) + each.quantity
        for sleeve, lot in given:
            basis = lot.acquired, lot.cost_per_share
            for where in {sleeve, ""}:
                left[where, basis] = left.get((where, basis), ZERO) - lot.quantity
                if left[where, basis] < ZERO or lot.quantity <= ZERO:
                    self._flaw(
                        f"{plain(lot.quantity)} {symbol} bought {lot.acquired} at {lot.cost_per_share} leave "
                        f"{sleeve or 'the account'}, which has not so many of that lot",
                        symbol=symbol,
                        acquired=lot.acquired,
                        cost_per_share=lot.cost_per_share,
                        missing=-left[where, basis],
                    )
                    return


def _whole_cents(amount: Decimal) -> bool:
    return amount == to_cent(amount)


def _shares(order: Order, quantities: Sequence[Decimal]) -> list[Decimal]:
    """The cents of an order that each of its parts pays or gets, as `share_out` has them; without its divisions where
    the order comes to whole cents."""
    if order.amount != order.quantity * order.price:
        return share_out(order.amount, quantities)
    run = before = ZERO
    shares: list[Decimal] = []
    for quantity in quantities:
        run += quantity
        upto = to_cent(run * order.price)
        shares.append(upto - before)
        before = upto
    return shares


def _covers(holding: Holding, quantity: Decimal, relieved: Sequence[RelievedLot]) -> bool:
    """True where the lots sum to so many shares and each is, or is a part of, a lot of the holding of its own."""
    free, total = list(holding.lots), ZERO
    for each in relieved:
        lot = each.lot
        acquired, cost, shares = lot.acquired, lot.cost_per_share, lot.quantity
        for at, one in enumerate(free):
            if one is lot or (one.acquired == acquired and one.cost_per_share == cost and shares <= one.quantity):
                del free[at]
                break
        else:
            return False
        if shares <= ZERO:
            return False
        total += shares
    return total == quantity


def _take(lot: Lot, held: Sequence[Lot], left: dict[int, Decimal]) -> bool:
    """True where a lot of the same basis has so many shares left, which it then hasn't any more."""
    cost, acquired, quantity = lot.cost_per_share, lot.acquired, lot.quantity
    for at in held:
        if at is lot or (at.cost_per_share == cost and at.acquired == acquired):
            has = left.get(id(at), at.quantity)
            if ZERO < quantity <= has:
                left[id(at)] = has - quantity
                return True
    return False
