"""`/people` and `/keys`: who may sign in and as what, and the keys that sign what they decide."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form
from sqlalchemy import Row
from starlette.responses import Response

from identity.person import LOCAL
from identity.roles import ROLES
from storage.people.people import NameTaken, UnknownPerson
from web.refusals import Refusal
from web.visit import Visit, needs

router = APIRouter()
BACK = (("/people", "People"),)
LINK_GOOD_FOR = timedelta(hours=24)
Name = Annotated[str, Form(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Subject = Annotated[str, Form(max_length=500)]
Roles = Annotated[list[str], Form()]


@router.get("/people")
def show(visit: Annotated[Visit, needs("people")]) -> Response:
    """Everybody who may sign in."""
    return _page(visit)


@router.post("/people/add")
def add(visit: Annotated[Visit, needs("people")], name: Name, role: Roles = []) -> Response:  # noqa: B006
    """A local account, with a link by which its owner sets a password."""
    try:
        with visit.console.books.transaction(visit.actor) as books:
            subject = books.people.add(name.strip(), role)
            secret = books.people.setup_link(subject, visit.now + LINK_GOOD_FOR)
    except (NameTaken, ValueError) as flaw:
        raise Refusal(422, "Nobody was added", f"{flaw}.", BACK) from flaw
    return _page(visit, name.strip(), secret)


@router.post("/people/link")
def link(visit: Annotated[Visit, needs("people")], subject: Subject) -> Response:
    """Another link, where the one before or the password was lost."""
    with visit.console.books.transaction(visit.actor) as books:
        row = _local(books.people.get, subject)
        secret = books.people.setup_link(subject, visit.now + LINK_GOOD_FOR)
    return _page(visit, row.name, secret)


@router.post("/people/roles")
def roles(visit: Annotated[Visit, needs("people")], subject: Subject, role: Roles = []) -> Response:  # noqa: B006
    """These roles and no others, at once. Not one's own: somebody else takes them, or gives more."""
    _another(visit, subject)
    try:
        with visit.console.books.transaction(visit.actor) as books:
            name = _local(books.people.get, subject).name
            books.people.set_roles(subject, role)
    except ValueError as flaw:
        raise Refusal(422, "Nothing was changed", f"{flaw}.", BACK) from flaw
    return visit.back("/people", f"{name} is {', '.join(sorted(role)) or 'nobody'} from now on.")


@router.post("/people/remove")
def remove(visit: Annotated[Visit, needs("people")], subject: Subject) -> Response:
    """May sign in no more; what they decided stays theirs."""
    _another(visit, subject)
    with visit.console.books.transaction(visit.actor) as books:
        try:
            name = books.people.get(subject).name
        except UnknownPerson as flaw:
            raise Refusal(404, "Nobody was removed", f"{flaw}.", BACK) from flaw
        books.people.remove(subject)
    return visit.back("/people", f"{name} may not sign in any more.")


@router.get("/keys")
def keys(visit: Annotated[Visit, needs("keys")]) -> Response:
    """Every key there ever was, its public part; rotated by a command."""
    with visit.console.books.reading() as books:
        return visit.page(
            "keys.html", title="Keys", live=None, keys=books.proof.key_listing(), identity=books.proof.identity()
        )


def _page(visit: Visit, name: str = "", secret: str = "") -> Response:
    with visit.console.books.reading() as books:
        people = books.people.listing()
    origin = visit.console.settings.origin
    answer = visit.page(
        "people.html",
        title="People",
        live=None,
        people=people,
        roles=ROLES,
        name=name,
        made=f"{origin}/set-up?link={secret}" if secret else "",
    )
    if secret:
        answer.headers["Cache-Control"] = "no-store"
    return answer


def _local(get: Callable[[str], Row[Any]], subject: str) -> Row[Any]:
    """A local account. Raises Refusal where it is none: others' roles and passwords are their provider's."""
    try:
        row = get(subject)
    except UnknownPerson as flaw:
        raise Refusal(404, "Nothing was changed", f"{flaw}.", BACK) from flaw
    if not row.subject.startswith(LOCAL):
        why = f"{row.name} signs in at a provider, whose groups say what they may, at each sign-in."
        raise Refusal(409, "Nothing was changed", why, BACK)
    return row


def _another(visit: Visit, subject: str) -> None:
    if subject == visit.person.subject:
        raise Refusal(409, "Nothing was changed", "Nobody changes their own roles: ask somebody else.", BACK)
