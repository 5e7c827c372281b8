"""A counterexample made small: whatever can go from its book while the same law is broken goes."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from domain.books.book import BookRefused
from tests.laws import at_large
from tests.laws.books import Asked, alone
from tests.laws.tally import Tally
from tests.laws.world import Members

Json = dict[str, Any]
TRIES = 300
LONG = 4
PLAIN = {"gain_budget": None, "tax_status": "exempt", "lot_relief": None, "first_rebalanced": "2025-03-01"}
LISTS = ("withdrawals", "restrictions", "recent_sales", "protected", "sleeves", "holdings")


def shrunk(book: Json, wanted: Asked, law: str) -> tuple[Json, str]:
    """The smallest book found that breaks the law as well, and what the law says of it."""
    best = alone(book, wanted.account_id)
    says = _says(best, wanted, law)
    if says is None:  # its household's other half mattered
        best, says = book, _says(book, wanted, law)
    tries = 0
    smaller = True
    while smaller and tries < TRIES:
        smaller = False
        for change in list(_changes(best)):
            tries += 1
            made: Json = json.loads(json.dumps(best))
            try:
                change(made)
                found = _says(alone(made, wanted.account_id), wanted, law)
            except (IndexError, KeyError, StopIteration):  # what it would have taken is gone
                continue
            if found is not None:
                best, says, smaller = alone(made, wanted.account_id), found, True
            if tries >= TRIES:
                break
    return best, says or "?"


def _says(book: Json, wanted: Asked, law: str) -> str | None:
    try:
        members = Members(book)
    except BookRefused:
        return None
    if wanted.account_id not in members.accounts:
        return None
    only = frozenset({law}) if law in at_large.AFTER else frozenset({"none"})
    return next((says for code, says in at_large.broken(members, wanted, Tally(), only) if code == law), None)


def _changes(book: Json) -> Iterator[Callable[[Json], object]]:
    """Ways to make a book smaller, the largest steps first."""
    account = book["accounts"][0]
    if len(book["accounts"]) > 1:
        yield lambda made: (made["accounts"].pop(), made["account_groups"].clear())
    for name in LISTS:
        yield from _pops(account[name], lambda made, name=name: made["accounts"][0][name])  # type: ignore[misc]
    for at, sleeve in enumerate(account["sleeves"]):
        yield from _pops(sleeve["holdings"], lambda made, at=at: made["accounts"][0]["sleeves"][at]["holdings"])  # type: ignore[misc]
    for name, plain in PLAIN.items():
        if account[name] != plain:
            yield lambda made, name=name, plain=plain: made["accounts"][0].update({name: plain})  # type: ignore[misc]
    for at, target in enumerate(book["targets"]):
        yield from _pops(target["components"], lambda made, at=at: made["targets"][at]["components"])  # type: ignore[misc]
        for place in range(len(target["components"])):
            for band in ("threshold", "precision"):
                yield lambda made, at=at, place=place, band=band: made["targets"][at]["components"][place].pop(band)  # type: ignore[misc]
    for holding in _held(account):
        if len(holding.get("lots", ())) > 1:
            yield lambda made, symbol=holding["symbol"]: _one_lot(made, symbol)  # type: ignore[misc]


def _pops(listed: list[Json], of: Callable[[Json], list[Json]]) -> Iterator[Callable[[Json], object]]:
    """Takes half of a long list away, then each element, the last first; `of` finds the list in a copy of the book."""
    half = len(listed) // 2
    if half > LONG:
        yield lambda made: of(made).__delitem__(slice(half, None))
        yield lambda made: of(made).__delitem__(slice(half))
    for at in reversed(range(len(listed))):
        yield lambda made, at=at: of(made).pop(at)  # type: ignore[misc]


def _held(account: Json) -> Iterator[Json]:
    yield from account["holdings"]
    for sleeve in account["sleeves"]:
        yield from sleeve["holdings"]


def _one_lot(book: Json, symbol: str) -> None:
    for holding in _held(book["accounts"][0]):
        if holding["symbol"] == symbol and len(holding.get("lots", ())) > 1:
            del holding["lots"][1:]
