"""What a snapshot knows of the others of its tax household: their sales, and their purchases with what they cost."""

from datetime import date
from decimal import Decimal
from typing import Any

from domain.values.snapshot import RecentBuy
from storage.connection import Books
from tests.storage.small_book import TODAY, account, book, loaded


def lots(*each: tuple[str, str, str]) -> list[dict[str, str]]:
    return [{"quantity": quantity, "cost_per_share": cost, "acquired": day} for quantity, cost, day in each]


def bought(books: Books, **other: Any) -> list[RecentBuy]:
    """The purchases of A-2 that A-1 sees."""
    raw = book()
    account(raw, "A-2").update(other)
    loaded(books, raw)
    with books.transaction() as transaction:
        return list(transaction.snapshots.take("A-1", None, TODAY)[0].household_buys)


def test_purchases_are_told_one_by_one_with_what_they_cost_and_how_they_are_taxed(books: Books) -> None:
    held = lots(("3", "90.00", "2026-11-10"), ("4", "90.00", "2026-11-10"), ("5", "91.5", "2026-11-10"))
    ours = [{"symbol": "X", "lots": held}]
    sleeves = [{"model": "M", "holdings": [{"symbol": "X", "lots": lots(("2", "90.00", "2026-11-10"))}]}]
    day = date(2026, 11, 10)
    assert bought(books, tax_status="roth", holdings=ours, sleeves=sleeves) == [
        RecentBuy("X", day, Decimal(9), "A-2", "roth", Decimal(90)),
        RecentBuy("X", day, Decimal(5), "A-2", "roth", Decimal("91.5")),
    ]


def test_those_of_three_windows_are_told_and_of_the_year_what_lost_in_it(books: Books) -> None:
    """Three windows before 2026-11-20 begin on 2026-08-22; of Y, which was sold at a loss, all since 2025-12-02."""
    old = [("1", "60", day) for day in ("2025-12-01", "2025-12-02", "2026-08-21", "2026-08-22")]
    holdings = [{"symbol": symbol, "lots": lots(*old)} for symbol in ("X", "Y")]
    seen = [(each.symbol, str(each.date)) for each in bought(books, holdings=holdings)]
    assert seen == [("X", "2026-08-22"), ("Y", "2025-12-02"), ("Y", "2026-08-21"), ("Y", "2026-08-22")]


def test_sales_of_long_ago_are_told_no_more(books: Books) -> None:
    """What was sold before 2025-11-02 can't have used up what replaces a share that was sold this year."""
    days = ("2025-11-01", "2025-11-02", "2026-03-03")
    raw = book()
    for name in ("A-1", "A-2"):
        account(raw, name)["recent_sales"] = [
            {"symbol": "Y", "date": day, "quantity": "1", "gain": "-5", "acquired": "2024-01-02"} for day in days
        ]
    loaded(books, raw)
    with books.transaction() as transaction:
        snapshot = transaction.snapshots.take("A-1", None, TODAY)[0]
    assert [str(each.date) for each in snapshot.household_sales] == list(days[1:])
    assert [str(each.date) for each in snapshot.account.recent_sales] == list(days[1:])
    assert snapshot.household_sales[0].acquired == date(2024, 1, 2)
