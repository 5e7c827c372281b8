"""The firm's numbers in force on a day: what each means, why it is so, and what the last book overrides."""

from datetime import date
from typing import TYPE_CHECKING, Any

from reading.refused import Refused

if TYPE_CHECKING:
    from storage.connection import Transaction

Json = dict[str, Any]


def listing(day: date) -> list[Json]:
    """The numbers in their public form, without what a book overrides. Refused where the firm's file has a flaw."""
    from policy import PolicyRefused, numbers

    try:
        return [_row(number, day) for number in numbers().values()]
    except PolicyRefused as flaw:
        raise Refused(str(flaw)) from flaw


def overridden(listed: list[Json], overrides: Json, book: str) -> list[Json]:
    """The numbers with those of the book of that day in place of the firm's."""
    return [
        row
        | {
            "firm_value": row["value"],
            "value": overrides[row["key"]],
            "since": book,
            "because": "the last book loaded says so",
            "source": f"book of {book}",
        }
        if row["key"] in overrides
        else row
        for row in listed
    ]


def of_the_book(books: "Transaction") -> tuple[Json, str]:
    """What the last book overrides, and its day; nothing where none is loaded."""
    from domain.values.snapshot_json import overrides_as_json

    day = books.market.book_day()
    return (overrides_as_json(day.policy), str(day.as_of)) if day else ({}, "")


def _row(number: Any, day: date) -> dict[str, Any]:
    from decimal import Decimal

    held = number.on(day)
    return {
        "key": number.key,
        "value": str(held.value) if isinstance(held.value, Decimal) else held.value,
        "unit": number.unit,
        "says": number.says,
        "rule": number.rule,
        "since": str(held.since),
        "because": held.because,
        "source": number.source,
    }
