"""Who gives a command: where names are asserted, whoever was typed; where decisions are signed, who signed in.

Decisions about plans then go through the console, which alone can sign them (`cli/console.py`). Targets, toggles and
breaks are written here, signed by it too; what else changes the books, under the person whose token this is, as the
database knows them, with the roles that they have now: a halt has to work where no console does.
"""

from typing import TYPE_CHECKING

from cli import connections, logins, say
from reading.actions import do
from reading.refused import Refused, Unreachable

if TYPE_CHECKING:
    from acting.deciding import Tell
    from acting.proving import Sign
    from cli.console import Console
    from identity.person import Person
    from identity.roles import Act
    from storage.actor import Actor
    from storage.connection import Books


def person(by: str | None, act: "Act") -> "Person":
    """Who does it. Refused where decisions are signed and nobody signed in, who did may not, or `--by` names another.

    A database that does not answer has nothing to say of it: then nothing will be written either.
    """
    from identity.person import asserted

    typed = say.who(by)
    try:
        books = connections.books()
    except Unreachable:
        return asserted(typed)
    return signed_in(books, by, act) if is_signed(books) else asserted(typed)


def doing(by: str | None, act: "Act") -> "Actor":
    """The same, as the record names them."""
    from acting.actors import actor

    return actor(person(by, act))


def console_of(person: "Person") -> "Console | None":
    """The console that signs what they decide; None where nothing is signed."""
    from cli.console import Console

    login = None if person.is_asserted else logins.read()
    return None if login is None else Console.of(login)


def teller(person: "Person") -> "Tell | None":
    """How a workflow is told what they decide: by the console where that is signed, else by an update of ours."""
    console = console_of(person)
    return None if console is None else console.tell


def signer(person: "Person") -> "Sign | None":
    """What signs what they decide about the books: the console; None where nothing is signed."""
    console = console_of(person)
    return None if console is None else console.sign


def attempting(books: "Books", by: str | None) -> "tuple[Actor, dict[str, str]]":
    """Who tried what was refused, and what they claimed: where decisions are signed, a typed name is no more."""
    from acting.actors import actor
    from identity.person import asserted
    from storage.actor import Actor

    if not is_signed(books):
        return actor(asserted(say.who(by))), {}
    found = known(books)
    return (Actor("unproven"), {"claimed": say.who(by)}) if found is None else (actor(found), {})


def is_signed(books: "Books") -> bool:
    """True where a decision has to be signed by who signed in."""
    from reading import people

    with books.reading() as read:
        return people.is_signed(read)


def signed_in(books: "Books", by: str | None, act: "Act") -> "Person":
    """The person of the login, who may do it. Refused as above."""
    from domain.approvals import same_person
    from identity.roles import refusal

    found = known(books)
    if found is None:
        raise Refused("who decides has to sign in here: ", do("login", "NAME"))
    if by is not None and not same_person(by, found.name):
        raise Refused(f"--by {by.strip()}: you are signed in as {found.name}, and nobody decides for another. ",
                      do("login", by.strip(), told="Sign in as them: {}"))  # fmt: skip
    if refused := refusal(found, act):
        raise Refused(f"{refused}. Nothing was changed")
    return found


def known(books: "Books") -> "Person | None":
    """Whose login this is, as the database knows them now; None for nobody's, or one that has ended."""
    from acting import signing_in
    from identity.person import Person
    from policy.clock import the_clock

    login = logins.read()
    if login is None:
        return None
    found = signing_in.bearer(books, login.secret, the_clock().now(), "cli")
    return found if found is None or isinstance(found, Person) else found.person
