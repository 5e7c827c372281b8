"""`/rules` and `/policy`: the rules with their codes, and the numbers in force, each with its meaning and its why."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter
from starlette.responses import Response

from domain.values.rules import catalogue
from domain.values.snapshot_json import overrides_as_json
from policy import numbers
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
    listed = [{"code": rule.code, "says": rule.says, "file": file} for rule, file in catalogue()]
    listed.sort(key=lambda each: (each["code"].rpartition("-")[0], int(each["code"].rpartition("-")[2])))
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
        book = books.market.book_day()
    overrides = overrides_as_json(book.policy) if book else {}
    listed = [_number(each, day, overrides, book) for each in numbers().values()]
    if format != "html":
        return tables.file(f"policy-{day}", format, NUMBER, listed)
    return visit.page("policy.html", title="Policy", rows=listed, day=day)


def _number(number: Any, day: date, overrides: dict[str, Any], book: Any) -> dict[str, Any]:
    held = number.on(day)
    value = str(held.value) if isinstance(held.value, Decimal) else held.value
    row = {
        "key": number.key,
        "value": value,
        "unit": number.unit,
        "says": number.says,
        "rule": number.rule,
        "since": str(held.since),
        "because": held.because,
        "source": number.source,
    }
    if number.key not in overrides:
        return row
    why = f"the last book says so; the firm's number is {value}"
    return row | {"value": overrides[number.key], "since": str(book.as_of), "because": why, "source": "book"}
