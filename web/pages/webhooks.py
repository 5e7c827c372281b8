"""`/webhooks`: where events are sent as they are recorded, and how that goes."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from acting import webhooks as acting
from reading import webhooks as reading
from reading.refused import Refused
from web import tables
from web.refusals import Refusal
from web.tables import Format
from web.visit import Visit, needs
from webhooks.destination import LONGEST

if TYPE_CHECKING:
    from temporalio.client import Client

router = APIRouter()
BACK = (("/webhooks", "Webhooks"),)
COLUMNS = ("webhook", "url", "actions", "added_at", "added_by", "delivered_at", "failing_since", "failure",
           "disabled_at")  # fmt: skip
Id = Annotated[str, Form(max_length=40)]


@router.get("/webhooks")
def show(visit: Annotated[Visit, needs("webhooks")], format: Format = "html") -> Response:
    """Every one, and how it goes."""
    if format != "html":
        with visit.console.books.reading() as books:
            rows = [reading.as_json(each) | {"webhook": each.id} for each in reading.listing(books)]
        return tables.file("webhooks", format, COLUMNS, rows)
    return _page(visit)


@router.post("/webhooks/add")
def add(
    visit: Annotated[Visit, needs("webhooks")],
    url: Annotated[str, Form(min_length=1, max_length=LONGEST)],
    actions: Annotated[str, Form(max_length=5000)] = "",
) -> Response:
    """A new one; its secret is shown this once."""
    console = visit.console
    wanted = [each.strip() for each in actions.splitlines() if each.strip()]
    try:
        made = acting.add(
            console.books, lambda: _client(visit), visit.person, url.strip(), wanted, console.settings.webhooks
        )
        id_, secret = console.temporal.run(made)
    except Refused as flaw:
        raise Refusal(422, "No webhook was added", str(flaw), BACK) from flaw
    return _page(visit, id_, secret)


@router.post("/webhooks/secret")
def rotate(visit: Annotated[Visit, needs("webhooks")], webhook: Id) -> Response:
    """Another secret; for a day the one before signs too."""
    return _page(visit, webhook, acting.rotate(visit.console.books, visit.person, webhook, visit.now))


@router.post("/webhooks/enable")
def enable(visit: Annotated[Visit, needs("webhooks")], webhook: Id) -> Response:
    """Goes on with one that was disabled."""
    console = visit.console
    console.temporal.run(acting.enable(console.books, lambda: _client(visit), visit.person, webhook))
    return visit.back("/webhooks", f"{webhook} goes on with the first event that was not taken.")


@router.post("/webhooks/remove")
def remove(visit: Annotated[Visit, needs("webhooks")], webhook: Id) -> Response:
    """Sends nothing there any more."""
    acting.remove(visit.console.books, visit.person, webhook)
    return visit.back("/webhooks", f"Nothing is sent to {webhook} any more.")


async def _client(visit: Visit) -> "Client":
    return await visit.console.temporal.client()


def _page(visit: Visit, made: str = "", secret: str = "") -> Response:
    with visit.console.books.reading() as books:
        hooks = reading.listing(books)
    disabled = sum(each.disabled_at is not None for each in hooks)
    answer = visit.page(
        "webhooks.html", title="Webhooks", status=f"{disabled} disabled" if disabled else "", live=None, hooks=hooks,
        made=made, secret=secret, now=visit.now,
    )  # fmt: skip
    if secret:
        answer.headers["Cache-Control"] = "no-store"
    return answer
