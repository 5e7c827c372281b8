"""What the console is told by the environment: where it listens, as what it is reached, and who may decide how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode, urlsplit

from webhooks import destination
from webhooks.destination import Destinations

PORT = 8234
LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Settings:
    """`origin` is what people type, like https://console.example.com; other names than its host are not answered.

    `identity`: `asserted` takes the name that a person chooses, `signed` only who signed in.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    origin: str = f"http://localhost:{PORT}"
    identity: Literal["asserted", "signed"] = "asserted"
    temporal_ui: str | None = None
    namespace: str = "default"  # of Temporal
    webhooks: Destinations = field(default_factory=Destinations)

    @property
    def is_secure(self) -> bool:
        """Whether people reach it through TLS: then cookies go no other way."""
        return self.origin.startswith("https://")

    def workflow(self, workflow_id: str, run_id: str = "") -> str | None:
        """Where Temporal's UI shows a workflow; None where it has no address."""
        at = f"workflows/{quote(workflow_id, safe='')}" + (f"/{quote(run_id, safe='')}/history" if run_id else "")
        return None if self.temporal_ui is None else f"{self.temporal_ui}/namespaces/{self.namespace}/{at}"

    def workflows(self, **having: str) -> str | None:
        """Where it lists those that have these search attributes."""
        asked = " AND ".join(f"{name} = {_quoted(value)}" for name, value in having.items())
        at = f"workflows?{urlencode({'query': asked})}"
        return None if self.temporal_ui is None else f"{self.temporal_ui}/namespaces/{self.namespace}/{at}"

    @property
    def hosts(self) -> frozenset[str]:
        """The names under which it answers: a page of elsewhere can't have its own name point here."""
        named = urlsplit(self.origin).hostname or ""
        return LOCAL | {named} if named in LOCAL else frozenset({named})


def from_environment(environ: Mapping[str, str]) -> Settings:
    """REBALANCER_CONSOLE_HOST, _PORT and _ORIGIN, REBALANCER_IDENTITY, REBALANCER_WEBHOOK_NETWORKS, TEMPORAL_UI_URL and
    _NAMESPACE.

    Raises ValueError in a line.
    """
    port = environ.get("REBALANCER_CONSOLE_PORT") or str(PORT)
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"REBALANCER_CONSOLE_PORT={port} is no port: give a number from 1024 to 65535")
    origin = (environ.get("REBALANCER_CONSOLE_ORIGIN") or f"http://localhost:{port}").rstrip("/")
    parts = urlsplit(origin)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path:
        raise ValueError(f"REBALANCER_CONSOLE_ORIGIN={origin} is no origin: write it like https://console.example.com")
    identity = environ.get("REBALANCER_IDENTITY") or "asserted"
    if identity not in {"asserted", "signed"}:
        raise ValueError(f"REBALANCER_IDENTITY={identity} is neither asserted nor signed")
    return Settings(
        environ.get("REBALANCER_CONSOLE_HOST") or "127.0.0.1",
        int(port),
        origin,
        "signed" if identity == "signed" else "asserted",
        (environ.get("TEMPORAL_UI_URL") or "").rstrip("/") or None,
        environ.get("TEMPORAL_NAMESPACE") or "default",
        destination.from_environment(environ),
    )


def _quoted(value: str) -> str:
    """A text of a query in Temporal's UI."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"
