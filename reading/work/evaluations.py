"""What evaluations found: the last one, and the accounts that one of them noted."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storage.connection import Transaction


def last(books: "Transaction") -> Any:
    """The evaluation that ended last; None where none has."""
    return books.evaluations.last()


def notes(books: "Transaction", evaluation_id: str, kind: str, most: int | None = None) -> Iterator[Any]:
    """The accounts that an evaluation noted as `kind`, each with why."""
    return iter(books.evaluations.notes(evaluation_id, kind, most))
