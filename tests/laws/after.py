"""LAW-9, LAW-10 and LAW-11, of a finished plan: settled once it is filled, no step too many, and true words.

Written against the rule book, not the planner: words are matched by what they claim, and each claim is worked out anew.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from domain.laws.booked_plan import BookedPlan
from domain.laws.budget import disallowed
from domain.laws.landing import bounds, cash_bounds, rounding
from domain.laws.refusals import Forbidden, forbidden
from domain.plan import plan as planned
from domain.rebalance_plan import ComponentOutcome, Order, RebalancePlan
from domain.values.money import money, percent
from domain.values.policy import Policy
from domain.values.snapshot import MANAGED, Snapshot
from tests.laws.world import filled

ZERO, CENT = Decimal(0), Decimal("0.01")


def settled(snapshot: Snapshot, policy: Policy, plan: RebalancePlan) -> Iterator[str]:
    """LAW-9: filled as planned and planned again at the same prices, there is no order."""
    if plan.purpose.kind in {"signal", "invest_cash"}:  # what was invested would be invested once more
        return
    after = _budget_used(filled(snapshot, policy, plan), plan)
    again = planned(after, policy, plan.mode, purpose=plan.purpose)
    if again.orders:
        first = again.orders[0]
        yield (
            f"{len(again.orders)} orders after {len(plan.orders)}: {first.side} {first.quantity} {first.symbol} for "
            f"{first.amount}: {first.reason}"
        )


def _budget_used(after: Snapshot, plan: RebalancePlan) -> Snapshot:
    """The account with what is left of its gain budget: what a plan realises is gone for the next one."""
    budget = after.account.gain_budget
    if budget is None:
        return after
    cut = any(each.rule == "LOT-2" for each in plan.skipped)
    left = ZERO if cut else max(ZERO, budget - max(ZERO, plan.gain.net))
    return replace(after, account=replace(after.account, gain_budget=left))


# --- LAW-10


def no_step_too_many(snapshot: Snapshot, policy: Policy, plan: RebalancePlan) -> Iterator[str]:
    """LAW-10: one step less of any sell breaks a band, a cash need, or the funding of a buy; and where cash is outside
    its band, no step more or less that keeps components inside their thresholds brings it nearer.
    """
    if plan.liquidation or plan.purpose.kind not in {"full", "raise_cash"}:
        return
    books, numbers = BookedPlan.of(snapshot, plan), snapshot.numbers(policy)
    limits = forbidden(snapshot, numbers)
    low, high = cash_bounds(books, limits)
    ends, total = plan.components[-1].planned_value, plan.managed_value or ZERO
    smallest = max(numbers.minimum_trade_amount, numbers.minimum_trade_weight * total)
    asked = plan.purpose.amount
    raising = plan.purpose.kind == "raise_cash"
    needed = low + asked if raising and asked is not None else plan.components[-1].weight * total if raising else low
    components = {each.component: each for each in plan.components}
    for order in plan.orders:
        if order.side == "sell":
            yield from _sold_too_much(order, books, components, ends - needed, smallest, raising)
    if not raising and not low <= ends <= high:
        yield from _step_that_helps(books, limits, low, high, smallest)


def _sold_too_much(
    order: Order,
    books: BookedPlan,
    components: dict[str, ComponentOutcome],
    free: Decimal,
    smallest: Decimal,
    raising: bool,
) -> Iterator[str]:
    """A sell of a direct holding that may be one step smaller: the component stays in its band and cash above."""
    step, plan = _whole(CENT, books.step(order.symbol)), books.plan
    if order.amount - step < smallest or step > free - rounding(books):
        return
    if books.snapshot.account.gain_budget is not None and order.gain.net < ZERO:
        return  # less of a sale at a loss may take the others beyond the budget
    for part in order.allocations:
        each = components.get(f"security:{order.symbol}")
        if part.sleeve != MANAGED or each is None or books.after(MANAGED, order.symbol) == 0:
            continue
        upper = bounds(each, plan.mode)[1] * (plan.managed_value or ZERO)
        if raising or each.planned_value + step <= upper:
            yield (
                f"one step of {order.symbol} ({money(step)}) less is sold and all stays as it should: "
                f"{each.component} {money(each.planned_value)} of at most {money(upper)}, cash {money(free)} above need"
            )


def _step_that_helps(
    books: BookedPlan, limits: Forbidden, low: Decimal, high: Decimal, smallest: Decimal
) -> Iterator[str]:
    """The least that could be traded more, or less, of a security held directly, and would bring cash nearer."""
    plan, total = books.plan, books.plan.managed_value or ZERO
    ends = plan.components[-1].planned_value
    off, buys = max(low - ends, ends - high), ends > high
    forbidden_here = limits.no_buy if buys else limits.no_sell
    if off <= rounding(books):
        return
    orders = {order.symbol: order for order in plan.orders}
    for each in plan.components:
        kind, _, symbol = each.component.partition(":")
        lower, upper = each.threshold.lower * total, each.threshold.upper * total
        if kind != "security" or not each.weight or not lower <= each.planned_value <= upper:
            continue
        order, least = orders.get(symbol), _whole(CENT, books.step(symbol))
        if order is None:  # what would be an order of its own has to reach the minimum
            least = _whole(max(smallest, CENT), books.step(symbol))
        elif (order.side == "sell") is buys:  # less of an order that there is
            mine = sum((part.quantity for part in order.allocations if part.sleeve == MANAGED), ZERO)
            if order.amount - least < smallest or mine * order.price < least:
                continue
        if symbol in forbidden_here and (order is None or (order.side == "buy") is buys):
            continue
        sells_more = not buys and (order is None or order.side == "sell")
        if sells_more and (books.snapshot.account.gain_budget is not None or each.planned_value < least):
            continue
        if books.snapshot.account.gain_budget is not None and order is not None and order.side == "sell":
            continue  # less of a sale at a loss may take the others beyond the budget
        then = ends - least if buys else ends + least
        if then < ZERO and buys:
            continue
        held = each.planned_value + (least if buys else -least)
        if order is None and least > books.step(symbol) and not low <= then <= high:
            continue  # grown to the minimum it would take cash across its band: it is skipped (ORDER-3)
        if max(low - then, then - high, ZERO) <= off - CENT and lower <= held <= upper:
            yield (
                f"cash ends at {money(ends)}, outside {money(low)} to {money(high)}: {money(least)} "
                f"{'more' if buys else 'less'} of {symbol} keeps {each.component}, {money(each.planned_value)}, inside "
                f"{money(lower)} to {money(upper)} and brings it nearer"
            )


def _whole(amount: Decimal, step: Decimal) -> Decimal:
    """The least number of whole steps that comes to an amount."""
    return (amount / step).to_integral_value(ROUND_CEILING) * step


# --- LAW-11

Claim = Callable[["_Told", re.Match[str]], bool]


class _Told:
    """A plan and what its words are held against."""

    def __init__(self, snapshot: Snapshot, policy: Policy, plan: RebalancePlan) -> None:
        self.snapshot, self.plan = snapshot, plan
        self.numbers = snapshot.numbers(policy)
        self.books = BookedPlan.of(snapshot, plan)
        self.components = {each.component: each for each in plan.components}
        self.smallest = max(
            self.numbers.minimum_trade_amount, self.numbers.minimum_trade_weight * (plan.managed_value or ZERO)
        )
        self.low, self.high = cash_bounds(self.books, forbidden(snapshot, self.numbers))
        self.order: Order | None = None
        self.key = ""

    def in_force(self, kind: str, symbol: str, by: str | None = None) -> bool:
        return any(
            each.type == kind and each.symbol == symbol and each.by == by and each.in_force(self.snapshot.as_of)
            for each in self.snapshot.account.restrictions
        )

    def edges(self) -> tuple[Decimal, Decimal]:
        lower, upper = bounds(self.components[self.key], self.plan.mode)
        total = self.plan.managed_value or ZERO
        return lower * total, upper * total


def _moves(told: _Told, found: re.Match[str]) -> bool:
    told.key = found[1]
    each = told.components[found[1]]
    return (percent(each.current_weight), percent(each.planned_weight)) == (f"{found[2]} %", f"{found[3]} %")


def _names_no_longer(told: _Told, found: re.Match[str]) -> bool:
    model = told.snapshot.models[told.key.partition(":")[2]]
    return all(line.symbol != found[1] or not line.weight for line in model.holdings)


def _amount(told: _Told) -> Decimal:
    return told.order.amount if told.order else ZERO


CLAIMS: tuple[tuple[str, Claim], ...] = (
    (r"(\S+) goes from (−?-?[\d.]+) % to (−?-?[\d.]+) %", _moves),
    (r"its model no longer names (\S+?)(?:[;,]| \()", _names_no_longer),
    (r"(\S+) is excluded", lambda told, found: told.in_force("exclude", found[1])),
    (
        r"(\S+) is held instead of (\S+?)(?:[;,]| \()",
        lambda told, found: told.in_force("substitute", found[2], found[1]),
    ),
    (r"the target does not name it", lambda told, _: told.key.startswith("unassigned:")),
    (r"its sleeve closes", lambda told, _: told.components[told.key].sleeve == "closing"),
    (r"its sleeve opens", lambda told, _: told.components[told.key].sleeve == "opening"),
    (r"it is above its destination band", lambda told, _: told.components[told.key].current_value > told.edges()[1]),
    (r"it is below its destination band", lambda told, _: told.components[told.key].current_value < told.edges()[0]),
    (
        r"as cash would end below its destination band",
        lambda told, _: told.plan.components[-1].planned_value - _amount(told) < told.low,
    ),
    (
        r"cash above its destination band is invested",
        lambda told, _: told.plan.components[-1].planned_value + _amount(told) > told.high,
    ),
)


def true_words(snapshot: Snapshot, policy: Policy, plan: RebalancePlan) -> Iterator[str]:
    """LAW-11: every number and every "because" of the plan's sentences, worked out anew."""
    told = _Told(snapshot, policy, plan)
    for order in plan.orders:
        told.order = order
        for sentence in order.reason.split("; "):
            for pattern, claim in CLAIMS:
                found = re.search(pattern, sentence)
                if found and not claim(told, found):
                    yield f"{order.side} {order.quantity} {order.symbol}: {sentence!r} ({pattern})"
        yield from _gains(order, snapshot.as_of)
    for transfer in plan.transfers:
        if money(transfer.amount) not in transfer.reason:
            yield f"a transfer of {transfer.amount} says {transfer.reason!r}"
    yield from _skips(told)
    yield from _findings(told)
    yield from _disallowed(told)


