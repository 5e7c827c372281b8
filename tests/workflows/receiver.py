"""A receiver of webhooks, as its own program would be: verifies each signature, and takes, fails or is dead as told."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from devstack.ports import free_port


@dataclass
class Receiver:
    """What came and was taken, in order; `fails` are the answers to give before the next is taken."""

    secrets: list[str] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    fails: list[int] = field(default_factory=list)
    tries: int = 0
    forged: int = 0
    signatures: list[str] = field(default_factory=list)
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/hidden-part"

    @property
    def actions(self) -> list[str]:
        return [each["type"] for each in self.taken]

    def take(self, headers: Any, body: bytes) -> int:
        """The status of one call."""
        self.tries += 1
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        given = headers["webhook-signature"].split()
        self.signatures.append(headers["webhook-signature"])
        good = [
            f"v1,{base64.b64encode(hmac.digest(base64.b64decode(each[6:]), signed, hashlib.sha256)).decode()}"
            for each in self.secrets
        ]
        if not set(good) & set(given):
            self.forged += 1
            return 401
        if self.fails:
            return self.fails.pop(0)
        self.ids.append(headers["webhook-id"])
        self.taken.append(json.loads(body))
        return 204

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Answers within; is dead otherwise."""
        receiver = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver.take(self.headers, body)
                self.send_response(status)
                if status == 302:
                    self.send_header("location", f"{receiver.url}/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Door)
        running = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        running.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            running.join()
