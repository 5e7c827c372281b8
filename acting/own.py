"""What is one's own: browsers that are signed in, passkeys, tokens. Each is ended by who has it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from acting.actors import actor
from identity.person import Person
from reading.refused import Refused

if TYPE_CHECKING:
    from storage.connection import Books


def end_session(books: "Books", person: Person, session: int) -> bool:
    """Signs one of their browsers out; False where it was already."""
    with books.transaction(actor(person)) as work:
        return work.sessions.revoke(person.subject, session)


def remove_passkey(books: "Books", person: Person, passkey: str, now: datetime) -> bool:
    """Takes a passkey away; False where it was already."""
    with books.transaction(actor(person)) as work:
        return work.passkeys.remove(person.subject, passkey, now)


def make_token(
    books: "Books", person: Person, label: str, roles: Iterable[str], now: datetime, good_for: timedelta
) -> str:
    """A token for a program, with a part of their roles: its secret, which is kept nowhere. Raises Refused."""
    try:
        with books.transaction(actor(person)) as work:
            return work.sessions.make_token(person, label, roles, now, good_for)
    except ValueError as flaw:
        raise Refused(str(flaw)) from flaw


def end_token(books: "Books", person: Person, token: int) -> bool:
    """Ends a token; False where it had ended."""
    with books.transaction(actor(person)) as work:
        return work.sessions.end_token(person.subject, token)
