"""The codec server: Temporal's UI and CLI ask it to decrypt what they show, and to encrypt what is typed there.

It decrypts for whoever reaches it: it listens where only those may, or asks for a token. A page of another origin than
those allowed is refused, and never gets its answer from the browser.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.json_format import MessageToJson, Parse, ParseError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payloads

from payloads.codec import Encryption
from payloads.errors import CannotDecode
from payloads.keys import KeyRing

ORIGINS, TOKEN = "REBALANCER_CODEC_ORIGINS", "REBALANCER_CODEC_TOKEN"
ORIGIN = "http://localhost:8233"
LARGEST = 16 * 1024 * 1024  # bytes asked at once
MINUTES = "600"  # seconds for which a browser remembers what it may


@dataclass(frozen=True, slots=True)
class Access:
    """Which pages may ask, and with which token (None: none is asked for)."""

    origins: tuple[str, ...]
    token: str | None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Access":
        """By REBALANCER_CODEC_ORIGINS, apart by spaces, and REBALANCER_CODEC_TOKEN."""
        origins = tuple(environment.get(ORIGINS, ORIGIN).split())
        return cls(origins, environment.get(TOKEN) or None)


def application(ring: KeyRing, access: Access) -> Starlette:
    """POST /encode and /decode as Temporal's UI and CLI call them; GET /health."""
    codec = Encryption(ring)

    async def answer(request: Request) -> Response:
        headers = _cross_origin(request, access)
        if request.method == "OPTIONS":
            return Response(status_code=204 if headers or "origin" not in request.headers else 403, headers=headers)
        if "origin" in request.headers and not headers:
            return _refused(403, f"pages of {request.headers['origin']} may not ask: see {ORIGINS}", headers)
        if not _allowed(request, access):
            return _refused(401, f"the token is missing or wrong: see {TOKEN}", headers)
        if int(request.headers.get("content-length") or 0) > LARGEST:
            return _refused(413, f"more than {LARGEST} bytes at once", headers)
        try:
            given = Parse(await request.body(), Payloads(), ignore_unknown_fields=True).payloads
            done = codec.encrypted(given) if request.url.path == "/encode" else codec.decrypted(given)
        except (ParseError, UnicodeDecodeError):
            return _refused(400, 'not a JSON object of "payloads"', headers)
        except CannotDecode as flaw:
            return _refused(400, str(flaw), headers)
        return Response(MessageToJson(Payloads(payloads=done)), media_type="application/json", headers=headers)

    async def health(request: Request) -> Response:
        return JSONResponse({"ok": True, "encrypts_with": ring.encrypting().id})

    methods: Sequence[str] = ["POST", "OPTIONS"]
    routes = [Route(path, answer, methods=methods) for path in ("/encode", "/decode")]
    return Starlette(routes=[*routes, Route("/health", health)])


def _cross_origin(request: Request, access: Access) -> dict[str, str]:
    """What lets an allowed origin's page read the answer; nothing for any other."""
    origin = request.headers.get("origin")
    if origin is None or origin not in access.origins:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "POST, OPTIONS",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Namespace",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Max-Age": MINUTES,
        "Vary": "Origin",
    }


def _allowed(request: Request, access: Access) -> bool:
    if access.token is None:
        return True
    given = request.headers.get("authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {access.token}".encode())


def _refused(code: int, why: str, headers: Mapping[str, str]) -> Response:
    return JSONResponse({"error": why}, status_code=code, headers=headers)
