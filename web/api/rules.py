"""`/rules` and `/policy`: the rules with their codes, and the numbers in force."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from domain.values.rules import RULES_VERSION
from reading import policy as numbers
from reading import rules as catalogue
from reading.places import behind
from reading.refused import Refused
from web.api.caller import Caller, needs
from web.api.cursors import WHOLE, Cursor, Limit
from web.api.problems import Flaw, Problem, documented
from web.api.shapes import Shape

router = APIRouter(tags=["rules"])
Place = Annotated[Cursor, Query(alias="cursor")]


class RuleRow(Shape):
    """A rule, and the file of the code that decides it."""

    code: str
    says: str
    file: str


class Rules(Shape):
    """A page of the rules of the version in force, by family and number."""

    rules_version: str
    rules: list[RuleRow]
    next_cursor: str | None


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
    """A page of the numbers in force on a day; a target or an account may override some."""

    as_of: str
    policy: list[NumberRow]
    next_cursor: str | None


@router.get("/rules", responses=documented())
def rules(caller: Annotated[Caller, needs("read")], limit: Limit = WHOLE, cursor_: Place = None) -> Rules:
    """The catalogue, from the code itself."""
    found = behind(catalogue.listing(), "code", cursor_, limit)
    rows = [RuleRow.model_validate(each) for each in found.rows]
    return Rules(rules_version=RULES_VERSION, rules=rows, next_cursor=found.after)


@router.get("/policy", responses=documented())
def policy(
    caller: Annotated[Caller, needs("read")], as_of: date | None = None, limit: Limit = WHOLE, cursor_: Place = None
) -> Policy:
    """The numbers in force: the firm's, and what the last book has in their place."""
    day = as_of or caller.console.clock.today()
    try:
        firm = numbers.listing(day)
    except Refused as flaw:  # a day before the first value
        wrong = Flaw(pointer="/query/as_of", detail=str(flaw))
        raise Problem(422, "unreadable", f"{flaw}.", errors=[wrong]) from flaw
    with caller.console.books.reading() as books:
        overrides, of_day = numbers.of_the_book(books)
    found = behind(numbers.overridden(firm, overrides, of_day), "key", cursor_, limit)
    rows = [NumberRow.model_validate(each) for each in found.rows]
    return Policy(as_of=str(day), policy=rows, next_cursor=found.after)
