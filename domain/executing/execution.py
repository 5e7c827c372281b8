"""Execution: from an approved plan to the orders that are sent.

Asked by the steps `begin_execution` and `submit_trades`. Reads the plan in its kept, public form: what was approved is
what is executed, whatever release executes it. What the fills do to the books is `booking`'s business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

from pydantic import TypeAdapter

from domain.executing import booking
from domain.executing.booking import CrossTrade, ExecutablePlan, Fill, Leg
from domain.planning.affording import Bought, afforded
from domain.values.money import ZERO, down_to_cent, to_cent, up_to_cent
from domain.values.rules import Rule
from domain.values.snapshot import MANAGED, Account

EXEC_1 = Rule(
    "EXEC-1",
    "An order reaches the venue at most once: its client order ID is the installation's epoch, the rebalance and its "
    "leg. An answer that is about another order is refused.",
)
EXEC_2 = Rule("EXEC-2", "Every order ends with the venue's last word; whatever was filled is booked.")
EXEC_3 = Rule("EXEC-3", "One rebalance at a time on an account; if the account changed, the plan is made again.")

DEARER = Decimal("0.02")  # how much dearer than planned a batch of buys may be, and be paid for by those after it

# To a leg's number: the order of its fractional tail, where its whole units are in a block (BLOCK-2). Plans have one
# order for each security at most, and never so many.
TAIL = 1_000_000

OrderStatus = Literal["FILLED", "PARTIALLY_FILLED", "REJECTED", "CANCELED", "EXPIRED"]


def client_order_id(epoch: str, rebalance_id: str, leg: int) -> str:
    """The order's name at the venue: the same for every retry, crash and reset, and never again (EXEC-1).

    `epoch` is the installation's when the order was written down: after a restore numbers are given twice. A fractional
    tail is its leg's with a T. At most 20 characters, which is what venues take, up to R-999999 and its leg 999.
    """
    return f"{epoch}-{rebalance_id}-{leg:03d}" if leg < TAIL else f"{epoch}-{rebalance_id}-{leg - TAIL:03d}T"


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
            crossings.append(CrossTrade(each["from"], each["to"], each["symbol"], quantity, price))
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
        {
            each["component"]: Decimal(each["investment_minimum"])
            for each in plan["components"]
            if each["sleeve"] == "opening" and each.get("investment_minimum") is not None
        },
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

    By the function that sized them in the plan (`affording`): a sleeve whose own sells brought too little buys less
    itself; where the account's cash would end below its lower destination bound, or below what withdrawals reserve,
    what the managed sleeve pays for is cut, those that open last, at most a step more than is short. An opening that no
    longer reaches its minimum is not made. Nothing grows beyond the plan.
    """
    made = {leg.number: sells.get(leg.number, NO_FILL) for leg in plan.legs if leg.side == "sell"}
    return _sized(account, plan, made, _floor(account, plan), increments)


def trimmed_buys(
    account: Account,
    approved: ExecutablePlan,
    plan: ExecutablePlan,
    sent: Mapping[int, Fill],
    increments: Mapping[str, Decimal],
) -> ExecutablePlan:
    """The plan with the buys that are not sent yet sized on what dearer fills left of the cash (ORDER-4).

    `approved` is the plan before its buys were sized again, `sent` what each leg that was sent brought or cost, or is
    expected to. Nothing that is sent changes, nor an opening of which a buy is.
    """
    return _sized(account, plan, sent, _floor(account, approved), increments)


NO_FILL = Fill(ZERO, ZERO)


def _sized(
    account: Account,
    plan: ExecutablePlan,
    known: Mapping[int, Fill],
    floor: Decimal,
    increments: Mapping[str, Decimal],
) -> ExecutablePlan:
    """The plan whose legs that are not known yet fit the cash there is; without the openings that don't reach their
    minimum then: each turn gives one of them up, or is the last.
    """
    while True:
        fitted = _fitted(account, plan, known, floor, increments)
        low = _opens_too_low(plan, fitted, known)
        if low is None:
            return fitted
        plan = _without_opening(plan, low)


