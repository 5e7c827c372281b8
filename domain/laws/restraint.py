"""LAW-8: nothing of its own. What nobody asked for is not sold, and a sleeve that was to be left alone is.

A plan may sell what is above its band, closing, excluded or dropped, and what cash needs: its lower bound, withdrawals
and the buys that bands ask for. Judged by the amounts alone: a sale that leaves cash above its lower bound by all that
it brought was needed for nothing.
"""

from collections.abc import Iterator, Mapping, Set
from decimal import Decimal

from domain.laws.booked_plan import NOTHING, BookedPlan
from domain.laws.broken import Broken
from domain.laws.landing import bounds, cash_bounds, rounding, step_of
from domain.laws.refusals import Forbidden, nothing_may_be_bought, symbols_of
from domain.rebalance_plan import ComponentOutcome
from domain.values.keys import named
from domain.values.money import ONE, ZERO, money, plain
from domain.values.policy import Policy
from domain.values.rules import Rule
from domain.values.snapshot import MANAGED, Model, Restriction, model_key

LAW_8 = Rule("LAW-8", "What is neither excluded, closing, above its destination band nor needed for cash is not sold.")


def check(books: BookedPlan, policy: Policy, limits: Forbidden) -> Iterator[Broken]:
    """Trades that the plan's purpose does not ask for."""
    plan, kind = books.plan, books.plan.purpose.kind
    if plan.liquidation:
        yield from _no_liquidation(books)
    elif kind == "signal":
        yield from _beyond_the_signal(books)
    elif kind in {"raise_cash", "invest_cash"}:
        yield from _the_other_way(books, wrong=1 if kind == "raise_cash" else -1)
    else:
        yield from _unasked(books, policy, limits)
        yield from _sleeves(books, policy, limits)


def _no_liquidation(books: BookedPlan) -> Iterator[Broken]:
    account, plan = books.snapshot.account, books.plan
    if plan.purpose.kind != "full" or (account.target_id is not None and (plan.managed_value or ZERO) > ZERO):
        yield Broken(
            LAW_8,
            f"everything is sold, although the account has the target {account.target_id} and a managed value of "
            f"{money(plan.managed_value or ZERO)}",
            {"target": account.target_id, "managed_value": plan.managed_value},
        )


def _beyond_the_signal(books: BookedPlan) -> Iterator[Broken]:
    own = model_key(books.plan.purpose.model_id or "")
    for sleeve in sorted(sleeve for sleeve, changes in books.moved.items() if changes and sleeve != own):
        yield Broken(LAW_8, f"{sleeve} trades for a signal to {own}", {"sleeve": sleeve, "signalled": own})


def _the_other_way(books: BookedPlan, wrong: int) -> Iterator[Broken]:
    for sleeve, changes in books.moved.items():
        for symbol, change in changes.items():
            if change * wrong > ZERO:
                verb = "takes in" if wrong > 0 else "gives up"
                yield Broken(
                    LAW_8,
                    f"{sleeve} {verb} {plain(abs(change))} {symbol} in a rebalance of the other direction (CASH-2)",
                    {"sleeve": sleeve, "symbol": symbol, "quantity": change},
                )


def _unasked(books: BookedPlan, policy: Policy, limits: Forbidden) -> Iterator[Broken]:
    """Components sold below their bands for cash that was there, or bought above them with cash that had room.

    What the rounding of orders to whole steps may have brought or cost is left out of account.
    """
    plan = books.plan
    sold, bought = _beyond_their_bands(books)
    if not sold and not bought:
        return
    low, high = cash_bounds(books, limits)
    ends, cents = plan.components[-1].planned_value, rounding(books)
    steps = cents + sum([books.steps[order.symbol] for order in plan.orders], ZERO)
    room = high - ends - steps  # for so much more cash at least
    for each, beyond in bought if room > cents else ():
        unasked = min(beyond, each.planned_value - each.current_value - _from_others(each, books))
        if cents < unasked < room and not _as_small_as_can_be(each, unasked, books, policy):
            yield Broken(
                LAW_8,
                f"{money(unasked)} more of {each.component} is bought than its destination band asks, and without it "
                f"cash would have ended at {money(ends + unasked)}, below its upper bound of {money(high)}",
                {"component": each.component, "unasked": unasked, "cash": ends, "upper": high},
            )
    free = ends - low + sum((unasked for _, unasked in bought), ZERO)
    for each, unasked in sold:
        if free < unasked + steps or nothing_may_be_bought(each, books, limits):
            continue
        if _as_small_as_can_be(each, unasked, books, policy):
            continue
        yield Broken(
            LAW_8,
            f"{money(unasked)} more of {each.component} is sold than its destination band asks, and without it cash "
            f"would be {money(free - unasked)} above its lower bound of {money(low)}",
            {"component": each.component, "unasked": unasked, "cash": ends, "lower": low},
        )


def _from_others(each: ComponentOutcome, books: BookedPlan) -> Decimal:
    """Of what a component takes in, what those ask it to take that have too much of it even so: what crosses costs no
    cash (ORDER-2). A sleeve takes the rest of its model along, so that all that it takes in is asked of it.
    """
    plan, (kind, symbol) = books.plan, named(each.component)
    sleeve, total = each.component if kind == "model" else MANAGED, plan.managed_value or ZERO
    crossed = ZERO
    for transfer in plan.transfers:
        if transfer.destination != sleeve or not transfer.symbol or (kind != "model" and transfer.symbol != symbol):
            continue
        for other in plan.components[:-1]:
            gives = named(other.component)
            seller = other.component if gives.kind == "model" else MANAGED
            here = seller == transfer.source and (gives.kind == "model" or gives.ref == transfer.symbol)
            if here and other.planned_value > bounds(other, plan.mode)[1] * total + rounding(books):
                crossed += transfer.amount
    grows = each.planned_value - each.current_value
    return max(crossed, grows) if crossed and kind == "model" else crossed