def _gains(order: Order, day: date) -> Iterator[str]:
    """LOT-1: long where held more than one year by the calendar."""
    by_term = {"short": ZERO, "long": ZERO}
    for each in order.lots:
        cost, acquired = each.lot.cost_per_share, each.lot.acquired
        if cost is None or acquired is None:
            if each.gain is not None:
                yield f"{order.symbol}: a gain of {each.gain} of unknown cost"
            continue
        exact = (order.price - cost) * each.lot.quantity
        long = (day.year - acquired.year, day.month, day.day) > (1, acquired.month, acquired.day)
        if each.gain is None or abs(each.gain - exact) > CENT / 2 or (each.term == "long") != long:
            yield f"{order.symbol}: {each.lot.quantity} of {acquired} at {cost} gain {each.gain} {each.term}"
        by_term["long" if long else "short"] += each.gain or ZERO
    if (order.gain.short_term, order.gain.long_term) != (by_term["short"], by_term["long"]):
        yield f"{order.symbol}: the lots gain {by_term}, and the order says {order.gain}"


def _skips(told: _Told) -> Iterator[str]:
    budget = told.snapshot.account.gain_budget
    for each in told.plan.skipped:
        exact = each.quantity * told.books.prices[each.symbol]
        if abs(each.amount - exact) > CENT / 2 or money(each.amount) not in each.reason:
            yield f"{each.side} {each.quantity} {each.symbol} for {each.amount}: {each.reason!r}"
        least = re.search(r"below the minimum trade of ([\d,.]+)", each.reason)
        if least and (
            each.amount >= told.smallest.quantize(CENT)
            or least[1] != money(told.smallest)
            or least[1] == money(each.amount)
        ):
            yield f"{each.symbol}: {each.reason!r}, and the minimum is {told.smallest}"
        most = re.search(r"beyond the budget of ([\d,.]+)", each.reason)
        if most and (budget is None or most[1] != money(budget) or each.side != "sell"):
            yield f"{each.symbol}: {each.reason!r}, and the budget is {budget}"


