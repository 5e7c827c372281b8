"""Identifiers: which security a name in a file means, and whether an identifier can be one at all.

Asked for every line of a feed, and for the `identifiers` of a book. A name that is unknown, that could be several
securities, or that contradicts another name beside it is never resolved: whoever asks says so, by name.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

Scheme = Literal["cusip", "isin", "sedol", "figi", "occ", "alias"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
SYMBOL = "symbol"  # of a name: a ticker, which may be the security's own or an alias
Name = tuple[str, str]  # (scheme or SYMBOL, value)

_LETTERS = "0-9B-DF-HJ-NP-TV-Z"  # of a SEDOL and a FIGI, which have no vowels
_SHAPES: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "cusip": ("eight letters or digits, and a digit", re.compile(r"[0-9A-Z*@#]{8}[0-9]")),
    "isin": ("two letters, nine letters or digits, and a digit", re.compile(r"[A-Z]{2}[0-9A-Z]{9}[0-9]")),
    "sedol": ("six letters or digits without vowels, and a digit", re.compile(rf"[{_LETTERS}]{{6}}[0-9]")),
    "figi": (
        "two letters, a G, eight letters or digits without vowels, and a digit",
        re.compile(rf"[B-DF-HJ-NP-TV-Z]{{2}}G[{_LETTERS}]{{8}}[0-9]"),
    ),
    "occ": (
        "a root, a date, C or P and a strike, like AAPL  270115P00200000,",
        re.compile(r"[A-Z0-9]{1,6} *[0-9]{6}[CP][0-9]{8}"),
    ),
    "alias": ("at most 100 characters", re.compile(r"[^\x00-\x1f\x7f]{1,100}")),
}
_SEDOL_WEIGHTS = (1, 3, 1, 7, 3, 9)


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name of a security under a scheme, from a day until a day (both included; None: open)."""

    scheme: Scheme
    value: str
    symbol: str
    start: date | None = None
    until: date | None = None

    def holds_on(self, day: date) -> bool:
        """True where it names its security on that day."""
        return (self.start is None or self.start <= day) and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class Unfound:
    """Why a name means no security that can be said, in words."""

    why: str


def flaw_of(scheme: str, value: str) -> str | None:
    """What is wrong with an identifier: its shape, or its check digit. None where nothing is."""
    says, shape = _SHAPES[scheme]
    if not shape.fullmatch(value):
        return f"{value[:40]!a} is no {scheme}: {says} are needed"
    check = _CHECKS.get(scheme)
    if check is not None and (right := check(value[:-1])) != int(value[-1]):
        return f"{value} is no {scheme}: its check digit is {value[-1]}, and {right} would be right"
    return None


def _ordinal(character: str) -> int:
    """Digits as themselves, letters from 10, and the three signs of a CUSIP behind them."""
    return "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*@#".index(character)


def _cusip(body: str) -> int:
    total = 0
    for at, character in enumerate(body):
        value = _ordinal(character) * (1 + at % 2)
        total += value // 10 + value % 10
    return -total % 10


def _isin(body: str) -> int:
    digits = "".join(str(_ordinal(each)) for each in body)
    total = 0
    for at, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 - at % 2)
        total += value // 10 + value % 10
    return -total % 10


def _sedol(body: str) -> int:
    return -sum(_ordinal(each) * weight for each, weight in zip(body, _SEDOL_WEIGHTS, strict=True)) % 10


_CHECKS = {"cusip": _cusip, "isin": _isin, "sedol": _sedol, "figi": _cusip}  # a FIGI doubles every second one too


class Directory:
    """What is known of names on one day: the symbols of all securities, and their identifiers."""

    def __init__(self, symbols: Iterable[str], identifiers: Iterable[Identifier], day: date) -> None:
        self._symbols = frozenset(symbols)
        self._meant: dict[Name, set[str]] = {}
        self._of: dict[tuple[str, str], set[str]] = {}
        for each in identifiers:
            if each.holds_on(day):
                self._meant.setdefault((each.scheme, each.value), set()).add(each.symbol)
                self._of.setdefault((each.symbol, each.scheme), set()).add(each.value)

    def find(self, names: Sequence[Name]) -> str | Unfound:
        """The symbol that all of a line's names mean. A name that nobody knows does no harm beside one that is."""
        meant: dict[str, str] = {}
        for scheme, value in names:
            if scheme != SYMBOL and (flaw := flaw_of(scheme, value)):
                return Unfound(flaw)
            found = self._one(scheme, value)
            if len(found) > 1:
                return Unfound(f"{_said(scheme, value)} could be {' or '.join(sorted(found))}")
            for symbol in found:
                meant.setdefault(symbol, _said(scheme, value))
        if not meant:
            return Unfound(f"{', '.join(_said(*each) for each in names)}: no security is known by it")
        if len(meant) > 1:
            return Unfound(" and ".join(f"{said} is {symbol}" for symbol, said in meant.items()))
        (symbol,) = meant
        for scheme, value in names:
            known = self._of.get((symbol, scheme), set())
            if known and value not in known:
                return Unfound(f"{_said(scheme, value)} is not that of {symbol}, which is {', '.join(sorted(known))}")
        return symbol

    def _one(self, scheme: str, value: str) -> set[str]:
        if scheme != SYMBOL:
            return self._meant.get((scheme, value), set())
        known = self._meant.get(("alias", value), set())
        return known | {value} if value in self._symbols else known


def _said(scheme: str, value: str) -> str:
    return f"{value[:60]!a}" if scheme == SYMBOL else f"{scheme} {value[:60]}"
