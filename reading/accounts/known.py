"""Whether somebody knows an account: asked by everything that is about one, refused in the words of the check."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reading.refused import Unknown

if TYPE_CHECKING:
    from storage.connection import Transaction


@contextmanager
def known(account_id: str) -> Iterator[None]:
    """Raises Unknown where the block meets an account that nobody knows."""
    from storage.accounts.snapshots import UnknownAccount

    try:
        yield
    except UnknownAccount as flaw:
        raise unknown(account_id) from flaw


def must_be_known(books: "Transaction", account_id: str) -> None:
    """Raises Unknown where nobody knows the account."""
    from sqlalchemy import select

    from storage.schema.tables import accounts

    if books.connection.scalar(select(accounts.c.id).where(accounts.c.id == account_id)) is None:
        raise unknown(account_id)


def unknown(account_id: str) -> Unknown:
    """The refusal of an account that nobody knows."""
    from domain.planning import checks

    return Unknown(checks.unknown(account_id).message)
