"""What a case expects, held against a plan: every difference as a line that an analyst understands."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from domain.books.book import BookRefused
from domain.rebalance_plan import ComponentOutcome, Order, RebalancePlan, Transfer
from domain.targets.targets import Band
from domain.values.money import cents, money, plain
from tests.domain.cases import THOUSANDS, Case, planned
from tests.domain.numbers import same

NO_COMPONENT = "is not in the plan"


def differences(case: Case) -> list[str]:
    """What of the case's expectations does not hold; empty where all does. Raises ValueError for an unknown word."""
    expected = dict(case.expect)
    pieces = expected.pop("refused", None)
    try:
        plan = planned(case)
    except BookRefused as refused:
        problems = [str(problem) for problem in refused.problems]
        if pieces is None:
            return ["the book is refused:", *problems]
        return list(_pieces_of_each(pieces, problems))
    if pieces is not None:
        return ["the book is accepted, but a refusal is expected"]
    found = [line for word, value in expected.items() for line in _compare(word, value, plan)]
    return [*found, "", *summary(plan)] if found else []


def _compare(word: str, expected: Any, plan: RebalancePlan) -> Iterator[str]:
    if word in PLAN:
        actual = PLAN[word](plan)
        if not _equal(expected, actual):
            yield f"{word}: expected {_shown(expected)}, the plan has {_shown(actual)}"
    elif word == "says":
        yield from _missing(expected, [THOUSANDS.sub("", each.message) for each in plan.findings])
    elif word == "reasons":
        for symbol, piece in expected.items():
            yield from _missing([piece], [THOUSANDS.sub("", o.reason) for o in plan.orders if o.symbol == symbol])
    elif word == "absent":
        known = {label(each.component) for each in plan.components}
        yield from (f"{each} is in the plan" for each in expected if each in known)
    elif isinstance(expected, Mapping):
        yield from _compare_component(word, expected, plan)
    else:
        raise ValueError(f'"{word}" can\'t be expected; see tests/cases/README.md')


def _compare_component(word: str, expected: Mapping[str, Any], plan: RebalancePlan) -> Iterator[str]:
    found = {label(each.component): each for each in plan.components}.get(word)
    unknown = expected.keys() - COMPONENT.keys()
    if unknown:
        raise ValueError(f'"{word}" has no {sorted(unknown)}; see tests/cases/README.md')
    if found is None:
        yield f"{word} {NO_COMPONENT}"
        return
    for name, value in expected.items():
        actual = COMPONENT[name](found)
        if not _equal(value, actual):
            yield f"{word}, {name}: expected {_shown(value)}, the plan has {_shown(actual)}"


def _equal(expected: Any, actual: Any) -> bool:
    """Numbers to as many places as expected, percentages and ranges so too, words and lists exactly."""
    if isinstance(expected, Mapping):
        return expected.keys() == actual.keys() and all(_equal(each, actual[key]) for key, each in expected.items())
    if isinstance(actual, Decimal):
        return same(expected.removesuffix(" %"), actual * 100 if expected.endswith(" %") else actual)
    if isinstance(actual, Band):
        lower, _, upper = expected.partition(" to ")
        return _equal(lower, actual.lower) and _equal(upper, actual.upper)
    return bool(expected == actual)


def _pieces_of_each(pieces: Sequence[str], texts: Sequence[str]) -> Iterator[str]:
    texts = [THOUSANDS.sub("", text) for text in texts]
    if len(pieces) != len(texts):
        yield f"{len(pieces)} problems are expected, there are {len(texts)}: {'; '.join(texts)}"
    yield from _missing(pieces, texts)


def _missing(pieces: Sequence[str], texts: Sequence[str]) -> Iterator[str]:
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        raise ValueError(f"a list of pieces of text is needed (quote what has a colon), not {pieces}")
    for piece in pieces:
        if not any(piece in text for text in texts):
            yield f'nothing says "{piece}", but: {"; ".join(texts)}'


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_shown(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(str(each) for each in value) + "]"
    if isinstance(value, Band):
        return f"{plain(value.lower * 100)} % to {plain(value.upper * 100)} %"
    return plain(value) if isinstance(value, Decimal) else str(value)


def label(key: str) -> str:
    """A component's or sleeve's name as cases write it: `model M`, `X`, `unassigned X`, `cash`."""
    return key.removeprefix("security:").replace(":", " ")


def _order(order: Order) -> str:
    return f"{order.side} {plain(order.quantity)} {order.symbol}"


def _transfer(each: Transfer) -> str:
    what = cents(each.amount) if each.symbol is None else f"{plain(each.quantity or Decimal(0))} {each.symbol}"
    return f"{what} from {label(each.source)} to {label(each.destination)}"


def _allocations(plan: RebalancePlan) -> dict[str, dict[str, Decimal]]:
    return {order.symbol: {label(each.sleeve): each.quantity for each in order.allocations} for order in plan.orders}


def _tax(plan: RebalancePlan) -> Any:
    if plan.tax is None:
        return "none"
    each = plan.tax
    return {
        "short": each.plan.short_term,
        "long": each.plan.long_term,
        "disallowed": each.disallowed,
        "without": each.difference.without.tax,
        "with": each.difference.with_plan.tax,
        "difference": each.difference.tax,
        "carried": -each.difference.with_plan.carried.net,
    }


COMPONENT: dict[str, Callable[[ComponentOutcome], Any]] = {
    "weight": lambda each: each.weight,
    "threshold": lambda each: each.threshold,
    "precision": lambda each: each.precision,
    "value": lambda each: each.current_value,
    "is": lambda each: each.current_weight,
    "breach": lambda each: each.breach or "none",
    "sleeve": lambda each: each.sleeve or "none",
    "outcome": lambda each: each.outcome,
    "planned": lambda each: each.planned_value,
    "at": lambda each: each.planned_weight,
}
PLAN: dict[str, Callable[[RebalancePlan], Any]] = {
    "status": lambda plan: plan.expected_status,
    "orders": lambda plan: [_order(each) for each in plan.orders],
    "allocations": _allocations,
    "because": lambda plan: {each.symbol: each.rule for each in plan.orders},
    "transfers": lambda plan: [_transfer(each) for each in plan.transfers],
    "skipped": lambda plan: [f"{each.side} {plain(each.quantity)} {each.symbol}" for each in plan.skipped],
    "queue": lambda plan: list(plan.queue_reasons),
    "liquidation": lambda plan: "yes" if plan.liquidation else "no",
    "managed value": lambda plan: plan.managed_value or Decimal(0),
    "cash after": lambda plan: plan.cash_after,
    "tax": _tax,
    "gain": lambda plan: {"short": plan.gain.short_term, "long": plan.gain.long_term},
    "findings": lambda plan: [f"{each.severity} {each.rule}" for each in plan.findings if each.severity != "info"],
}


def summary(plan: RebalancePlan) -> list[str]:
    """The plan in a few lines, for who looks for the difference."""
    return [
        f"the plan: {plan.expected_status}, queued for {list(plan.queue_reasons) or 'nothing'}",
        *(
            f"  {label(each.component)}: {money(each.current_value)} → {money(each.planned_value)} {each.outcome}"
            for each in plan.components
        ),
        f"  orders {_shown([_order(each) for each in plan.orders])}",
        f"  transfers {_shown([_transfer(each) for each in plan.transfers])}",
        f"  skipped {_shown([f'{each.side} {plain(each.quantity)} {each.symbol}' for each in plan.skipped])}",
        *(f"  {each.severity}: {each.message}" for each in plan.findings),
    ]
