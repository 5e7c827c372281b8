"""Loads, statements, edits of targets and signals' pages at the same time never wait for each other in a circle."""

import threading
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from domain.books.deliveries import PositionLine, Problems
from policy import in_force
from storage.actor import Actor
from storage.connection import Books
from storage.intake import loading
from storage.intake.delivered_files import Source
from storage.intake.statements import load_statement
from tests.storage.small_book import BOOK, TODAY

IDS = [f"A-{number:03d}" for number in range(60)]
ROUNDS = 4


def accounts(cash: str) -> list[dict[str, Any]]:
    """In falling order, which is not the one in which everybody else locks them; all with a sleeve of M."""
    sleeve = {"model": "M", "holdings": [{"symbol": "Y", "quantity": "10"}]}
    return [{"id": each, "cash": cash, "target": "GROWTH", "sleeves": [sleeve]} for each in reversed(IDS)]


def load(books: Books, cash: str, slowly: float) -> None:
    """A load that takes its time between two accounts."""
    raw = {key: value for key, value in BOOK.items() if key not in {"accounts", "account_groups"}}

    def pause(_: int) -> None:
        time.sleep(slowly)

    loading.load(books, raw, iter(accounts(cash)), in_force(TODAY), TODAY, Actor("test"), pause)


@pytest.mark.trial
def test_nobody_waits_in_a_circle(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    load        60 accounts, one after the other, by falling ids, 5 ms between them
    statement   the same, by rising ids
    signal      pages of them, by rising ids
    """
    monkeypatch.setattr(loading, "BATCH", 1)
    load(books, "100.00", 0)
    flaws: list[BaseException] = []
    done: list[str] = []

    def of_a_signal() -> None:
        for at in range(0, len(IDS), 20):
            with books.transaction(Actor("test")) as page:
                locked = page.signals.page("M", IDS[at - 1] if at else "", 20)
                time.sleep(0.05)
            assert len(locked) == 20

    def lines() -> list[PositionLine]:
        return [PositionLine(at, each, None, Decimal("5.00"), date(2026, 11, 20)) for at, each in enumerate(IDS, 1)]

    def of_a_statement() -> None:
        load_statement(books, lines(), Problems(), Source("statement.csv", b""), TODAY, Actor("test"))

    def thread(work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
                done.append(getattr(work, "__name__", ""))
            except BaseException as flaw:
                flaws.append(flaw)

        return threading.Thread(target=run)

    for number in range(ROUNDS):
        works = (lambda cash=f"{number + 200}.00": load(books, cash, 0.005), of_a_signal, of_a_statement)
        threads = [thread(work) for work in works]
        for each in threads:
            each.start()
        for each in threads:
            each.join(60)
    assert flaws == []
    assert len(done) == 3 * ROUNDS
