"""LAW-6 and LAW-7: every component and cash end where they were to, or the plan says what kept them, by how much.

Bands are the plan's own: of the weight where a model opens or is rejected, else those of the plan's mode. "Outside" is
by more than rounding: one step (increment × price) of a security that is held directly, and the cents of the orders
for a model's sleeve, which is paid to the cent (SLEEVE-1). What goes to zero has no such slack.

What is outside has to be said, as `said` finds it. Of cash a finding has to name `cash` with one of these numbers: by
how much it lies outside its band (its upper bound raised, see `cash_bounds`, or not), or where it ends, to the cent.
"""

from collections.abc import Iterator
from decimal import Decimal

from domain.laws.booked_plan import BookedPlan
from domain.laws.broken import Broken
from domain.laws.refusals import Forbidden, nothing_may_be_bought
from domain.laws.said import Said
from domain.rebalance_plan import ComponentOutcome
from domain.values.keys import named
from domain.values.money import CENT, ZERO, money
from domain.values.policy import Mode
from domain.values.rules import Rule
from domain.values.snapshot import CASH, MANAGED

LAW_6 = Rule(
    "LAW-6", "A component ends in its destination band, or no further from it than it was, or inside its threshold."
)
LAW_7 = Rule("LAW-7", "Cash ends in its destination band; where it does not, a finding says by how much and why.")

MAY_DRIFT = {
    "CASH-1",
    "CASH-2",
    "CASH-3",
    "MINIMUM-1",
    "ORDER-4",
    "RESTRICT-1",
    "SLEEVE-3",
}  # needs that outrank a band


def bounds(each: ComponentOutcome, mode: Mode) -> tuple[Decimal, Decimal]:
    """The weights between which the plan's mode has a component land; an opening one on its weight."""
    if mode == "exact" or each.sleeve == "opening":
        return each.weight, each.weight
    band = each.precision if mode == "best_fit" else each.threshold
    return band.lower, band.upper


def rounding(books: BookedPlan) -> Decimal:
    """By how much the cents of all orders together may move a value."""
    return CENT * (2 + len(books.plan.orders) + len(books.plan.transfers))


def step_of(each: ComponentOutcome, books: BookedPlan) -> Decimal:
    """One step of a security that is held directly; nothing for a sleeve."""
    kind, symbol = named(each.component)
    return ZERO if kind in {"model", CASH} else books.step(symbol)


def components(books: BookedPlan, limits: Forbidden, said: Said) -> Iterator[Broken]:
    """Components that are neither landed nor accounted for: of plans that are to land any."""
    plan, total = books.plan, books.plan.managed_value or ZERO
    kind, mode = plan.purpose.kind, plan.mode
    if kind not in {"full", "invest_cash"}:
        return
    for each in plan.components:
        key = each.component
        if key == CASH:
            continue
        lower, upper = bounds(each, mode)
        planned = each.planned_value
        low, high = lower * total, upper * total
        if low <= planned <= high:
            continue
        if plan.liquidation:
            low = high = ZERO
        yield from _outside(each, low, high, books, said)
    if kind == "full" and limits.replaced:
        yield from _still_held(books, limits, said)


def _outside(each: ComponentOutcome, low: Decimal, high: Decimal, books: BookedPlan, said: Said) -> Iterator[Broken]:
    plan, total = books.plan, books.plan.managed_value or ZERO
    key, planned, before = each.component, each.planned_value, each.current_value
    off, was = _distance(planned, low, high), _distance(before, low, high)
    cents = rounding(books)
    evidence = {"component": key, "before": before, "planned": planned, "lower": low, "upper": high}
    inside = each.threshold.lower * total - cents <= planned <= each.threshold.upper * total + cents
    if off > was + cents and not inside and not (said.rules_about(key) & MAY_DRIFT):
        yield Broken(
            LAW_6,
            f"{key} goes from {money(before)} to {money(planned)}, further from its destination band of {money(low)} "
            f"to {money(high)} and outside its threshold",
            evidence,
        )
    elif plan.purpose.kind == "full" and off > (max(step_of(each, books), cents) if high else ZERO):
        if said.of(key) or (planned < low and said.buys_are_cut) or _kept_by_wish(key, books):
            return
        yield Broken(
            LAW_6,
            f"{key} ends at {money(planned)}, {money(off)} outside its destination band of {money(low)} to "
            f"{money(high)}, and nothing says why",
            evidence,
        )


