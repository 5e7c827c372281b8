"""`/me`: my sessions, passkeys and tokens; each is ended where it is listed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.responses import JSONResponse, Response

from acting import own, signing_in
from acting.signing_in import NotSignedIn
from reading import people
from reading.refused import Refused
from reading.words import utc
from web import tables
from web.pages.sign_in import site
from web.refusals import Refusal
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
BACK = (("/me", "What is mine"),)
COLUMNS = ("kind", "of", "label", "roles", "since", "used_at", "good_until", "address")
Id = Annotated[str, Form(max_length=400)]


@router.get("/me")
def show(visit: Annotated[Visit, needs("self")], format: Format = "html") -> Response:
    """Who I am here, what I may, and by what I sign in."""
    if format != "html":
        return tables.file("me", format, COLUMNS, _rows(visit))
    return _page(visit)


@router.post("/me/sessions/end")
def end_session(visit: Annotated[Visit, needs("self")], id: Annotated[int, Form()]) -> Response:
    """Signs one of my browsers out."""
    ended = own.end_session(visit.console.books, visit.person, id)
    return visit.back("/me", "That browser is signed out." if ended else "It was signed out already.")


@router.post("/me/passkeys/options")
def ask_passkey(visit: Annotated[Visit, needs("self")]) -> Response:
    """What the browser is asked for a new passkey."""
    _proven(visit)
    return JSONResponse(signing_in.new_passkey(visit.console.books, site(visit.console), visit.person, visit.now))


@router.post("/me/passkeys")
def add_passkey(
    visit: Annotated[Visit, needs("self")],
    answer: Annotated[str, Form(max_length=20_000)],
    label: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Keeps the passkey that the browser made."""
    _proven(visit)
    try:
        signing_in.add_passkey(visit.console.books, site(visit.console), visit.person, label, answer, visit.now)
    except NotSignedIn as flaw:
        raise Refusal(422, "No passkey was added", str(flaw), BACK) from flaw
    return visit.back("/me", "The passkey is yours: sign in with it next time.")


@router.post("/me/passkeys/remove")
def remove_passkey(visit: Annotated[Visit, needs("self")], id: Id) -> Response:
    """Takes a passkey away."""
    removed = own.remove_passkey(visit.console.books, visit.person, id, visit.now)
    return visit.back("/me", "The passkey is removed." if removed else "It was removed already.")


@router.post("/me/tokens")
def make_token(
    visit: Annotated[Visit, needs("self")],
    label: Annotated[str, Form(min_length=1, max_length=60)],
    days: Annotated[int, Form(ge=1, le=366)] = 90,
    role: Annotated[list[str], Form()] = [],  # noqa: B006  (FastAPI copies it)
) -> Response:
    """A token for a program, with a part of my roles; it is shown this once."""
    _proven(visit)
    try:
        secret = own.make_token(visit.console.books, visit.person, label, role, visit.now, timedelta(days=days))
    except Refused as flaw:
        raise Refusal(422, "No token was made", f"{flaw}.", BACK) from flaw
    answer = _page(visit, secret)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post("/me/tokens/end")
def end_token(visit: Annotated[Visit, needs("self")], id: Annotated[int, Form()]) -> Response:
    """Ends a token of mine."""
    ended = own.end_token(visit.console.books, visit.person, id)
    return visit.back("/me", "The token is ended." if ended else "It was ended already.")


def _rows(visit: Visit) -> Iterator[dict[str, Any]]:
    """Browsers, passkeys and tokens as one table; of a token the hint alone."""
    with visit.console.books.reading() as books:
        mine = people.own(books, visit.person.subject, visit.now)
    roles = sorted(visit.person.roles)
    for each in mine.sessions:
        since, used = utc(each.opened_at), utc(each.used_at)
        yield _row("session", str(each.id), each.device, since, used, roles=roles, address=each.address)
    for each in mine.passkeys:
        yield _row("passkey", each.id, each.label, utc(each.added_at), utc(each.used_at))
    for each in mine.tokens:
        since, used = utc(each.made_at), utc(each.used_at)
        until = utc(each.good_until)
        yield _row("token", each.hint, each.label, since, used, roles=sorted(each.roles), good_until=until)


def _row(kind: str, of: str, label: str | None, since: str | None, used_at: str | None, **more: Any) -> dict[str, Any]:
    told = {"kind": kind, "of": of, "label": label, "since": since, "used_at": used_at}
    return dict.fromkeys(COLUMNS) | told | more


def _page(visit: Visit, secret: str = "") -> Response:
    with visit.console.books.reading() as books:
        mine = people.own(books, visit.person.subject, visit.now)
    return visit.page(
        "me.html",
        title=visit.person.name,
        live=None,
        sessions=mine.sessions,
        this=visit.session.id,
        passkeys=mine.passkeys,
        tokens=mine.tokens,
        secret=secret,
    )


def _proven(visit: Visit) -> None:
    """Raises Refusal for who merely chose a name, or came by a token: neither makes more ways in."""
    if visit.person.how in {"asserted", "token"}:
        why = "Only who signed in at the console makes passkeys and tokens."
        raise Refusal(409, "Sign in for that", why, BACK)
