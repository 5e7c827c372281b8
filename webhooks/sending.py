"""One event to one address: delivered where a 2xx comes back within 15 seconds, and not otherwise.

Nothing is followed anywhere else, no proxy is asked, and of the answer nothing but its status is looked at.
"""

import asyncio
import logging
import ssl
from collections.abc import Mapping

import httpx

from webhooks.destination import Destinations, NotAllowed

PATIENCE = 15.0  # seconds for the whole call
GONE = 410
for _logger in ("httpx", "httpcore"):
    logging.getLogger(_logger).setLevel(logging.WARNING)  # they would log addresses, which may be secrets themselves


class NotDelivered(Exception):
    """The receiver did not take it. `gone`: it says that it never will again."""

    def __init__(self, why: str, gone: bool = False) -> None:
        super().__init__(why)
        self.gone = gone


def client() -> httpx.AsyncClient:
    """Connections for a while; to be closed."""
    return httpx.AsyncClient(
        verify=ssl.create_default_context(), timeout=PATIENCE, trust_env=False, follow_redirects=False
    )


async def post(by: httpx.AsyncClient, allowed: Destinations, url: str, headers: Mapping[str, str], body: bytes) -> None:
    """Sends one event. Raises NotDelivered with why, which names the host and no more of the address."""
    host = "the address"
    try:
        async with asyncio.timeout(PATIENCE):
            parts, address = await allowed.find(url)
            host = parts.hostname or host
            # Called by the address that was looked at; the certificate has to be the name's all the same.
            called = httpx.URL(url).copy_with(host=address)
            sent = {**headers, "host": parts.netloc, "content-type": "application/json", "user-agent": "rebalancer"}
            asked = by.stream("POST", called, content=body, headers=sent, extensions={"sni_hostname": host})
            async with asked as answer:
                status = answer.status_code
    except NotAllowed as flaw:
        raise NotDelivered(str(flaw)) from None
    except TimeoutError:
        raise NotDelivered(f"{host} did not answer within {PATIENCE:.0f} s") from None
    except (httpx.HTTPError, OSError) as flaw:
        raise NotDelivered(f"{host} can't be reached: {_told(flaw)}") from None
    except httpx.InvalidURL:
        raise NotDelivered(f"{host} is no address that can be called") from None
    if not 200 <= status < 300:
        raise NotDelivered(f"{host} answered {status}", gone=status == GONE)


def _told(flaw: Exception) -> str:
    return " ".join(str(flaw).split())[:200] or type(flaw).__name__
