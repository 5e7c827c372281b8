"""Investment minimums: may this account open that model?

Asked once in every plan before money is allotted, again where an opening has to be cut, and by `diagnose`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain.targets.components import Component
from domain.values.money import cents, down_to_cent, money, percent, up_to_cent
from domain.values.rules import Finding, Rule, error, info, warning
from domain.values.snapshot import CASH, Model

MINIMUM_1 = Rule("MINIMUM-1", "A model opens only where its share of the account meets the manager's minimum.")
MINIMUM_2 = Rule("MINIMUM-2", "An open sleeve is never rejected for its minimum, only warned about.")
MINIMUM_3 = Rule("MINIMUM-3", "The weight of a rejected component stays in cash; nothing else grows in its place.")


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why a model can't open: all amounts in the account's currency."""

    proposed: Decimal
    minimum: Decimal
    account_needed: Decimal


def shortfall(weight: Decimal, managed_value: Decimal, minimum: Decimal) -> Shortfall | None:
    """What is missing for a model of `weight` > 0 to open, or None where it may (MINIMUM-1; equal is enough)."""
    proposed = weight * managed_value
    if proposed >= minimum:
        return None
    return Shortfall(down_to_cent(proposed), minimum, up_to_cent(minimum / weight))


@dataclass(frozen=True, slots=True)
class MinimumDecision:
    """What the minimums say of one model component."""

    component: str
    accepted: bool
    shortfall: Shortfall | None
    finding: Finding | None


def decide(
    components: Iterable[Component], models: Mapping[str, Model], managed_value: Decimal
) -> tuple[MinimumDecision, ...]:
    """Every opening model against its minimum: rejected with the value proposed, the minimum and the value needed."""
    decisions = []
    for component in components:
        if component.sleeve != "opening":
            continue
        model = models[component.ref]
        missing = shortfall(component.weight, managed_value, model.investment_minimum)
        finding = rejection(component, model, missing, managed_value) if missing else None
        decisions.append(MinimumDecision(component.key, missing is None, missing, finding))
    return tuple(decisions)


def rejection(component: Component, model: Model, missing: Shortfall, managed_value: Decimal) -> Finding:
    """The sentence for a model that can't open."""
    return error(
        MINIMUM_1,
        f"{model.name} can't open: its minimum is {money(missing.minimum)} and {percent(component.weight)} of "
        f"{money(managed_value)} is {money(missing.proposed)}. It opens from an account value of "
        f"{money(missing.account_needed)}.",
        component=component.key,
        proposed=cents(missing.proposed),
        minimum=cents(missing.minimum),
        account_needed=cents(missing.account_needed),
    )


def rejection_for_cash(component: Component, model: Model, left: Decimal) -> Finding:
    """The sentence for a model that cash can't carry to its minimum once other needs are met (DESTINATION-2)."""
    return error(
        MINIMUM_1,
        f"{model.name} can't open: cash leaves "
        + (
            "nothing for it."
            if left <= 0
            else f"{money(left)} for it and its minimum is {money(model.investment_minimum)}."
            if left < model.investment_minimum
            else f"{money(left)} for it, which buys none of it."
        ),
        component=component.key,
        proposed=cents(down_to_cent(left)),
        minimum=cents(model.investment_minimum),
        account_needed=cents(up_to_cent(model.investment_minimum / component.weight)),
    )


def stays_in_cash(rejected: Iterable[Component]) -> list[Finding]:
    """Says where the weight of rejected components goes (MINIMUM-3)."""
    weights = {component.key: component.weight for component in rejected}
    if not weights:
        return []
    total = sum(weights.values(), start=Decimal(0))
    return [
        info(
            MINIMUM_3,
            f"{percent(total)} stays in cash, as {', '.join(weights)} can't open; nothing else grows in its place",
            component=CASH,
            weight=total,
            rejected=list(weights),
        )
    ]


def below_minimum(component: Component, planned: Decimal, model: Model) -> Finding | None:
    """A warning where an open sleeve's planned value is below its model's minimum (MINIMUM-2)."""
    if component.sleeve != "open" or planned >= model.investment_minimum:
        return None
    return warning(
        MINIMUM_2,
        f"{model.name} stays open below its minimum: it is planned at {money(planned)} and the minimum is "
        f"{money(model.investment_minimum)}.",
        component=component.key,
        planned=cents(planned),
        minimum=cents(model.investment_minimum),
    )
