"""The steps of a derivation in which components move: what their bands force, what cash closes, one way, a signal.

`domain.planning.lines` is asked again for the first pass; what the plan made of it stands in the proposal.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from domain.planning.case import Case
from domain.planning.ends import DESTINATION_6
from domain.planning.lines import DESTINATION_1, DESTINATION_2, DESTINATION_5, Destination, Line
from domain.planning.one_way import CASH_2
from domain.planning.signals import SIGNAL_1, SIGNAL_2
from domain.planning.turn import Proposal
from domain.rebalance_plan import ComponentOutcome, RebalancePlan
from domain.telling.steps import Cell, Kind, Step, step
from domain.values.keys import named
from domain.values.money import CENT, ZERO, money, to_cent
from domain.values.purpose import ONE_WAY
from domain.values.snapshot import CASH

LANDING: Mapping[str, Kind] = {
    "component": "text",
    "value": "amount",
    "destination from": "amount",
    "destination to": "amount",
    "change": "change",
    "because": "text",
}


def moves(case: Case, proposal: Proposal, plan: RebalancePlan) -> Iterator[Step]:
    """From what components are worth to what they shall be worth."""
    if case.purpose.kind == "signal":
        yield _signal(plan)
    elif case.purpose.kind in ONE_WAY:
        yield _one_way(case, proposal, plan)
    else:
        yield _forced(case, proposal)
        yield _closed(case, proposal, plan)


def lines_of(case: Case, proposal: Proposal) -> tuple[Line, ...]:
    """Every component but cash with its destination band in amounts, after the moves that the plan makes of it."""
    return proposal.destined.lines


def edges(each: Line) -> tuple[Decimal, Decimal]:
    """The amounts between which a component shall land, whatever a restriction lets happen."""
    return each.lower, each.upper


def forced(each: Line) -> Decimal:
    """What its band alone moved of a component (DESTINATION-1)."""
    return dict(each.parts).get(DESTINATION_1, ZERO)


def _forced(case: Case, proposal: Proposal) -> Step:
    lines = lines_of(case, proposal)
    rows: list[tuple[Cell, ...]] = [
        (each.component.key, each.value, *edges(each), forced(each), _why_forced(each, proposal)) for each in lines
    ]
    cash, band = cash_before(case, lines), proposal.destined.cash_band
    left = cash - sum((forced(each) for each in lines), ZERO)
    rows.append((CASH, cash, band.lower, band.upper, left - cash, f"would end at {money(left)}"))
    return step(
        "What the bands force",
        [DESTINATION_1.code],
        LANDING,
        rows,
    )


def cash_before(case: Case, lines: Sequence[Line]) -> Decimal:
    """The account's cash once overdrawn sleeves are made whole (SLEEVE-3)."""
    return case.valuation.cash - sum((each.value - each.component.value for each in lines), ZERO)


def _why_forced(each: Line, proposal: Proposal) -> str:
    component = each.component
    if component.key in proposal.rejected:
        return "it can't open: its weight stays in cash"
    if each.blocked:
        verb, block = ("buy", component.no_buy) if each.blocked > 0 else ("sell", component.no_sell)
        rule = f" ({block.rule.code})" if block else ""
        return f"its destination asks to {verb} {money(abs(each.blocked))}, and that may not be{rule}"
    if component.sleeve == "opening":
        return "it opens at its weight"
    if component.goes_to_zero:
        if component.sleeve == "closing":
            return "its sleeve closes"
        return "the target does not name it: sold" if component.kind == "unassigned" else "its weight is 0: sold"
    moved = forced(each)
    if not moved:
        inside = each.lower <= each.value <= each.upper
        return (
            "inside its destination band: left alone" if inside else "no step of it that can be traded brings it nearer"
        )
    if not each.value:
        return "nothing of it is held yet: bought at its weight"
    return "bought into its destination band" if moved > 0 else "sold into its destination band"


def _closed(case: Case, proposal: Proposal, plan: RebalancePlan) -> Step:
    lines, destined = lines_of(case, proposal), proposal.destined
    before = cash_before(case, lines)
    first = before - sum((forced(each) for each in lines), ZERO)
    rows = []
    for each in lines:
        closing = each.buy - forced(each)
        if each.buy or closing:
            rows.append(
                (each.component.key, forced(each), closing or None, each.buy, each.planned, _why_closed(each, closing))
            )
    changes = sum((each.buy for each in lines), ZERO)
    notes = [
        _cash_first(first, destined.cash_band.lower, destined.cash_band.upper),
        f"cash {money(before)} {_minus(changes)} = {money(destined.cash)} before sleeves round to shares",
    ]
    if destined.cut > ZERO:
        notes += [each.message for each in plan.findings if each.rule == DESTINATION_2.code and "cut" in each.evidence]
    notes += [each.message for each in plan.findings if each.rule in {DESTINATION_5.code, DESTINATION_6.code}]
    return step(
        "What is traded for cash",
        [DESTINATION_2.code, DESTINATION_5.code],
        {
            "component": "text",
            "forced": "change",
            "for cash": "change",
            "change": "change",
            "shall be": "amount",
            "because": "text",
        },
        rows,
        notes,
    )