def _fitted(
    account: Account,
    plan: ExecutablePlan,
    known: Mapping[int, Fill],
    floor: Decimal,
    increments: Mapping[str, Decimal],
) -> ExecutablePlan:
    before = {sleeve.key: sleeve.cash for sleeve in account.sleeves}
    expected = _all_filled(plan) | dict(known)
    planned, cash = booking.cash_after(account, plan, _all_filled(plan)), booking.cash_after(account, plan, expected)
    more = {key: cash[key] - planned[key] for key in cash if key != MANAGED and cash[key] > planned[key]}
    plan = _less_given(account, plan, expected, floor, more)  # what one sleeve's sells brought more pays another's buys
    cash = booking.cash_after(account, plan, expected)
    buying = {key for leg in plan.legs if leg.side == "buy" for key, _ in leg.allocations}
    lowest = {key: planned[key] if key in buying else before.get(key, ZERO) for key in cash}  # who buys ends whole
    own = {
        key: short for key, amount in cash.items() if key != MANAGED and (short := min(ZERO, lowest[key]) - amount) > 0
    }
    if own and more:  # also where the managed sleeve lacks nothing itself
        left = {key: max(ZERO, cash[key] - planned[key]) for key in more}
        plan = _less_given(account, plan, expected, floor + sum(own.values(), ZERO), left, others=False)
        cash = booking.cash_after(account, plan, expected)
    together = min(ZERO, sum(before.values(), ZERO)) - sum(cash.values(), ZERO)
    short = floor - cash[MANAGED]
    if not own and short <= 0 and together <= 0:
        return plan
    buys = [
        Bought(key, leg.symbol, part, leg.price, increments[leg.symbol], key in plan.opening)
        for leg in plan.legs
        if leg.side == "buy" and leg.number not in known
        for key, part in leg.allocations
        if part
    ]
    gone = afforded(buys, own, short, plan.fundings, together)
    fitted = _without(plan, {(each.sleeve, each.symbol): each.quantity for each in gone}, known)
    saved: dict[str, Decimal] = {}
    for each in gone:
        saved[each.sleeve] = saved.get(each.sleeve, ZERO) + each.cost
    # What crossed into a sleeve, and its own sells and buys don't pay, the managed sleeve pays.
    crossed = sum((max(ZERO, lacks - saved.get(key, ZERO)) for key, lacks in own.items()), ZERO)
    return _less_given(account, fitted, _all_filled(fitted) | dict(known), floor + crossed, saved)


def _without(
    plan: ExecutablePlan, gone: Mapping[tuple[str, str], Decimal], known: Mapping[int, Fill]
) -> ExecutablePlan:
    """The plan with so many shares fewer to buy, by sleeve and symbol."""
    legs = []
    for leg in plan.legs:
        if leg.side == "sell" or leg.number in known:
            legs.append(leg)
            continue
        parts = tuple((key, part - gone.get((key, leg.symbol), ZERO)) for key, part in leg.allocations)
        quantity = sum((part for _, part in parts), ZERO)
        legs.append(replace(leg, quantity=quantity, allocations=tuple(part for part in parts if part[1])))
    return replace(plan, legs=tuple(legs))


def _less_given(
    account: Account,
    plan: ExecutablePlan,
    expected: Mapping[int, Fill],
    floor: Decimal,
    saved: Mapping[str, Decimal],
    others: bool = True,
) -> ExecutablePlan:
    """The plan in which sleeves receive less by what they don't spend, as far as the managed sleeve is short.

    `saved` is what each buys less, which comes back even from one that received nothing. What opens keeps what its
    minimum asks. Without `others` it is only that which comes back.
    """
    fundings = dict(plan.fundings)
    for key in sorted((fundings.keys() if others else set[str]()) | saved.keys() - {MANAGED}):
        cash = booking.cash_after(account, replace(plan, fundings=fundings), expected)
        received = max(ZERO, fundings.get(key, ZERO)) - (plan.minimums.get(key, ZERO) if key in plan.opening else ZERO)
        most = max(received, saved.get(key, ZERO)) if others else saved[key]
        back = up_to_cent(min(floor - cash[MANAGED], most, down_to_cent(max(ZERO, cash.get(key, ZERO)))))
        if back > 0:
            fundings[key] = fundings.get(key, ZERO) - back
    return replace(plan, fundings=fundings)


def _opens_too_low(plan: ExecutablePlan, fitted: ExecutablePlan, known: Mapping[int, Fill]) -> str | None:
    """An opening that was cut to less than its minimum, or to nothing, and of which nothing is sent: the first."""
    for key in sorted(plan.opening):
        received, was = fitted.fundings.get(key, ZERO), plan.fundings.get(key, ZERO)
        sent = any(
            leg.number in known and known[leg.number].quantity and any(part[0] == key for part in leg.allocations)
            for leg in plan.legs
            if leg.side == "buy"
        )
        if received >= was or sent:
            continue
        if received < plan.minimums.get(key, ZERO) or not _bought(fitted, key):
            return key
    return None


def _without_opening(plan: ExecutablePlan, key: str) -> ExecutablePlan:
    """The plan in which a sleeve does not open: it buys nothing, takes nothing over, receives nothing."""
    legs = []
    for leg in plan.legs:
        parts = tuple(part for part in leg.allocations if leg.side != "buy" or part[0] != key)
        if len(parts) == len(leg.allocations):
            legs.append(leg)
        else:
            legs.append(replace(leg, quantity=sum((part for _, part in parts), ZERO), allocations=parts))
    crossings = tuple(replace(each, quantity=ZERO) if each.buyer == key else each for each in plan.crossings)
    fundings = {other: amount for other, amount in plan.fundings.items() if other != key}
    return replace(plan, legs=tuple(legs), crossings=crossings, fundings=fundings, opening=plan.opening - {key})


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


def _bought(plan: ExecutablePlan, sleeve: str) -> Decimal:
    """The shares that a sleeve buys and takes over."""
    market = [part for leg in plan.legs if leg.side == "buy" for key, part in leg.allocations if key == sleeve]
    return sum(market, ZERO) + sum((each.quantity for each in plan.crossings if each.buyer == sleeve), ZERO)
