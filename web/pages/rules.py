"""`/rules` and `/policy`: the rules with their codes, and the numbers in force, each with its meaning and its why."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from reading import policy as numbers
from reading import rules as rules_
from reading.refused import Refused
from web import tables
from web.refusals import Refusal
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
RULE = ("code", "says", "file")
NUMBER = ("key", "value", "unit", "says", "rule", "since", "because", "source")


@router.get("/rules")
def rules(visit: Annotated[Visit, needs("read")], format: Format = "html") -> Response:
    """The catalogue, from the code itself."""
    listed = rules_.listing()
    if format != "html":
        return tables.file("rules", format, RULE, listed)
    return visit.page("rules.html", title="Rules", rows=listed)


@router.get("/policy")
def policy(visit: Annotated[Visit, needs("read")], as_of: str = "", format: Format = "html") -> Response:
    """The firm's numbers on a day; what the last book overrides says so."""
    try:
        day = date.fromisoformat(as_of) if as_of else visit.console.clock.today()
    except ValueError as flaw:
        why = f"{as_of} is no day: write it like 2026-11-20."
        raise Refusal(422, "Which day?", why, (("/policy", "Today"),)) from flaw
    with visit.console.books.reading() as books:
        overrides, of_day = numbers.of_the_book(books)
    try:
        listed = numbers.overridden(numbers.listing(day), overrides, of_day)
    except Refused as flaw:  # a day before the first value
        raise Refusal(422, "Which day?", f"{flaw}.", (("/policy", "Today"),)) from flaw
    if format != "html":
        return tables.file(f"policy-{day}", format, NUMBER, listed)
    return visit.page("policy.html", title="Policy", rows=listed, day=day)