def _findings(told: _Told) -> Iterator[str]:
    for finding in told.plan.findings:
        evidence = finding.evidence
        if finding.rule == "MINIMUM-1" and finding.severity == "error":
            each = told.components[str(evidence["component"])]
            model = told.snapshot.models[each.component.partition(":")[2]]
            needed = (model.investment_minimum / each.weight).quantize(CENT, ROUND_CEILING)
            stated = Decimal(str(evidence["proposed"])), Decimal(str(evidence["minimum"]))
            refused = stated[0] < stated[1] or "cash leaves" in finding.message
            if stated[1] != model.investment_minimum or not refused or each.outcome != "rejected":
                yield finding.message
            most = (each.weight * (told.plan.managed_value or ZERO)).quantize(CENT, ROUND_FLOOR)
            if stated[0] > most or Decimal(str(evidence["account_needed"])) != needed:
                yield f"{finding.message} ({most}, {needed})"
        elif finding.rule == "CASH-2" and "moved" in evidence:
            change = told.plan.cash_after - told.plan.cash_before
            if abs(abs(change) - Decimal(str(evidence["moved"]))) > CENT:
                yield f"{finding.message!r}, and cash changes by {change}"
        elif finding.rule == "MINIMUM-2" and "planned" in evidence:
            each = told.components[str(evidence["component"])]
            if abs(Decimal(str(evidence["planned"])) - each.planned_value) > CENT:
                yield finding.message


def _disallowed(told: _Told) -> Iterator[str]:
    """WASH-2: of every loss what was replaced is said to be disallowed, to within a cent a lot."""
    said = {
        str(each.evidence["symbol"]): Decimal(str(each.evidence["disallowed_loss"]))
        for each in told.plan.findings
        if each.rule == "WASH-2" and "disallowed_loss" in each.evidence
    }
    taxed = told.snapshot.account.tax_status == "taxable"
    for order in told.plan.orders:
        ours = disallowed(told.snapshot, order, told.numbers.wash_sale_days) if taxed and order.lots else ZERO
        if abs(said.get(order.symbol, ZERO) - ours) > CENT * (len(order.lots) + 1):
            yield f"{order.symbol}: {said.get(order.symbol)} of its loss is said to be disallowed, and {money(ours)} is"
