"""Calls of the API under their idempotency keys: begun, given up, finished with what was answered."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from storage.actor import Actor

if TYPE_CHECKING:
    from storage.connection import Books

API = Actor("api")


def begin(books: "Books", whose: str, key: str, asked: str, today: date) -> Any:
    """The call under a key: whether it is to be done now, is under way, was answered, or was another."""
    with books.transaction(API) as work:
        return work.calls.begin(whose, key, asked, today)


def give_up(books: "Books", whose: str, key: str) -> None:
    """Nothing was done: the key is free again."""
    with books.transaction(API) as work:
        work.calls.give_up(whose, key)


def finish(books: "Books", whose: str, key: str, status: int, headers: Mapping[str, str], body: Any) -> None:
    """Keeps what was answered, to be answered again."""
    with books.transaction(API) as work:
        work.calls.finish(whose, key, status, headers, body)