def _as_small_as_can_be(each: ComponentOutcome, unasked: Decimal, books: BookedPlan, policy: Policy) -> bool:
    """True for an order of a security held directly that is below the minimum trade without that part (SLEEVE-5)."""
    symbol = named(each.component).ref
    smallest = max(policy.minimum_trade_amount, policy.minimum_trade_weight * (books.plan.managed_value or ZERO))
    return any(order.symbol == symbol and order.amount - unasked < smallest for order in books.plan.orders)


Unasked = list[tuple[ComponentOutcome, Decimal]]


def _beyond_their_bands(books: BookedPlan) -> tuple[Unasked, Unasked]:
    """What is sold below the upper edges of bands, or of what was below already, and what is bought above the lower."""
    plan, total, cents = books.plan, books.plan.managed_value or ZERO, rounding(books)
    sold: Unasked = []
    bought: Unasked = []
    for each in plan.components[:-1]:
        change = each.planned_value - each.current_value
        if -cents <= change <= cents:
            continue
        lower, upper = bounds(each, plan.mode)
        if change < ZERO:
            edge = upper * total
            unasked = min(each.current_value, edge) - each.planned_value
            if unasked > cents and each.current_value > edge:
                unasked -= step_of(each, books)
            if unasked > cents:
                sold.append((each, unasked))
            continue
        if not each.current_value:
            lower = each.weight  # a first investment lands on its weight
        unasked = each.planned_value - lower * total
        if unasked > cents:
            had = min(ZERO, books.before.get(each.component, ZERO))  # an overdraft is made whole first (SLEEVE-3)
            unasked = min(unasked, change + had) - step_of(each, books)
            if unasked > cents:
                bought.append((each, unasked))
    return sold, bought


def _sleeves(books: BookedPlan, policy: Policy, limits: Forbidden) -> Iterator[Broken]:
    """Model sleeves that sell what their model names beyond what they pay, or trade without anything to do."""
    cents, replaced = rounding(books), limits.replaced
    funded = {end for each in books.plan.transfers if not each.symbol for end in (each.source, each.destination)}
    for each in books.plan.components:
        key = each.component
        changes = books.moved.get(key, NOTHING)
        if each.sleeve != "open" or not changes:
            continue
        model = books.snapshot.models[named(key).ref]
        cash, shrinks = books.before[key], each.current_value - each.planned_value
        if (
            key not in funded
            and not _has_to_do(key, cash, each.current_value, model.cash_weight, replaced, books, policy)
            and not _was_to_change(each, books)
        ):
            yield Broken(LAW_8, f"{key} keeps its value and trades", {"component": key, "trades": len(changes)})
            continue
        sells = [symbol for symbol, change in changes.items() if change < ZERO] if cash >= ZERO else []
        if not sells:
            continue
        prices, steps = books.prices, sum([books.steps[symbol] for symbol in sells], ZERO)
        asked = cents + (shrinks if shrinks > ZERO else ZERO)
        if len(sells) == len(changes) and books.worth[key] - books.worth_after[key] <= asked + steps:
            continue  # as nearly always: whatever the model names of it
        asks, stays = _asked_of(model, replaced)
        sold = -sum([changes[symbol] * prices[symbol] for symbol in sells if symbol in asks], ZERO)
        if shrinks > ZERO:  # cash that its model asks it to hold
            asked += max(ZERO, min(ONE, stays) * each.planned_value - cash)
        if sold > asked + steps:
            yield Broken(
                LAW_8,
                f"{key} sells {money(sold)} of what its model names, and pays {money(max(ZERO, shrinks))}",
                {"component": key, "sold": sold, "asked": asked},
            )


def _was_to_change(each: ComponentOutcome, books: BookedPlan) -> bool:
    """True for a sleeve outside its destination band: it was not to be left alone, though it may keep its value, as
    there was no cash for more of it, or a gain budget kept its sales. What its model does not name goes (SLEEVE-2).
    """
    lower, upper = bounds(each, books.plan.mode)
    total = books.plan.managed_value or ZERO
    return not lower * total <= each.current_value <= upper * total


def _asked_of(model: Model, replaced: Mapping[str, Restriction]) -> tuple[Set[str], Decimal]:
    """The symbols that a model asks for, and the weight that stays in cash, as restrictions leave it."""
    named = symbols_of(model)
    taken_out = {symbol: replaced[symbol] for symbol in replaced.keys() & named}
    if not taken_out:
        return named, model.cash_weight
    asks = (named - taken_out.keys()) | {each.by for each in taken_out.values() if each.by}
    to_cash = {symbol for symbol, each in taken_out.items() if not each.by and each.to == "cash"}
    stays = sum([line.weight for line in model.holdings if line.symbol in to_cash], model.cash_weight)
    return asks, stays


def _has_to_do(
    key: str,
    cash: Decimal,
    value: Decimal,
    cash_weight: Decimal,
    replaced: Mapping[str, Restriction],
    books: BookedPlan,
    policy: Policy,
) -> bool:
    """True for a sleeve of the same value that is overdrawn, has idle cash, or holds what has to leave (SLEEVE-3)."""
    half = max(policy.threshold_relative * cash_weight, policy.cash_threshold_floor)
    idle = cash > (cash_weight + half) * value
    leaving = {symbol for symbol, each in replaced.items() if not each.hold}
    return cash < ZERO or idle or not leaving.isdisjoint(books.held[key])
