"""Who may sign in, and as what: added, given roles, let in anew by a link, removed. At once, wherever they are.

Nobody changes their own roles, and what a provider says of its people is not changed here.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from acting.actors import actor
from identity.person import LOCAL, Person
from reading.refused import Conflict, Refused, Unknown

if TYPE_CHECKING:
    from pathlib import Path

    from joserfc.jwk import OKPKey

    from storage.actor import Actor
    from storage.connection import Books, Transaction

LINK_GOOD_FOR = timedelta(hours=24)


def add(books: "Books", person: Person, name: str, roles: Iterable[str], now: datetime) -> str:
    """A local account: the secret of the link by which its owner sets a password. Raises Refused."""
    from storage.people.people import NameTaken

    try:
        with books.transaction(actor(person)) as work:
            return work.people.setup_link(work.people.add(name, roles), now + LINK_GOOD_FOR)
    except (NameTaken, ValueError) as flaw:
        raise Refused(str(flaw)) from flaw


def subject_of(books: "Books", name: str) -> str:
    """Whose name it is. Raises Unknown."""
    from storage.people.people import UnknownPerson

    try:
        with books.transaction() as read:
            return str(read.people.named(name).subject)
    except UnknownPerson as flaw:
        raise Unknown(str(flaw)) from flaw


def give(books: "Books", person: Person, subject: str, roles: Iterable[str]) -> str:
    """These roles and no others; their name. Raises Unknown, Conflict, Refused for what is no role."""
    _another(person, subject)
    try:
        with books.transaction(actor(person)) as work:
            name = _local(work, subject)
            work.people.set_roles(subject, roles)
    except ValueError as flaw:
        raise Refused(str(flaw)) from flaw
    return name


def link(books: "Books", person: Person, subject: str, now: datetime) -> tuple[str, str]:
    """Their name, and another link's secret: the one before or the password was lost. Raises Unknown, Conflict."""
    with books.transaction(actor(person)) as work:
        return _local(work, subject), work.people.setup_link(subject, now + LINK_GOOD_FOR)


def remove(books: "Books", person: Person, subject: str) -> str:
    """They sign in no more: sessions and tokens end now; their name. Raises Unknown, Conflict for oneself."""
    _another(person, subject)
    with books.transaction(actor(person)) as work:
        name = str(_known(work, subject).name)
        work.people.remove(subject)
    return name


def end_token(books: "Books", person: Person, subject: str, token: int) -> bool:
    """Ends somebody's token; False where it had ended."""
    with books.transaction(actor(person)) as work:
        return work.sessions.end_token(subject, token)


def rotate(books: "Books", actor: "Actor", key: "OKPKey", why: str, now: datetime, path: "Path") -> None:
    """Another key signs from now on, and those before are retired; its private part is written to the path.

    Raises ProgrammingError for who does not own the tables, OSError.
    """
    from identity import keys

    with books.transaction(actor) as work:
        work.proof.rotate(key, why, now)
        keys.write(key, path)  # inside: a key that is nowhere signs nothing


def address(secret: str, environ: Mapping[str, str]) -> str:
    """Where a link's secret is used, by what the environment says of the console."""
    from storage.people.setup import link_of

    return link_of(secret, environ)


def _known(work: "Transaction", subject: str) -> Any:
    from storage.people.people import UnknownPerson

    try:
        return work.people.get(subject)
    except UnknownPerson as flaw:
        raise Unknown(str(flaw)) from flaw


def _local(work: "Transaction", subject: str) -> str:
    """The name of a local account; others' roles and passwords are their provider's."""
    row = _known(work, subject)
    if not row.subject.startswith(LOCAL):
        raise Conflict(f"{row.name} signs in at a provider, whose groups say what they may, at each sign-in")
    return str(row.name)


def _another(person: Person, subject: str) -> None:
    if subject == person.subject:
        raise Conflict("nobody changes their own roles: ask somebody else")
