"""`/rules` and `/policy`: the rules with their codes, and the numbers in force."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter

from domain.values.rules import RULES_VERSION, catalogue
from policy import DatedValue, PolicyNumber, PolicyRefused, numbers
from web.api.caller import Caller, needs
from web.api.problems import Flaw, Problem, documented
from web.api.shapes import Shape

router = APIRouter(tags=["rules"])


class RuleRow(Shape):
    """A rule, and the file of the code that decides it."""

    code: str
    says: str
    file: str


class Rules(Shape):
    """All rules, of the version in force."""

    rules_version: str
    rules: list[RuleRow]


class NumberRow(Shape):
    """A number of the firm's policy, since when, and why."""

    key: str
    value: str | bool | int | list[str]
    unit: str | None
    says: str
    rule: str | None
    since: str
    because: str
    source: str


class Policy(Shape):
    """The firm's numbers on a day; a book, a target or an account may override some."""

    as_of: str
    policy: list[NumberRow]


@router.get("/rules", responses=documented())
def rules(caller: Annotated[Caller, needs("read")]) -> Rules:
    """The catalogue, from the code itself."""
    listed = [RuleRow(code=rule.code, says=rule.says, file=file) for rule, file in catalogue()]
    return Rules(rules_version=RULES_VERSION, rules=sorted(listed, key=lambda each: each.code))


@router.get("/policy", responses=documented())
def policy(caller: Annotated[Caller, needs("read")], as_of: date | None = None) -> Policy:
    """The firm's numbers."""
    day = as_of or caller.console.clock.today()
    rows = []
    for number in numbers().values():
        held = _on(number, day)
        value = _plain(held.value)
        rows.append(
            NumberRow(
                key=number.key,
                value=value,
                unit=number.unit,
                says=number.says,
                rule=number.rule,
                since=str(held.since),
                because=held.because,
                source=number.source,
            )
        )
    return Policy(as_of=str(day), policy=rows)


def _on(number: PolicyNumber, day: date) -> DatedValue:
    """The value on a day. Raises Problem for a day before the first."""
    try:
        return number.on(day)
    except PolicyRefused as flaw:
        wrong = Flaw(pointer="/query/as_of", detail=str(flaw))
        raise Problem(422, "unreadable", f"{flaw}.", errors=[wrong]) from flaw


def _plain(value: object) -> str | bool | int | list[str]:
    """A number as JSON: a decimal as text, names as a list."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return value if isinstance(value, (str, bool, int)) else str(value)
