"""Deliveries: what a line of a price file or of a custodian's statement says, and what is wrong with it.

Asked by `rebalancer prices`, `positions` and `model signal` for every line of a file. Problems are values, collected
and shown together, each with its line; nothing of a file with a problem is used.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache

from domain.books.book import Problem
from domain.values.snapshot import Lot

MAX_PROBLEMS = 200  # more help nobody, and a file of the wrong kind has one a line

PRICE_COLUMNS = ("symbol", "date", "close")
POSITION_COLUMNS = ("account_id", "symbol", "quantity")
WEIGHT_COLUMNS = ("symbol", "weight")
STATEMENT_DAY = "as_of"

# What the database keeps exactly: 16 digits before the point and 12 behind it.
_NUMBER = re.compile(r"-?[0-9]{1,16}(?:\.[0-9]{1,12}0*)?")
_NAME = re.compile(r"[^\s/\x00-\x1f\x7f][^/\x00-\x1f\x7f]{0,99}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CENTS = re.compile(r"-?[0-9]+(?:\.[0-9]{1,2}0*)?")


class DeliveryRefused(ValueError):
    """A file with problems: the first of them, and how many there are in all. Nothing was changed."""

    def __init__(self, problems: "Problems") -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems.shown)))


@dataclass(slots=True)
class Problems:
    """What is wrong with a file. All are counted, the first MAX_PROBLEMS found are kept."""

    found: list[tuple[int, str]] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, message: str) -> None:
        """Notes a problem and its line; 0 is the whole file."""
        self.count += 1
        if len(self.found) < MAX_PROBLEMS:
            self.found.append((line, message))

    @property
    def shown(self) -> list[Problem]:
        """The problems in the file's order, each with its line."""
        return [Problem(f"line {line}" if line else "", message) for line, message in sorted(self.found)]

    def refuse(self) -> None:
        """Raises DeliveryRefused where there is any problem."""
        if self.count:
            raise DeliveryRefused(self)


@dataclass(frozen=True, slots=True)
class PriceLine:
    """The close of a symbol on a day, in the account's currency, above 0."""

    line: int
    symbol: str
    day: date
    close: Decimal


@dataclass(frozen=True, slots=True)
class PositionLine:
    """What a custodian holds for an account: shares of a symbol, or cash where the symbol is None.

    `account_id` may be its number at the custodian. `lots` are the custodian's, and sum to the quantity. `stop`: why
    the account can't be compared at all, as with a short position; then nothing of it is looked at.
    """

    line: int
    account_id: str
    symbol: str | None
    quantity: Decimal
    as_of: date | None
    lots: tuple[Lot, ...] = ()
    stop: str | None = None


def cash_symbols(is_security: bool) -> frozenset[str]:
    """How a file may say cash: by an empty symbol, and by CASH unless that is the symbol of a security (it is one)."""
    return frozenset({""}) if is_security else frozenset({"", "CASH"})


def read_price(line: int, texts: Sequence[str], latest: date, problems: Problems) -> PriceLine | None:
    """A line of PRICE_COLUMNS. A price of a day after `latest` is a slip of the pen."""
    symbol, day_text, close_text = texts
    before = problems.count
    _named(line, "symbol", symbol, problems)
    day = _dated(line, "date", day_text, problems)
    close = _number(line, "close", close_text, problems)
    if day is not None and day > latest:
        problems.add(line, f"date: {day} is in the future")
    if close is not None and close <= 0:
        problems.add(line, f"close: a price is above 0, not {close_text}")
    if problems.count > before or day is None or close is None:
        return None
    return PriceLine(line, symbol, day, close)


def read_position(
    line: int, texts: Sequence[str], cash_symbols: frozenset[str], latest: date, problems: Problems
) -> PositionLine | None:
    """A line of POSITION_COLUMNS and, where the file has it, STATEMENT_DAY."""
    account_id, symbol, quantity_text, *dated = texts
    before = problems.count
    _named(line, "account_id", account_id, problems)
    is_cash = symbol in cash_symbols
    if not is_cash:
        _named(line, "symbol", symbol, problems)
    quantity = _number(line, "quantity", quantity_text, problems)
    if quantity is not None and is_cash and not _CENTS.fullmatch(quantity_text):
        problems.add(line, f"quantity: cash is in whole cents, not {quantity_text}")
    if quantity is not None and not is_cash and quantity < 0:
        problems.add(line, f"quantity: {quantity_text} is below 0; short positions are not kept")
    as_of = _dated(line, STATEMENT_DAY, dated[0], problems) if dated else None
    if as_of is not None and as_of > latest:
        problems.add(line, f"{STATEMENT_DAY}: {as_of} is in the future")
    if problems.count > before or quantity is None:
        return None
    return PositionLine(line, account_id, None if is_cash else symbol, quantity, as_of)


def stopped(line: int, account_id: str, as_of: date | None, why: str) -> PositionLine:
    """A line for which its account is left out."""
    return PositionLine(line, account_id, None, Decimal(0), as_of, stop=why)


def _named(line: int, column: str, given: str, problems: Problems) -> None:
    if not _NAME.fullmatch(given):
        said = "is empty" if not given else f"{given[:60]!a} is no id: at most 100 characters, no slash, no blank first"
        problems.add(line, f"{column}: {said}")


@lru_cache(maxsize=4096)
def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) and "1900" <= text < "2200" else None
    except ValueError:
        return None


def _dated(line: int, column: str, given: str, problems: Problems) -> date | None:
    day = _day(given)
    if day is None:
        problems.add(line, f"{column}: a date like 2026-11-20 is needed, not {given[:60]!a}")
    return day


def _number(line: int, column: str, given: str, problems: Problems) -> Decimal | None:
    if _NUMBER.fullmatch(given):
        return Decimal(given)
    problems.add(
        line,
        f"{column}: a plain decimal number is needed, at most 16 digits before the point and 12 behind it, not "
        f"{given[:60]!a}",
    )
    return None
