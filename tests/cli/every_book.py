"""The books whose every page is printed: the examples, and one of the laws' with everything on."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from policy import in_force
from policy.clock import the_clock
from reading.files.book_file import open_book
from storage.actor import Actor
from storage.connection import Books
from storage.intake.loading import load
from tests.laws.books import book

EXAMPLES = Path(__file__).parents[2] / "examples"
EVERYTHING = "everything on"  # households, all restrictions, sleeves, budgets, withdrawals, numbers of its own
BOOKS = ("analyst-case.json", "demo.yaml", "household.yaml", EVERYTHING)
LARGE = "demo.yaml"
EVERY_BOOK = [pytest.param(each, marks=[pytest.mark.trial] if each == LARGE else []) for each in BOOKS]
OWN = {"four_eyes": False, "tax_rate_short": "0.25", "wash_sale_days": 10}


def load_book(books: Books, name: str) -> None:
    """Loads one of `BOOKS`."""
    today = the_clock().today()
    market, accounts = _generated() if name == EVERYTHING else _example(name)
    load(books, market, accounts, in_force(today), today, Actor("ann"))


def _example(name: str) -> tuple[dict[str, Any], Iterable[Any]]:
    opened = open_book(EXAMPLES / name)
    return opened.market, opened.accounts


def _generated() -> tuple[dict[str, Any], Iterable[Any]]:
    made = book(1, 7) | {"historical": True}  # of its own day, whatever day the tests are run as
    accounts = made.pop("accounts")
    accounts[0]["policy"] = OWN
    return made, iter(accounts)
