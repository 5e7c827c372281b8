"""Execution: from an approved plan to the orders that are sent.

Asked by the steps `begin_execution` and `submit_trades`. Reads the plan in its kept, public form: what was approved is
what is executed, whatever release executes it. What the fills do to the books is `booking`'s business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

from pydantic import TypeAdapter

from domain import booking
from domain.booking import Crossing, ExecutablePlan, Fill, Leg
from domain.money import ZERO, down_to_increment, to_cent
from domain.rules import Rule
from domain.snapshot import MANAGED, Account

EXEC_1 = Rule(
    "EXEC-1",
    "An order reaches the venue at most once: its client order ID is the installation's epoch, the rebalance and its "
    "leg. An answer that is about another order is refused.",
)
EXEC_2 = Rule("EXEC-2", "Every order ends with the venue's last word; whatever was filled is booked.")
EXEC_3 = Rule("EXEC-3", "One rebalance at a time on an account; if the account changed, the plan is made again.")

DEARER = Decimal("0.02")  # how much dearer than planned a batch of buys may be, and be paid for by those after it

OrderStatus = Literal["FILLED", "PARTIALLY_FILLED", "REJECTED", "CANCELED", "EXPIRED"]


def client_order_id(epoch: str, rebalance_id: str, leg: int) -> str:
    """The order's name at the venue: the same for every retry, crash and reset, and never again (EXEC-1).

    `epoch` is the installation's when the order was written down: after a restore numbers are given twice.
    """
    return f"{epoch}-{rebalance_id}-{leg:03d}"


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
            price = Decimal(each["price"])  # the lots that cross are chosen at it, as the plan chose them
            crossings.append(Crossing(each["from"], each["to"], each["symbol"], quantity, price))
        elif each["from"] == MANAGED:
            fundings[each["to"]] = amount
        else:
            fundings[each["from"]] = -amount
    cash, managed_value = plan["components"][-1], Decimal(plan["managed_value"])
    edge = {"exact": "weight", "best_fit": "precision_lower", "min_transaction": "lower"}[plan["mode"]]
    reserved = Decimal(plan["cash"]["before"]) - Decimal(cash["current_value"])
    states = {each["component"]: each["sleeve"] for each in plan["components"]}
    emptied = {each["component"] for each in plan["components"] if Decimal(each["planned_value"]) == 0}
    return ExecutablePlan(
        legs,
        tuple(crossings),
        fundings,
        frozenset(key for key, state in states.items() if state == "opening"),
        frozenset(key for key, state in states.items() if state == "closing" and key in emptied),
        reserved + max(ZERO, Decimal(cash[edge]) * managed_value),
    )


_FORM = TypeAdapter(ExecutablePlan)


def kept(plan: ExecutablePlan) -> dict[str, Any]:
    """What is executed, as JSON, to be booked by whatever release comes to book it."""
    raw: dict[str, Any] = _FORM.dump_python(plan, mode="json")
    return raw | {"opening": sorted(plan.opening), "closing": sorted(plan.closing)}


def restored(raw: Mapping[str, Any]) -> ExecutablePlan:
    """What `kept` made this of."""
    return _FORM.validate_python(raw)


def resized_buys(
    account: Account, plan: ExecutablePlan, sells: Mapping[int, Fill], increments: Mapping[str, Decimal]
) -> ExecutablePlan:
    """The plan with its buys sized again on the cash that the sells really brought (ORDER-4).

    A sleeve whose own sells brought too little buys less itself. Where the account's cash would end below its lower
    destination bound (or below what withdrawals reserve), what sleeves receive is cut in proportion, those that open
    last, and with it their buys and what crosses into them. Nothing grows beyond the plan.
    """
    floor = _floor(account, plan)
    fitted = plan
    for _ in range(40):
        short = _shortages(account, fitted, sells, floor)
        if not short:
            return fitted
        fitted = _cut(fitted, short, increments)
    return _cut(fitted, dict.fromkeys((MANAGED, *plan.fundings), Decimal("1e30")), increments)


def trimmed_buys(
    account: Account,
    approved: ExecutablePlan,
    plan: ExecutablePlan,
    sent: Mapping[int, Fill],
    increments: Mapping[str, Decimal],
) -> ExecutablePlan:
    """The plan with the buys that are not sent yet cut to what dearer fills left of the cash (ORDER-4).

    `approved` is the plan before its buys were sized again, `sent` what each leg that was sent brought or cost, or is
    expected to. All buys that are left are cut in the same proportion, and with each what its sleeve receives for it.
    """
    cash = booking.cash_after(account, plan, _all_filled(plan) | dict(sent))
    before = {sleeve.key: min(ZERO, sleeve.cash) for sleeve in account.sleeves}
    overdrawn = sum((min(ZERO, cash[key] - before.get(key, ZERO)) for key in cash if key != MANAGED), ZERO)
    short = _floor(account, approved) - cash[MANAGED] - overdrawn
    left = [leg for leg in plan.legs if leg.side == "buy" and leg.number not in sent and leg.quantity]
    cost = sum((leg.quantity * leg.price for leg in left), ZERO)
    if short <= 0 or not cost:
        return plan
    share = max(ZERO, 1 - short / cost)
    fundings, legs = dict(plan.fundings), {leg.number: leg for leg in plan.legs}
    for leg in left:
        parts = tuple((key, down_to_increment(part * share, increments[leg.symbol])) for key, part in leg.allocations)
        for (key, planned), (_, kept) in zip(leg.allocations, parts, strict=True):
            if fundings.get(key, ZERO) > 0:
                fundings[key] = max(ZERO, fundings[key] - to_cent((planned - kept) * leg.price))
        quantity = sum((part for _, part in parts), ZERO)
        legs[leg.number] = replace(leg, quantity=quantity, allocations=tuple(part for part in parts if part[1]))
    return replace(plan, legs=tuple(legs.values()), fundings=fundings)


def payable_batches(buys: Sequence[Leg], at_most: int) -> list[Sequence[Leg]]:
    """Buys in the batches in which they are sent, so that cash stays where it has to (ORDER-4).

    Were every buy of a batch 2 % dearer than planned, those that are still to be sent could pay for it by being
    smaller. A buy that nothing can pay for is a batch of its own, the last one always.
    """
    left = sum((leg.quantity * leg.price for leg in buys), ZERO)
    batches: list[list[Leg]] = []
    cost = ZERO
    for leg in buys:
        own = leg.quantity * leg.price
        fits = batches and len(batches[-1]) < at_most and DEARER * (cost + own) <= left - own
        if fits:
            batches[-1].append(leg)
            cost += own
        else:
            batches.append([leg])
            cost = own
        left -= own
    return [*batches]


def _floor(account: Account, plan: ExecutablePlan) -> Decimal:
    """The managed sleeve's cash below which buys must not take it: the plan's bound, or what the plan itself leaves."""
    return min(booking.cash_after(account, plan, _all_filled(plan))[MANAGED], plan.cash_floor)


def _all_filled(plan: ExecutablePlan) -> dict[int, Fill]:
    return {leg.number: Fill(leg.quantity, to_cent(leg.quantity * leg.price)) for leg in plan.legs}


def _shortages(account: Account, plan: ExecutablePlan, sells: Mapping[int, Fill], floor: Decimal) -> dict[str, Decimal]:
    """The cash that is missing, by sleeve: first in model sleeves that buy beyond what they have, else the managed."""
    expected = _all_filled(plan)
    expected |= {leg.number: sells.get(leg.number, Fill(ZERO, ZERO)) for leg in plan.legs if leg.side == "sell"}
    start = {sleeve.key: sleeve.cash for sleeve in account.sleeves}
    cash = booking.cash_after(account, plan, expected)
    short = {
        key: min(ZERO, start.get(key, ZERO)) - amount
        for key, amount in cash.items()
        if key != MANAGED and amount < min(ZERO, start.get(key, ZERO)) and _bought(plan, key)
    }
    missing = floor - cash[MANAGED]
    return short or ({MANAGED: missing} if missing > 0 and _spending(plan) else {})


def _cut(plan: ExecutablePlan, short: Mapping[str, Decimal], increments: Mapping[str, Decimal]) -> ExecutablePlan:
    """Buys less by what is short: a model sleeve's shortage at its own expense, the managed one's at everybody's."""
    kept = {key: max(ZERO, 1 - amount / _bought(plan, key)) for key, amount in short.items() if _bought(plan, key)}
    funded: dict[str, Decimal] = {}
    missing = short.get(MANAGED, ZERO)
    for opening in (False, True):
        spent = {key: amount for key, amount in _spending(plan).items() if (key in plan.opening) is opening}
        total = sum(spent.values(), ZERO)
        taken = min(missing, total)
        if taken > 0:
            funded |= dict.fromkeys(spent, (total - taken) / total)
        missing -= taken
    if MANAGED in short:
        kept = funded

    def less(key: str, quantity: Decimal, symbol: str) -> Decimal:
        share = kept.get(key, Decimal(1))
        return quantity if share == 1 else down_to_increment(quantity * share, increments[symbol])

    legs = []
    for leg in plan.legs:
        if leg.side == "buy":
            parts = tuple((key, less(key, part, leg.symbol)) for key, part in leg.allocations)
            quantity = sum((part for _, part in parts), ZERO)
            legs.append(replace(leg, quantity=quantity, allocations=tuple(part for part in parts if part[1])))
        else:
            legs.append(leg)
    crossings = tuple(replace(each, quantity=less(each.buyer, each.quantity, each.symbol)) for each in plan.crossings)
    fundings = {
        key: to_cent(amount * funded.get(key, 1)) if amount > 0 else amount for key, amount in plan.fundings.items()
    }
    return replace(plan, legs=tuple(legs), crossings=crossings, fundings=fundings)


def _bought(plan: ExecutablePlan, sleeve: str) -> Decimal:
    """What a sleeve buys and takes over, at the plan's prices."""
    market = sum(
        (part * leg.price for leg in plan.legs if leg.side == "buy" for key, part in leg.allocations if key == sleeve),
        ZERO,
    )
    return market + sum((each.quantity * each.price for each in plan.crossings if each.buyer == sleeve), ZERO)


def _spending(plan: ExecutablePlan) -> dict[str, Decimal]:
    """What leaves the managed sleeve's cash: each model sleeve's funding, and what the managed sleeve buys itself."""
    spending = {key: amount for key, amount in plan.fundings.items() if amount > 0}
    own = _bought(plan, MANAGED)
    return spending | ({MANAGED: own} if own else {})
