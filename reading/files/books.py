"""Book files as commands take them: opened under the firm's policy, refused with every problem of the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from reading.refused import Refused

if TYPE_CHECKING:
    from domain.books.book import Market
    from domain.values.policy import Policy
    from domain.values.snapshot import Account
    from reading.files.book_file import BookFile

SHOWN = 200  # problems; more help nobody


@contextmanager
def opened(path: Path) -> "Iterator[tuple[BookFile, Policy]]":
    """A book and the firm's policy on its day. What the block finds wrong with the book is told as Refused."""
    from domain.books.book import BookRefused
    from policy import PolicyRefused, in_force
    from reading.files.book_file import open_book

    try:
        book = open_book(path)
        yield book, in_force(_day(book.market))
    except BookRefused as flaw:
        raise Refused(listed(path, flaw)) from flaw
    except PolicyRefused as flaw:
        raise Refused(str(flaw)) from flaw


def read_whole(path: Path) -> "tuple[Market, list[Account]]":
    """A book with all its accounts in memory. Raises Refused with every problem."""
    from domain.books.book import BookRefused, Problem, read_account, read_market, unknown_members

    with opened(path) as (book, policy):
        accounts: list[Account] = []
        problems: list[Problem] = []
        seen: set[str] = set()
        try:
            market = read_market(book.market, policy)
        except BookRefused as flaw:
            if flaw.market is None:
                raise
            market = flaw.market
            problems += flaw.problems
        for at, raw in enumerate(book.accounts):
            named = str(raw.get("id")) if isinstance(raw, dict) and "id" in raw else None
            if named in seen:
                problems.append(Problem(f"accounts[{at}].id", f'"{named}" is there twice'))
            if named is not None:
                seen.add(named)
            try:
                accounts.append(read_account(raw, at, market))
            except BookRefused as flaw:
                problems += flaw.problems
        problems += unknown_members(market, seen) if not problems else []
        if problems:
            raise BookRefused(problems)
    return market, accounts


def _day(market: dict[str, object]) -> date:
    """The book's day, where it has a readable one; what is wrong with it is said with the other problems."""
    given = market.get("as_of")
    try:
        return given if isinstance(given, date) else date.fromisoformat(str(given))
    except ValueError:
        return date(2000, 1, 1)


def listed(path: Path, flaw: Exception) -> str:
    """Every problem of a refused file, as many as help."""
    lines = str(flaw).splitlines()
    shown = "\n".join(f"  {line}" for line in lines[:SHOWN])
    more = f"\n  … and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    noun = "problem" if len(lines) == 1 else "problems"
    return f"{path} refused, {len(lines)} {noun}; nothing was changed. Correct the file and try again:\n{shown}{more}"
