"""Refusals of the API: problems as RFC 9457 has them, with the rule, the evidence and what to do next."""

import logging
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from domain.books.book import BookRefused
from domain.books.deliveries import DeliveryRefused
from reading.actions import Action
from reading.files.books import SHOWN
from reading.places import Lost
from reading.refused import Changed, Conflict, Refused, Unknown, Unreachable
from web import refusals
from web.actions import command, words_of

MEDIA = "application/problem+json"
STATUS: Mapping[type[Refused], tuple[int, str]] = {
    Unknown: (404, "unknown"),
    Conflict: (409, "conflict"),
    Changed: (412, "changed"),
    Unreachable: (503, "unreachable"),
}
TITLES = {
    401: "Nobody is signed in",
    403: "Not allowed",
    404: "Unknown",
    405: "Not that way",
    409: "Not now",
    412: "Changed since you looked",
    413: "Too large",
    422: "It can't be read",
    428: "Say what you looked at",
    429: "Too often",
    500: "A mistake of the console",
    503: "Something does not answer",
}


class Flaw(BaseModel):
    """One thing that is wrong with what was sent; `pointer` is a JSON pointer into it (RFC 6901)."""

    model_config = ConfigDict(extra="forbid")
    pointer: str
    detail: str


class NextAction(BaseModel):
    """What to do about it: the words, and where a command does it, the command."""

    model_config = ConfigDict(extra="forbid")
    told: str
    command: str | None


class ProblemBody(BaseModel):
    """A refusal (RFC 9457). `code` is for programs and stays as it is; `rule`, where a rule refuses."""

    model_config = ConfigDict(extra="forbid")
    type: str = Field(examples=["urn:rebalancer:conflict"])
    title: str
    status: int
    detail: str
    code: str
    rule: str | None
    evidence: dict[str, Any]
    next_actions: list[NextAction]
    request_id: str
    errors: list[Flaw]


class Problem(Exception):
    """What the API refuses by itself."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        evidence: Mapping[str, Any] | None = None,
        errors: Sequence[Flaw] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.evidence, self.errors, self.headers = dict(evidence or {}), list(errors), dict(headers or {})


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Which problems an operation answers with, for its description. Every one may be 401, 403, 422 and 503."""
    content = {MEDIA: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
    named = sorted({401, 403, 422, 500, 503, *statuses})
    return {each: {"description": TITLES[each], "content": content} for each in named}


def register(app: FastAPI) -> None:
    """What becomes of everything that an operation raises."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(refusals.Refusal, _of_a_page)
    app.add_exception_handler(Lost, _no_place)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _of_the_server)
    app.add_exception_handler(OperationalError, _no_database)
    app.add_exception_handler(DataError, _no_value)
    app.add_exception_handler(Exception, _fault)


def answer(
    status: int,
    code: str,
    detail: str,
    *,
    rule: str | None = None,
    evidence: Mapping[str, Any] | None = None,
    actions: Iterable[Action] = (),
    errors: Sequence[Flaw] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem, as it goes out."""
    known = secrets.token_hex(8)
    body = ProblemBody(
        type=f"urn:rebalancer:{code}",
        title=TITLES.get(status, "Refused"),
        status=status,
        detail=detail,
        code=code,
        rule=rule,
        evidence=dict(evidence or {}),
        next_actions=[NextAction(told=str(each), command=command(each) or None) for each in actions],
        request_id=known,
        errors=list(errors),
    )
    if status >= 500:
        logging.getLogger("api").warning("%s: %s %s", known, status, detail)
    content = body.model_dump(mode="json")
    return JSONResponse(content, status, dict(headers or {}), media_type=MEDIA)


def _problem(request: Request, flaw: Exception) -> Response:
    assert isinstance(flaw, Problem)
    return answer(flaw.status, flaw.code, flaw.detail, evidence=flaw.evidence, errors=flaw.errors, headers=flaw.headers)


def _of_a_page(request: Request, flaw: Exception) -> Response:
    assert isinstance(flaw, refusals.Refusal)
    return answer(flaw.code, "unreachable" if flaw.code == 503 else "refused", f"{flaw.what}. {flaw.why}")


def _no_place(request: Request, flaw: Exception) -> Response:
    wrong = Flaw(pointer="/query/cursor", detail="it is none that a page gave: begin without one")
    told = "The cursor names no place in this list. Begin without one."
    return answer(422, "unreadable", told, errors=[wrong])


def _refused(request: Request, flaw: Exception) -> Response:
    assert isinstance(flaw, Refused)
    status, code = next((found for kind, found in STATUS.items() if isinstance(flaw, kind)), (409, "refused"))
    told = words_of(flaw)
    if wrong := _wrong(flaw.__cause__):
        return answer(422, "unreadable", told, errors=wrong)
    return answer(status, code, told, rule=flaw.rule, evidence=flaw.evidence, actions=flaw.next_actions)


def _wrong(cause: BaseException | None) -> list[Flaw]:
    """What is wrong with a file that was sent, each with its place: a path into an object, or a line."""
    if isinstance(cause, BookRefused):
        return [Flaw(pointer=_pointer(each.path), detail=each.message) for each in cause.problems[:SHOWN]]
    if isinstance(cause, DeliveryRefused):
        return [Flaw(pointer=_pointer(each.path), detail=each.message) for each in cause.problems.shown]
    return []


def _pointer(path: str) -> str:
    """`accounts[0].id` as /accounts/0/id; `line 7` as /line/7."""
    parts = re.sub(r"\[([0-9]+)\]", r".\1", path.replace("line ", "line.")).split(".")
    return "/" + "/".join(each.replace("~", "~0").replace("/", "~1") for each in parts if each)


def _unreadable(request: Request, flaw: Exception) -> Response:
    assert isinstance(flaw, RequestValidationError)
    found = [_flaw(each) for each in flaw.errors()]
    told = "; ".join(f"{each.pointer}: {each.detail}" for each in found[:3])
    return answer(422, "unreadable", f"{told}. Nothing was changed.", errors=found)


def _flaw(each: Mapping[str, Any]) -> Flaw:
    place, *path = map(str, each["loc"])
    where = "" if place == "body" else f"/{place}"
    parts = [part.replace("~", "~0").replace("/", "~1") for part in path]
    return Flaw(pointer="/".join([where, *parts]) or "/", detail=str(each["msg"]))


def _of_the_server(request: Request, flaw: Exception) -> Response:
    assert isinstance(flaw, HTTPException)
    if flaw.status_code == 400:  # a body that is no text, or no JSON
        return answer(422, "unreadable", "The body can't be read as JSON. Nothing was changed.")
    code = {404: "unknown", 405: "method"}.get(flaw.status_code, "refused")
    detail = f"{request.method} {request.url.path}: {flaw.detail}. What there is: /api/docs"
    return answer(flaw.status_code, code, detail, headers=flaw.headers)


def _no_database(request: Request, flaw: Exception) -> Response:
    told = "The database does not answer. Nothing was changed; what is under way goes on as soon as it is back."
    return answer(503, "unreachable", told, headers={"Retry-After": "5"})


def _no_value(request: Request, flaw: Exception) -> Response:
    why = refusals.cannot_be(flaw)
    return _fault(request, flaw) if why is None else answer(422, "unreadable", why)


def _fault(request: Request, flaw: Exception) -> Response:
    logging.getLogger("api").error("%s %s", request.method, request.url.path, exc_info=flaw)
    return answer(500, "fault", "It is no fault of yours. The log of the console has the rest under this request_id.")
