"""The codec server as Temporal's UI and CLI use it: over HTTP, from a page of another origin, with a token."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Payload, Payloads

from payloads.codec import Encryption
from payloads.keys import KeyRing, new_key, write

UI = "http://localhost:8233"
Served = Callable[..., contextlib.AbstractContextManager[httpx.Client]]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    write(tmp_path / "keys", (new_key("one"),))
    return tmp_path / "keys"


@contextlib.contextmanager
def serving(keys: Path, **settings: str) -> Iterator[httpx.Client]:
    """A codec server of its own process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "REBALANCER_PAYLOAD_KEYS": str(keys), **settings}
    words = [sys.executable, "-m", "payloads", "serve", "--port", str(port)]
    server = subprocess.Popen(words, env=environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            for _ in range(300):
                with contextlib.suppress(httpx.ConnectError):
                    client.get("/health")
                    break
                time.sleep(0.1)
            yield client
    finally:
        server.terminate()
        server.wait(20)


def asked(*payloads: Payload) -> dict[str, Any]:
    return MessageToDict(Payloads(payloads=payloads))


def test_ui_and_cli_read_and_write(keys: Path) -> None:
    codec = Encryption(KeyRing(keys))
    secret = Payload(metadata={"encoding": b"json/plain"}, data=b'"A-103"')
    with serving(keys) as http:
        assert http.get("/health").json() == {"ok": True, "encrypts_with": "one"}
        answer = http.post("/decode", json=asked(*codec.encrypted([secret])), headers={"Origin": UI})
        assert answer.json() == asked(secret)
        assert answer.headers["access-control-allow-origin"] == UI
        written = http.post("/encode", json=asked(secret))  # the CLI: no page, no origin
        assert "QS0xMDM" not in written.text
        assert http.post("/decode", json=written.json()).json() == asked(secret)
        before = http.options("/decode", headers={"Origin": UI, "Access-Control-Request-Method": "POST"})
        assert before.status_code == 204 and "X-Namespace" in before.headers["access-control-allow-headers"]


def test_a_page_of_elsewhere_gets_nothing(keys: Path) -> None:
    told = asked(*Encryption(KeyRing(keys)).encrypted([Payload(data=b"secret")]))
    with serving(keys) as http:
        for origin in ("http://evil.example", "null", "http://localhost:8233.evil.example"):
            answer = http.post("/decode", json=told, headers={"Origin": origin})
            assert answer.status_code == 403 and "access-control-allow-origin" not in answer.headers
            assert http.options("/decode", headers={"Origin": origin}).status_code == 403
    with serving(keys, REBALANCER_CODEC_ORIGINS="https://temporal.example") as http:
        assert http.post("/decode", json=told, headers={"Origin": UI}).status_code == 403
        assert http.post("/decode", json=told, headers={"Origin": "https://temporal.example"}).status_code == 200


def test_with_a_token_nobody_reads_without_it(keys: Path) -> None:
    told = asked(*Encryption(KeyRing(keys)).encrypted([Payload(data=b"secret")]))
    with serving(keys, REBALANCER_CODEC_TOKEN="t0ken") as http:
        assert http.post("/decode", json=told).status_code == 401
        assert http.post("/decode", json=told, headers={"Authorization": "Bearer other"}).status_code == 401
        assert http.post("/decode", json=told, headers={"Authorization": "Bearer t0ken"}).status_code == 200


def test_what_it_cant_read_is_said_in_a_line(keys: Path, tmp_path: Path) -> None:
    write(tmp_path / "others", (new_key("other"),))
    foreign = asked(*Encryption(KeyRing(tmp_path / "others")).encrypted([Payload(data=b"secret")]))
    with serving(keys) as http:
        answer = http.post("/decode", json=foreign)
        assert answer.status_code == 400 and "encrypted by the key other" in answer.json()["error"]
        assert http.post("/decode", content=b"\xff{").json() == {"error": 'not a JSON object of "payloads"'}
