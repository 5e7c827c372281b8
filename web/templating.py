"""Templates: what is missing is a fault, everything is escaped, and figures read the same on every page."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request

from domain.telling.plan_json import price_text
from domain.values.money import plain
from reading import words
from reading.accounts.statement import restriction_in_words
from web.settings import STATIC, TEMPLATES

# What is in the head of every page: where, what it is called, the key behind `g`, and the act that it takes.
PLACES = (
    ("/", "Overview", "o", "read"),
    ("/queue", "Queue", "q", "read"),
    ("/requests", "Requests", "r", "read"),
    ("/approvals", "Approvals", "a", "read"),
    ("/accounts", "Accounts", "c", "read"),
    ("/targets", "Targets", "t", "read"),
    ("/breaks", "Breaks", "b", "read"),
    ("/loads", "Loads", "l", "read"),
    ("/record", "Record", "e", "record"),
    ("/status", "Status", "s", "read"),
)


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The one environment of all pages."""
    from markup import bands
    from web.visit import link

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "amount": lambda value: words.amount(None if value is None else str(value)),
        "number": lambda value: words.number(plain(value) if isinstance(value, Decimal) else str(value)),
        "price": lambda value: words.number(price_text(Decimal(value))),
        "share": lambda value: words.share(str(value)),
        "signed": lambda value: words.signed(str(value)) if Decimal(value) else words.amount(str(value)),
        "words": lambda text: str(text).replace("_", " ").lower(),
        "moment": moment,
        "counted": words.counted,
        "setting": words.setting,
        "restriction": restriction_in_words,
        "segment": lambda text: quote(str(text), safe=""),
        "kind": kind,
    }
    made.globals |= {"link": link, "static": static, "places": PLACES, "drawn": bands, "part": part}
    return made


def frame(request: Request, console: Any, now: datetime) -> dict[str, Any]:
    """What the frame of every page shows, whoever is there."""
    return {
        "layout": "layout.html",
        "path": at(request),
        "here": at(request) + (f"?{request.url.query}" if request.url.query else ""),
        "as_of": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "settings": console.settings,
        "person": None,
        "form_token": "",
        "live": None,
        "undo": None,
        "may": lambda act: False,
    }


def at(request: Request) -> str:
    """The path of a request as an address has it: an id may hold a `?` or a `#`."""
    return quote(request.scope["path"])


def back(request: Request) -> str:
    """Where a page of ours is that a refusal can lead back to: the one that was asked for, or whose form was sent."""
    if request.method in {"GET", "HEAD"}:
        return at(request)
    came = urlsplit(request.headers.get("referer", ""))
    same = (
        came.netloc == request.headers.get("host") and came.path.startswith("/") and came.path[1:2] not in {"/", "\\"}
    )
    return f"{came.path}?{came.query}" if same and came.query else came.path if same else "/"


@lru_cache(maxsize=32)
def static(name: str) -> str:
    """The address of a file of ours, with what it holds in it: a new release is not mixed with an old page."""
    return f"/static/{name}?{sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


def moment(at: datetime | date | str | None) -> str:
    """A moment in UTC to the second, or a day."""
    if at is None or at == "":
        return "–"
    if isinstance(at, datetime):
        return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return str(at).replace("T", " ").replace("Z", "")


# How a status is coloured, and the sign that says the same without colour.
KINDS = {
    "COMPLETE": "good", "FAILED": "bad", "COMPLETE_WITH_ERRORS": "warn", "EXPIRED": "warn", "CANCELED": "quiet",
    "PENDING_APPROVAL": "wait", "APPROVED": "run", "BUSY": "bad", "NOT_STARTED": "quiet", "PAUSED": "warn",
    "CHECKING": "run", "EXECUTING": "run", "RECONCILING": "run", "IN_PROGRESS": "run", "RUNNING": "run",
    "error": "bad", "warning": "warn", "info": "quiet",
}  # fmt: skip


def kind(status: str) -> str:
    """Good, bad, warn, wait, run or quiet."""
    return KINDS.get(status, "quiet")


def part(count: int, of: int) -> float:
    """How much of a bar that is 100 wide."""
    return round(100 * count / of, 2) if of else 0.0


def decimal(text: str) -> Decimal:
    """A figure of a public form."""
    return Decimal(text)
