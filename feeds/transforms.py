"""Transforms: a cell into the text that a line has. A closed set; each takes a text and gives one.

What can't be taken as what its transform says raises Uncertain: it is told with its line, never guessed.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from feeds.definition import Step

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE_PARTS = {"YYYY": r"(?P<year>\d{4})", "MM": r"(?P<month>\d{1,2})", "DD": r"(?P<day>\d{1,2})"} | {
    "Mon": r"(?P<name>[A-Za-z]{3})[a-z]*\.?"
}
_PLAIN = re.compile(r"[0-9]{1,28}(?:\.[0-9]{0,28})?|\.[0-9]{1,28}")
CURRENCY = "$"
EXCHANGE_ZONE = ZoneInfo("America/New_York")
_STAMP = re.compile(
    r"(?P<day>\d{4}-?\d{2}-?\d{2})T?(?P<clock>\d{2}:?\d{2}:?\d{2})(?:\.\d{1,9})?"
    r"(?:\[(?=[^]]))?(?P<zone>Z|[+-]?\d{1,2}(?:[.:]\d{2})?)?(?::[A-Za-z]{1,6})?\]?",
    re.ASCII,
)
LONGEST = 400  # characters of a cell that are looked at


class Uncertain(ValueError):
    """A cell that its transform can't take."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How a file writes numbers: its decimal mark (`.`, `,` or either), and whether its thousands are apart."""

    decimal: str = "."
    thousands: bool = True


def applied(text: str, steps: list[Step], marks: Marks) -> str:
    """The text after all steps. Nothing stays nothing. Raises Uncertain."""
    for step in steps:
        if not text:
            return ""
        text = _step(text[:LONGEST], step, marks)
    return text


def _step(text: str, step: Step, marks: Marks) -> str:
    (name,) = step.model_fields_set
    given = getattr(step, name)
    match name:
        case "number":
            return number(text, marks)
        case "percent":
            return _plain(Decimal(number(text.rstrip().removesuffix("%"), marks)).scaleb(-2))
        case "implied_decimals":
            whole = number(text, marks)
            if "." in whole:
                raise Uncertain(f"{text!a} has a decimal mark, and its decimals are implied")
            return _plain(Decimal(whole).scaleb(-given))
        case "date":
            return str(day(text, given))
        case "word":
            return text.split()[0 if given == "first" else -1] if text.split() else ""
        case "before":
            return text.partition(given)[0].strip()
        case "without_prefix":
            return text.removeprefix(given).strip()
        case "without_suffix":
            return text.removesuffix(given).strip()
        case "prefix":
            return str(given) + text
        case "share_class":
            return _share_class(text, given)
    return text.upper()


def number(text: str, marks: Marks = Marks()) -> str:
    """A number as a person writes it, as a plain decimal: `$1,200.50`, `(3)`, `+7`, `5-`, `-$2`. Raises Uncertain."""
    given = text.strip()
    shown = f"{text[:60]!a} is not a number"
    bare = given.replace(CURRENCY, "").replace(" ", "")
    below = 0
    if bare.startswith("(") and bare.endswith(")"):
        bare, below = bare[1:-1], 1
    for sign in ("-", "\u2212"):
        if bare.startswith(sign):
            bare, below = bare[1:], below + 1
        elif bare.endswith(sign):
            bare, below = bare[:-1], below + 1
    bare = bare.removeprefix("+")
    if below > 1:
        raise Uncertain(f"{shown}: it has two signs")
    decimal_mark = ("," if "," in bare else ".") if marks.decimal == "either" else marks.decimal
    thousands = "," if decimal_mark == "." else "."
    whole, mark, fraction = bare.partition(decimal_mark)
    if thousands in whole and (marks.decimal == "either" or not marks.thousands):
        raise Uncertain(f"{shown}: {thousands} between its digits means nothing in such a file")
    if thousands in whole and not re.fullmatch(rf"[0-9]{{1,3}}(?:\{thousands}[0-9]{{3}})+", whole):
        raise Uncertain(f"{shown}: its thousands are not in threes")
    bare = whole.replace(thousands, "") + ("." + fraction if mark else "")
    if not _PLAIN.fullmatch(bare):
        raise Uncertain(shown)
    value = _plain(Decimal(bare))
    return f"-{value}" if below and Decimal(bare) else value


def day(text: str, form: str) -> date:
    """A date of a form made of YYYY, MM, DD and Mon; what follows it must not be part of it. Raises Uncertain."""
    pattern = ""
    rest = form
    while rest:
        part = next((each for each in _DATE_PARTS if rest.startswith(each)), None)
        pattern += _DATE_PARTS[part] if part else re.escape(rest[0])
        rest = rest[len(part) if part else 1 :]
    if "-" not in form and "/" not in form and " " not in form and "." not in form:
        pattern = pattern.replace("{1,2}", "{2}")
    found = re.match(pattern + r"(?![0-9A-Za-z])", text.strip(), re.ASCII)
    try:
        if not found:
            raise ValueError
        parts = found.groupdict()
        month = MONTHS.index(parts["name"].lower()) + 1 if parts.get("name") else int(parts["month"])
        return date(int(parts["year"]), month, int(parts["day"]))
    except ValueError as flaw:
        raise Uncertain(f"{text[:60]!a} is not a date of the form {form}") from flaw


def day_there(stamp: str) -> str:
    """The day at the exchange of a moment that says its zone, as YYYYMMDD (DAY-5); else the day as it is written.

    `20261125013000[0:GMT]` and `2026-11-25T01:30:00Z` are of the 24th. A midnight is no moment, but a day.
    """
    found = _STAMP.fullmatch(stamp.strip())
    if found is None:
        return stamp[:10].replace("-", "")[:8]
    written, clock, offset = "".join(found["day"].split("-")), found["clock"].replace(":", ""), found["zone"]
    if not offset or not clock.strip("0"):
        return written
    hours = Decimal(0) if offset == "Z" else _hours(offset)
    try:
        moment = datetime.strptime(written + clock, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        there = (moment - timedelta(minutes=int(hours * 60))).astimezone(EXCHANGE_ZONE)
    except (ValueError, OverflowError):
        return written
    return f"{there:%Y%m%d}"


def _hours(offset: str) -> Decimal:
    """An offset as OFX has it (`-5`, `+5.50`) or ISO 8601 (`-05:00`), in hours."""
    whole, _, minutes = offset.partition(":")
    sign = -1 if whole.startswith("-") else 1
    return Decimal(whole) + sign * Decimal(minutes or 0) / 60


def _share_class(text: str, separator: str) -> str:
    """`BRK/B` as `BRK.B`: a class of one or two letters behind the sender's separator."""
    root, mark, share = text.rpartition(separator)
    return f"{root}.{share}" if mark and root and re.fullmatch(r"[A-Z]{1,2}", share) else text


def _plain(value: Decimal) -> str:
    return f"{value:f}"
