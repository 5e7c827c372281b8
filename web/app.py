"""The console as one ASGI application: the guard in front, pages behind it, one poller for all live pages."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from reading.record.events import Changed, Follower
from web import refusals, security
from web.api import app as web_api
from web.console import Console
from web.live import Live
from web.pages import PAGES
from web.session import Asserted
from web.settings import STATIC
from web.workers import polling


def create(console: Console) -> FastAPI:
    """The application. It opens what it needs when it begins, and closes its streams when it ends."""
    if console.settings.identity == "signed" and isinstance(console.sessions, Asserted):
        raise ValueError("REBALANCER_IDENTITY=signed, and nobody could sign in: names would be taken as they are typed")
    app = FastAPI(title="rebalancer", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_life)
    app.state.console = console
    app.add_middleware(_Guarded, console=console)
    refusals.register(app)
    app.mount("/static", _Static(directory=STATIC), name="static")
    app.add_api_route("/live", live, methods=["GET"], include_in_schema=False)
    app.add_api_route("/health", health, methods=["GET"], include_in_schema=False)
    api = web_api.create(console)
    app.mount(web_api.PREFIX, api, name="api")

    def documented(request: Request) -> Response:
        return web_api.documentation(api, request)

    app.add_api_route("/api/docs", documented, include_in_schema=False)
    for page in PAGES:
        app.include_router(page)
    return app


@contextlib.asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    console: Console = app.state.console
    console.temporal.loop = asyncio.get_running_loop()
    follower = Follower()

    def look() -> Changed:
        with console.books.engine.connect() as connection:
            changed = follower.look(connection)
        console.tiles.looked(bool(changed))
        return changed

    async def beside() -> object:
        return await polling(await console.temporal.client())

    console.live = Live(look, beside)
    pollers = [asyncio.create_task(console.live.poll()), asyncio.create_task(console.live.poll_beside())]
    yield
    console.live.close()
    for each in pollers:
        each.cancel()
    await asyncio.gather(*pollers, return_exceptions=True)


async def live(request: Request, account: str | None = None, rebalance: str | None = None) -> Response:
    """A stream that says that something changed, to somebody who is signed in."""
    console: Console = request.app.state.console
    if await asyncio.to_thread(console.sessions.of, request) is None:
        return PlainTextResponse("Sign in first\n", 401)
    assert console.live is not None
    return StreamingResponse(
        console.live.stream(account, rebalance),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def health(request: Request) -> Response:
    """Whether it answers, and its database: for whoever starts and watches it. Says nothing else."""
    from sqlalchemy import text

    console: Console = request.app.state.console
    with console.books.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    return PlainTextResponse("ok\n")


class _Guarded(security.Guard):
    """The guard, as Starlette makes its middleware."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        super().__init__(app, console.settings)


class _Static(StaticFiles):
    """Files whose addresses have what they hold in them: kept for good."""

    def file_response(self, *arguments: object, **more: object) -> Response:
        """A file."""
        answer = super().file_response(*arguments, **more)  # type: ignore[arg-type]
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer
