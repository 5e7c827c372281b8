"""`/webhooks`: where events are sent as they are recorded, by Standard Webhooks; for who administers."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.responses import Response

from acting import webhooks as acting
from reading import webhooks as reading
from reading.refused import Refused
from web.api.caller import Caller, needs, reached
from web.api.cursors import LIMIT, Cursor, Limit
from web.api.once import Done, Once, once
from web.api.problems import Flaw, Problem, documented
from web.api.shapes import Given, Shape
from webhooks.destination import LONGEST, NotAllowed

router = APIRouter(tags=["webhooks"])
Id = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9-]+$")]
ActionName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Calls = Annotated[Once, Depends(once)]
May = Annotated[Caller, needs("webhooks")]


class WebhookRow(Shape):
    """A webhook. `actions`: which events, by what the record calls them; none is all.

    `failure`: what became of the last try, where that was not taken; `disabled_at`: when it was given up.
    """

    id: str
    url: str
    actions: list[str]
    added_at: str
    added_by: str
    delivered_at: str | None
    failing_since: str | None
    failure: str | None
    disabled_at: str | None
    former_secret_until: str | None


class Webhooks(Shape):
    """A page of webhooks, the oldest first."""

    webhooks: list[WebhookRow]
    next_cursor: str | None


class WithSecret(WebhookRow):
    """A webhook and its new secret, which is shown this once: null where the same call is answered again."""

    secret: str | None


class Address(Given):
    """Where events are sent: https, to the internet or to a network that the installation names."""

    url: Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=r"^[^\x00]+$")]
    actions: Annotated[list[ActionName], Field(max_length=100, default_factory=list)]


class Removed(Shape):
    """Nothing is sent there any more."""

    removed: bool


@router.get("/webhooks", responses=documented())
def listing(caller: May, limit: Limit = LIMIT, cursor_: Annotated[Cursor, Query(alias="cursor")] = None) -> Webhooks:
    """Where events are sent, and how that goes; by keyset."""
    with caller.console.books.reading() as books:
        found = reading.page(books, cursor_, limit)
    return Webhooks(webhooks=[WebhookRow.model_validate(each) for each in found.rows], next_cursor=found.after)


@router.get("/webhooks/{webhook_id}", responses=documented(404))
def one(caller: May, webhook_id: Id) -> WebhookRow:
    """One of them."""
    return _row(_found(caller, webhook_id))


@router.post("/webhooks", status_code=201, response_model=WithSecret, responses=documented(409))
def add(caller: May, call: Calls, body: Address) -> Response:
    """Has events sent from now on. 422 where nothing may be sent to the address."""

    def do(_: Any) -> Done:
        console = caller.console
        try:
            made = acting.add(
                console.books,
                lambda: reached(console),
                caller.person,
                body.url,
                body.actions,
                console.settings.webhooks,
            )
            id_, secret = console.temporal.run(made)
        except Refused as flaw:
            if isinstance(flaw.__cause__, NotAllowed):
                why = [Flaw(pointer="/url", detail=str(flaw.__cause__))]
                raise Problem(422, "unreadable", str(flaw), errors=why) from flaw
            raise
        return _with_secret(caller, id_, secret, 201, {"Location": f"/api/v1/webhooks/{id_}"})

    return call.answered(caller, do)


@router.delete("/webhooks/{webhook_id}", response_model=Removed, responses=documented(404, 409))
def remove(caller: May, call: Calls, webhook_id: Id) -> Response:
    """Sends nothing there any more."""

    def do(_: Any) -> Done:
        acting.remove(caller.console.books, caller.person, webhook_id)
        return Done(200, {"removed": True})

    return call.answered(caller, do)


@router.post("/webhooks/{webhook_id}/secret", response_model=WithSecret, responses=documented(404, 409))
def rotate(caller: May, call: Calls, webhook_id: Id) -> Response:
    """Signs by a new secret; for a day the one before signs too."""

    def do(_: Any) -> Done:
        secret = acting.rotate(caller.console.books, caller.person, webhook_id, caller.now)
        return _with_secret(caller, webhook_id, secret, 200)

    return call.answered(caller, do)


@router.post("/webhooks/{webhook_id}/enabled", response_model=WebhookRow, responses=documented(404, 409))
def enable(caller: May, call: Calls, webhook_id: Id) -> Response:
    """Goes on with one that was disabled, with the first event that was not taken."""

    def do(_: Any) -> Done:
        console = caller.console
        console.temporal.run(acting.enable(console.books, lambda: reached(console), caller.person, webhook_id))
        return Done(200, _row(_found(caller, webhook_id)).model_dump(mode="json"))

    return call.answered(caller, do)


def _with_secret(caller: Caller, id_: str, secret: str, status: int, headers: dict[str, str] | None = None) -> Done:
    told = _row(_found(caller, id_)).model_dump(mode="json") | {"secret": None}
    return Done(status, told, headers or {}, shown={"secret": secret})


def _found(caller: Caller, id_: str) -> Any:
    with caller.console.books.reading() as books:
        return reading.one(books, id_)


def _row(each: Any) -> WebhookRow:
    return WebhookRow.model_validate(reading.as_json(each))
