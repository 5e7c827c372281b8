"""Whether somebody knows an account: asked by everything that is about one, refused in the words of the check."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reading.refused import Unknown

if TYPE_CHECKING:
    from storage.connection import Transaction

NAMED = 10  # of many accounts that nobody knows


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
    must_all_be_known(books, [account_id])


def must_all_be_known(books: "Transaction", account_ids: Sequence[str]) -> None:
    """Raises Unknown, with every account that nobody knows."""
    missing = books.requests.unknown(account_ids)
    if len(missing) > 1:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise Unknown(f"unknown accounts {', '.join(missing[:NAMED])}{more}: nothing changes. Check the ids")
    if missing:
        raise unknown(missing[0])


def named_among(books: "Transaction", words: Sequence[str]) -> list[str]:
    """The accounts whose ids are among these words: of what a command was about."""
    from sqlalchemy import select

    from storage.schema.tables import accounts
    from storage.values import among

    return list(books.connection.scalars(select(accounts.c.id).where(among(accounts.c.id, words))))


def unknown(account_id: str) -> Unknown:
    """The refusal of an account that nobody knows."""
    from domain.planning import checks

    return Unknown(checks.unknown(account_id).message)
