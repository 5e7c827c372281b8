"""`/people` and `/keys`: who may sign in and as what, and the keys that sign what they decide."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from acting import people
from identity.roles import ROLES
from reading import people as reading
from reading.refused import Conflict, Refused, Unknown
from web import tables
from web.refusals import Refusal
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
BACK = (("/people", "People"),)
PERSON = ("name", "subject", "roles", "added_by", "signed_in_at")
KEY = ("key", "public_key", "added_at", "added_by", "retired_at", "why")
Name = Annotated[str, Form(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Subject = Annotated[str, Form(max_length=500)]
Roles = Annotated[list[str], Form()]


@router.get("/people")
def show(visit: Annotated[Visit, needs("people")], format: Format = "html") -> Response:
    """Everybody who may sign in."""
    if format != "html":
        return tables.file("people", format, PERSON, reading.people(visit.console.books))
    return _page(visit)


@router.post("/people/add")
def add(visit: Annotated[Visit, needs("people")], name: Name, role: Roles = []) -> Response:  # noqa: B006
    """A local account, with a link by which its owner sets a password."""
    with _or_refused("Nobody was added"):
        secret = people.add(visit.console.books, visit.person, name.strip(), role, visit.now)
    return _page(visit, name.strip(), secret)


@router.post("/people/link")
def link(visit: Annotated[Visit, needs("people")], subject: Subject) -> Response:
    """Another link, where the one before or the password was lost."""
    with _or_refused():
        name, secret = people.link(visit.console.books, visit.person, subject, visit.now)
    return _page(visit, name, secret)


@router.post("/people/roles")
def roles(visit: Annotated[Visit, needs("people")], subject: Subject, role: Roles = []) -> Response:  # noqa: B006
    """These roles and no others, at once. Not one's own: somebody else takes them, or gives more."""
    with _or_refused():
        name = people.give(visit.console.books, visit.person, subject, role)
    return visit.back("/people", f"{name} is {', '.join(sorted(role)) or 'nobody'} from now on.")


@router.post("/people/remove")
def remove(visit: Annotated[Visit, needs("people")], subject: Subject) -> Response:
    """May sign in no more; what they decided stays theirs."""
    with _or_refused("Nobody was removed"):
        name = people.remove(visit.console.books, visit.person, subject)
    return visit.back("/people", f"{name} may not sign in any more.")


@router.post("/people/tokens/end")
def end_token(visit: Annotated[Visit, needs("tokens")], subject: Subject, id: Annotated[int, Form()]) -> Response:
    """Ends a token of somebody's: the program that has it is let in no more."""
    ended = people.end_token(visit.console.books, visit.person, subject, id)
    return visit.back("/people", "The token is ended." if ended else "It was ended already.")


@router.get("/keys")
def keys(visit: Annotated[Visit, needs("keys")], format: Format = "html") -> Response:
    """Every key there ever was, its public part; rotated by a command."""
    found = reading.keys(visit.console.books)
    if format != "html":
        return tables.file("keys", format, KEY, found["keys"])
    return visit.page("keys.html", title="Keys", live=None, keys=found["keys"], identity=found["identity"])


def _page(visit: Visit, name: str = "", secret: str = "") -> Response:
    known = reading.people(visit.console.books)
    with visit.console.books.reading() as books:
        tokens = reading.tokens(books, visit.now) if visit.may("tokens") else []
    origin = visit.console.settings.origin
    answer = visit.page(
        "people.html",
        title="People",
        live=None,
        people=known,
        tokens=tokens,
        roles=ROLES,
        name=name,
        made=f"{origin}/set-up?link={secret}" if secret else "",
    )
    if secret:
        answer.headers["Cache-Control"] = "no-store"
    return answer


@contextmanager
def _or_refused(what: str = "Nothing was changed") -> Iterator[None]:
    """Within it a refusal is a page that leads back to the people."""
    try:
        yield
    except Refused as flaw:
        code = {Unknown: 404, Conflict: 409}.get(type(flaw), 422)
        told = str(flaw)
        raise Refusal(code, what, f"{told[:1].upper()}{told[1:]}.", BACK) from flaw
