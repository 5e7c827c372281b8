"""`/rules` and `/policy`: the rules with their codes, and the numbers in force."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter

from domain.values.rules import RULES_VERSION, catalogue
from reading import policy as numbers
from reading.refused import Refused
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
    """A number of the policy, since when, and why; the firm's own where the last book has another."""

    key: str
    value: str | bool | int | list[str]
    firm_value: str | bool | int | list[str] | None = None
    unit: str | None
    says: str
    rule: str | None
    since: str
    because: str
    source: str


class Policy(Shape):
    """The numbers in force on a day; a target or an account may override some."""

    as_of: str
    policy: list[NumberRow]


@router.get("/rules", responses=documented())
def rules(caller: Annotated[Caller, needs("read")]) -> Rules:
    """The catalogue, from the code itself."""
    listed = [RuleRow(code=rule.code, says=rule.says, file=file) for rule, file in catalogue()]
    return Rules(rules_version=RULES_VERSION, rules=sorted(listed, key=lambda each: each.code))


@router.get("/policy", responses=documented())
def policy(caller: Annotated[Caller, needs("read")], as_of: date | None = None) -> Policy:
    """The numbers in force: the firm's, and what the last book has in their place."""
    day = as_of or caller.console.clock.today()
    try:
        firm = numbers.listing(day)
    except Refused as flaw:  # a day before the first value
        wrong = Flaw(pointer="/query/as_of", detail=str(flaw))
        raise Problem(422, "unreadable", f"{flaw}.", errors=[wrong]) from flaw
    with caller.console.books.reading() as books:
        overrides, of_day = numbers.of_the_book(books)
    return Policy(as_of=str(day), policy=[NumberRow(**row) for row in numbers.overridden(firm, overrides, of_day)])
