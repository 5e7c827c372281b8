"""The business day that everything is judged by."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storage.connection import Transaction


def book_day(books: "Transaction") -> Any:
    """The business day of the books, whether they are historical, and its numbers; None before the first book."""
    return books.market.book_day()
