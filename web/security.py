"""What every answer carries and every request must show, before any page is asked.

Nothing inline runs: scripts and styles come from here or not at all. What changes something comes from a page of ours
(`Sec-Fetch-Site`, else `Origin`), and its form carries the session's token (`web.visit`).
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.settings import Settings

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
STREAM = "/live"
LARGEST = 64 * 1024 * 1024  # bytes of what is uploaded; larger files go by the command line
TOO_LARGE = f"More than {LARGEST // 2**20} MB: load it by the command line, `rebalancer load FILE`"


class Guard:
    """Refuses what is not of this console, and says of every answer what a browser may do with it."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] == "HEAD" and scope["path"] != STREAM:
            scope, send = _as_get(scope), _without_body(send)
        refused = self._refused(scope["method"], scope["path"], Headers(scope=scope))
        body = _Body(receive)

        async def with_headers(message: Message) -> None:
            if body.is_too_large:
                return  # whatever is said of a part of it
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "private, no-cache")
                if self.settings.is_secure:
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        if refused is not None:
            await _answer(scope, *refused)(scope, receive, with_headers)
            return
        try:
            await self.app(scope, body.receive, with_headers)
        except Exception:
            if not body.is_too_large:
                raise
        if body.is_too_large:
            body.is_too_large = False
            await _answer(scope, 413, TOO_LARGE)(scope, receive, with_headers)

    def _refused(self, method: str, path: str, headers: Headers) -> tuple[int, str] | None:
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if host not in self.settings.hosts and not (path == "/health" and method in SAFE):
            return 421, f"The console is not known as {host or 'nothing'}. Open {self.settings.origin}"
        if method in SAFE:
            return None
        length = headers.get("content-length") or "0"
        if not (length.isascii() and length.isdecimal()):
            return 400, "Nothing was changed: Content-Length is no number"
        if len(length) > 18 or int(length) > LARGEST:
            return 413, TOO_LARGE
        if headers.get("authorization", "").lower().startswith("bearer "):
            return None  # a token that no browser sends by itself: another site can't borrow it
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        ours = site in {"same-origin", "none"} if site is not None else origin == self.settings.origin
        if not ours:
            return (
                403,
                "Nothing was changed: this was sent by a page of another site. Open the console, and do it there",
            )
        return None


class _Body:
    """What is sent, up to as much as is taken: its length may not be said before, or not be true."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._seen = 0
        self.is_too_large = False

    async def receive(self) -> Message:
        """The next part; once it is too large, as if whoever sends it had gone."""
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > LARGEST:
            self.is_too_large = True
            return {"type": "http.disconnect"}
        return message


def _answer(scope: Scope, status: int, why: str) -> Response:
    if scope["path"].startswith("/api/"):
        return _problem(status, why)
    return PlainTextResponse(why + "\n", status)


def _as_get(scope: Scope) -> Scope:
    """A request for an answer without its body, as one for all of it; never for a stream, which has no end."""
    headers = [(name, value) for name, value in scope["headers"] if (name, value) != (b"accept", b"text/event-stream")]
    return {**scope, "method": "GET", "headers": headers}


def _without_body(send: Send) -> Send:
    ended = False

    async def sent(message: Message) -> None:
        nonlocal ended
        if message["type"] != "http.response.body":
            await send(message)
        elif not ended:
            ended = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return sent


def _problem(status: int, why: str) -> Response:
    """For who calls the API: refused as everything there is."""
    from web.api.problems import answer

    return answer(status, "guarded", why)
