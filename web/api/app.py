"""The API as an application of its own: its operations, its problems, its description and its documentation."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from identity import roles
from web import templating
from web.api import (
    accounts,
    breaks,
    envelopes,
    evaluations,
    events,
    health,
    loads,
    market,
    people,
    problems,
    queue,
    rebalances,
    record,
    requests,
    rules,
    webhooks,
)
from web.api.once import REPLAYED
from web.console import Console

PREFIX = "/api/v1"
RESOURCES = (
    queue,
    evaluations,
    requests,
    rebalances,
    accounts,
    market,
    breaks,
    health,
    rules,
    events,
    people,
    envelopes,
    loads,
    record,
    webhooks,
)
DESCRIPTION = (
    "Decimals are texts. Lists go by `limit` and `cursor`. Every write needs an `Idempotency-Key`; a decision about "
    "a rebalance or a request needs `If-Match` with the ETag that was shown. Refusals are problems (RFC 9457)."
)


def create(console: Console) -> FastAPI:
    """The application, to be mounted at `PREFIX`."""
    app = FastAPI(title="rebalancer", version="1", description=DESCRIPTION, docs_url=None, redoc_url=None)
    app.state.console = console
    problems.register(app)
    for resource in RESOURCES:
        app.include_router(resource.router)
    app.openapi = lambda: described(app)  # type: ignore[method-assign]
    return app


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description: what FastAPI knows, and how a caller says who they are."""
    if app.openapi_schema:
        return app.openapi_schema
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    found["servers"] = [{"url": PREFIX}]
    parts = found.setdefault("components", {})
    shapes = parts.setdefault("schemas", {})
    whole = problems.ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
    shapes.update(whole.pop("$defs", {}))
    shapes["ProblemBody"] = whole
    for left in ("HTTPValidationError", "ValidationError"):
        shapes.pop(left, None)
    for operations in found["paths"].values():
        for operation in operations.values():
            _with_headers(operation)
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{"token": []}]
    app.openapi_schema = found
    return found


# What an answer may carry beside its body, by its status; `Idempotency-Replayed` and `Location` are of writes.
_TEXT = {"type": "string"}
_SECONDS = {"type": "string", "pattern": "^[0-9]+$"}
_OF_STATUS: dict[str, dict[str, Any]] = {
    "401": {"WWW-Authenticate": {"schema": _TEXT, "description": "How to say who you are"}},
    "409": {"Retry-After": {"schema": _SECONDS, "description": "While the same call is under way: seconds"}},
    "429": {"Retry-After": {"schema": _SECONDS, "description": "Seconds until a name or address is heard again"}},
    "503": {"Retry-After": {"schema": _SECONDS, "description": "Seconds until it is worth asking again"}},
}
_REPLAYED = {"schema": {"const": "true"}, "description": "It was done before under this key, and answered so"}
_LOCATION = {"schema": _TEXT, "description": "Where it is looked at", "required": True}
_STARTS = {"submit", "begin", "add"}  # what each starts has an address of its own


def _with_headers(operation: dict[str, Any]) -> None:
    """Says of each answer of an operation what headers it may have, and that a body may be too large."""
    is_write = any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ()))
    if "requestBody" in operation:
        operation["responses"].setdefault("413", problems.documented(413)[413])
    for status, answer in operation["responses"].items():
        headers = dict(_OF_STATUS.get(status, {}))
        if status in {"200", "201", "202"} and is_write:
            headers[REPLAYED] = _REPLAYED
        if status in {"201", "202"} and operation["operationId"].partition("_")[0] in _STARTS:
            headers["Location"] = _LOCATION
        if headers:
            answer["headers"] = answer.get("headers", {}) | headers


def documentation(api: FastAPI, request: Request) -> Response:
    """`/api/docs`: every operation as a page, made of the description; nothing is fetched from anywhere."""
    console: Console = api.state.console
    description = described(api)
    operations = [
        {"path": PREFIX + path, "method": method.upper(), **operation}
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    frame = templating.frame(request, console, console.clock.now())
    if session := console.sessions.of(request):
        person = session.person
        frame |= {"person": person, "form_token": session.form_token, "may": lambda act: roles.may(person, act)}
    told = {"title": "API", "status": "", "said": "", "operations": operations,
            "shapes": description["components"]["schemas"], "says": description["info"]["description"]}  # fmt: skip
    return HTMLResponse(templating.environment().get_template("api.html").render(frame | told))