def _kept_by_wish(key: str, books: BookedPlan) -> bool:
    """True for a security that its client excludes and keeps: whatever it comes to is as it should be (RESTRICT-1)."""
    symbol = named(key).ref
    return any(
        each.symbol == symbol and each.hold and each.in_force(books.snapshot.as_of)
        for each in books.snapshot.account.restrictions
    )


def _distance(value: Decimal, low: Decimal, high: Decimal) -> Decimal:
    return low - value if value < low else value - high if value > high else ZERO


def _still_held(books: BookedPlan, limits: Forbidden, said: Said) -> Iterator[Broken]:
    """What is excluded or replaced, and still there without a word (RESTRICT-1, RESTRICT-2)."""
    for symbol, each in limits.replaced.items():
        if each.hold:
            continue
        for sleeve, here in books.held.items():
            if symbol not in here and symbol not in books.moved[sleeve]:
                continue
            left = books.after(sleeve, symbol)
            if left > ZERO and books.prices[symbol] and not said.of_symbol(symbol):
                yield Broken(
                    LAW_6,
                    f"{sleeve} still holds {left} {symbol}, which a restriction takes out, and nothing says why",
                    {"sleeve": sleeve, "symbol": symbol, "left": left},
                )


def cash(books: BookedPlan, limits: Forbidden, said: Said) -> Iterator[Broken]:
    """Cash that is outside its band, or short of what was asked for, without a finding that says so."""
    plan, each = books.plan, books.plan.components[-1]
    total, ends = plan.managed_value or ZERO, each.planned_value
    if plan.purpose.kind == "full" and not plan.liquidation:
        yield from _landed(each, books, limits, said)
    elif plan.purpose.kind == "raise_cash" and plan.purpose.amount is not None:
        free = ends - bounds(each, plan.mode)[0] * total
        if free < plan.purpose.amount - CENT and not said.rules() & {"CASH-2", "CASH-3"}:
            yield Broken(
                LAW_7,
                f"{money(plan.purpose.amount)} was to be raised and {money(free)} is free, and nothing says so",
                {"asked": plan.purpose.amount, "free": free},
            )
    reserved = books.cash[MANAGED] - ends
    asks = plan.purpose.kind in {"full", "raise_cash"}
    if asks and ends <= -CENT and reserved > ZERO and not _unmet_need_told(books):
        yield Broken(
            LAW_7,
            f"{money(-ends)} of the cash that withdrawals reserve is missing, and no error says so (CASH-3)",
            {"missing": -ends},
        )


def _unmet_need_told(books: BookedPlan) -> bool:
    return any(each.rule == "CASH-3" and each.severity == "error" for each in books.plan.noted)


def cash_bounds(books: BookedPlan, limits: Forbidden) -> tuple[Decimal, Decimal]:
    """The amounts between which cash is to end. Its upper bound has the weights of models that are rejected, and what
    is not held of those of which nothing may be bought (MINIMUM-3, RESTRICT-1).
    """
    plan, total = books.plan, books.plan.managed_value or ZERO
    lower, upper = bounds(plan.components[-1], plan.mode)
    high = upper * total
    for each in plan.components:
        if each.outcome == "rejected":
            high += each.weight * total
        elif limits.no_buy and each.weight and nothing_may_be_bought(each, books, limits):
            high += max(ZERO, each.weight * total - each.planned_value)
    return lower * total, high


def _landed(each: ComponentOutcome, books: BookedPlan, limits: Forbidden, said: Said) -> Iterator[Broken]:
    ends, total = each.planned_value, books.plan.managed_value or ZERO
    lower, upper = bounds(each, books.plan.mode)
    if lower * total <= ends <= upper * total:
        return
    low, high = cash_bounds(books, limits)
    off = _distance(ends, low, high)
    if not off or off <= max(rounding(books), _smallest_step(books)):
        return
    unraised = ends - upper * total
    if not any(said.cash_is(amount) for amount in (off, ends, unraised)):
        yield Broken(
            LAW_7,
            f"cash ends at {money(ends)}, {money(off)} outside its destination band of {money(low)} to {money(high)}, "
            "and no finding says by how much and why",
            {"component": CASH, "planned": ends, "lower": low, "upper": high, "off": off},
        )


def _smallest_step(books: BookedPlan) -> Decimal:
    """The least by which cash could be brought nearer: a step of a security that the target names directly."""
    return min(
        (
            books.step(named(each.component).ref)
            for each in books.plan.components
            if each.weight and named(each.component).kind == "security"
        ),
        default=ZERO,
    )
