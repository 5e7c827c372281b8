"""`/envelopes`: for commands that change the books themselves, as they have the database and not the key: their owner's
decision, signed as the console signs it. Carried out it is verified all the same (`acting.proving`).
"""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import JSONResponse, Response

from acting.proving import meant
from identity import roles
from reading.refused import Unknown
from web import acts
from web.api.caller import Caller, needs
from web.api.problems import Problem, documented
from web.api.shapes import Given, Shape

router = APIRouter(tags=["people"])


class Meant(Given):
    """What is decided about the books: the act, the SHA-256 of all that it says, and an id of its own."""

    act: Literal["assign", "resolve", "switch"]
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    id: Annotated[str, Field(pattern="^(assign|resolve|switch)-[0-9a-f]{16}$")]


class Envelope(Shape):
    """A JWS that is good for two minutes."""

    signed: str


@router.post("/envelopes", response_model=Envelope, responses=documented(404))
def sign(caller: Annotated[Caller, needs("self")], body: Meant) -> Response:
    """Signs what the caller decides, where decisions are signed. Nothing is changed by it."""
    if refused := roles.refusal(caller.person, body.act):
        raise Problem(403, "forbidden", f"{refused}. Nothing was changed.", evidence={"act": body.act})
    signing = acts.signer(caller.console, caller.person)
    if signing is None:
        raise Unknown("Nothing is signed here: names are asserted.")
    signed = signing(body.act, meant(body.act, body.digest), body.id)
    return JSONResponse({"signed": signed}, headers={"Cache-Control": "no-store"})