def _cash_first(first: Decimal, lower: Decimal, upper: Decimal) -> str:
    said = f"after what the bands force cash would be {money(first)}"
    if first < lower:
        return f"{said}, below its {money(lower)}: more is sold, from what is most above its weight; then buys are cut"
    if first > upper:
        return f"{said}, above its {money(upper)}: more is bought, of what is most below its weight first"
    return f"{said}, inside its destination band of {money(lower)} to {money(upper)}"


def _minus(change: Decimal) -> str:
    return f"{'+' if change < 0 else '−'} {money(abs(change))}"


def _why_closed(each: Line, closing: Decimal) -> str:
    if not closing:
        return "as its destination band forces"
    steps = ", in whole steps up to its threshold" if DESTINATION_5 in dict(each.parts) else ""
    if closing > 0:
        return f"bought further: cash is above its destination band{steps}"
    cut = forced(each) > 0
    return "its buy is cut: cash would not do" if cut else f"sold further: cash is below its destination band{steps}"


def _one_way(case: Case, proposal: Proposal, plan: RebalancePlan) -> Step:
    raises = case.purpose.kind == "raise_cash"
    rows: list[tuple[Cell, ...]] = []
    for each, final in zip(lines_of(case, proposal), proposal.destined.destinations, strict=True):
        rows.append((each.component.key, each.value, *edges(each), final.change, _why_one_way(each, final, proposal)))
    band = proposal.destined.cash_band
    lower = None if raises else band.lower
    rows.append((CASH, case.valuation.cash, lower, None, proposal.destined.cash - case.valuation.cash, ""))
    first = "most above its weight" if raises else "most below its weight"
    verb = "sold down to its lower edge" if raises else "bought up to its upper edge"
    return step(
        "What raises the cash" if raises else "What the cash buys",
        [CASH_2.code],
        LANDING,
        rows,
        [
            f"nothing trades the other way; what is {first} comes first, and is {verb} before the next",
            *(each.message for each in plan.findings if each.rule == CASH_2.code),
        ],
    )


def _why_one_way(each: Line, final: Destination, proposal: Proposal) -> str:
    component = each.component
    lower, upper = edges(each)
    if component.key in proposal.rejected:
        return "it can't open: its weight stays in cash"
    if final.blocked:
        verb, block = ("buying", component.no_buy) if final.blocked > 0 else ("selling", component.no_sell)
        rule = f" ({block.rule.code})" if block else ""
        return f"{verb} {money(abs(final.blocked))} of it would help, and that may not be{rule}"
    if not final.change:
        return "left alone"
    if component.sleeve == "opening":
        return "it opens at its weight"
    if final.change < 0:
        return (
            "sold beyond its destination band, in proportion"
            if final.value < lower - CENT
            else "sold inside its destination band"
        )
    return "bought up to its upper edge" if final.value >= upper - CENT else "bought inside its destination band"


def _signal(plan: RebalancePlan) -> Step:
    told = [each.message for each in plan.findings if each.rule in {SIGNAL_1.code, SIGNAL_2.code}]
    return step("What the signal asks", [SIGNAL_1.code, SIGNAL_2.code], {}, [], told)


def ends(case: Case, proposal: Proposal, plan: RebalancePlan) -> Step:
    """Where every component lands once its shares are whole, against the band it shall land in."""
    shall: dict[str, Decimal] = {each.component.key: each.value for each in proposal.destined.destinations}
    bands = {each.component.key: edges(each) for each in lines_of(case, proposal)}
    shall[CASH] = proposal.destined.cash
    bands[CASH] = proposal.destined.cash_band.lower, proposal.destined.cash_band.upper
    rows = []
    for each in plan.components:
        lower, upper = bands.get(each.component, (ZERO, ZERO))  # of a signal, which lands nothing, none is shown
        asked = shall[each.component]
        difference = each.planned_value - asked
        rows.append(
            (
                each.component,
                asked,
                difference if to_cent(difference) else None,
                each.planned_value,
                each.planned_weight,
                _standing(case, each, lower, upper) if case.purpose.kind == "full" else "",
            )
        )
    return step(
        "Where it ends",
        [DESTINATION_1.code, DESTINATION_2.code] if case.purpose.kind == "full" else [],
        {
            "component": "text",
            "shall be": "amount",
            "difference": "change",
            "ends at": "amount",
            "weight": "weight",
            "destination band": "text",
        },
        rows,
    )


def _standing(case: Case, each: ComponentOutcome, lower: Decimal, upper: Decimal) -> str:
    value = each.planned_value
    off = max(lower - value, value - upper)
    if off <= 0:
        return "inside"
    if off < CENT:
        return "on its edge"
    side = "below" if value < lower else "above"
    kind, symbol = named(each.component)
    security = case.snapshot.securities[symbol] if kind == "security" else None
    within = security is not None and off < security.quantity_increment * case.snapshot.price(symbol)
    return f"{money(off)} {side}" + (", less than one increment" if within else "")
