"""Anchors keep a seal's hash elsewhere, each shown with the thing itself: a file, a log server, openssl's authority."""

import base64
import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from anchors.file import FileAnchor
from anchors.keeping import differing, keep_seals
from anchors.port import AnchorFailed, Sealed
from anchors.settings import UnknownAnchor, configured
from anchors.syslog import SyslogAnchor
from anchors.timestamp import TimestampAnchor, status
from storage.actor import Actor
from storage.connection import Books

SEALED = Sealed(7, datetime(2026, 11, 20, 21, tzinfo=UTC), "ann", bytes(range(32)))


# --- a file


def test_a_file_has_a_line_a_seal_each_once(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "volume" / "seals.jsonl")
    for _ in range(2):
        anchor.keep(SEALED)
    line = '{"seal": 7, "at": "2026-11-20T21:00:00.000000Z", "by": "ann", "hash": "' + SEALED.hash.hex() + '"}\n'
    assert anchor.path.read_text() == line
    anchor.path.write_text(line[:30] + "\n" + line)  # torn by a crash
    assert anchor.kept() == [(7, SEALED.hash.hex())]


def test_a_file_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AnchorFailed, match=r"file/seals\.jsonl: "):
        FileAnchor(tmp_path / "file" / "seals.jsonl").keep(SEALED)


# --- syslog


def test_a_log_server_gets_a_message_of_rfc_5424() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        got: list[bytes] = []

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                while part := connection.recv(4096):
                    got.append(part)

        listening = threading.Thread(target=answer)
        listening.start()
        SyslogAnchor("127.0.0.1", server.getsockname()[1]).keep(SEALED)
        listening.join(10)
    size, _, message = b"".join(got).partition(b" ")
    assert int(size) == len(message)
    assert message.startswith(b"<109>1 2026-11-20T21:00:00.000000Z ")
    assert message.endswith(f"seal - rebalancer audit seal 7 of {SEALED.moment} hash {SEALED.hash.hex()}".encode())


def test_a_log_server_that_is_away_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(AnchorFailed, match=f"127.0.0.1:{port}: "):
        SyslogAnchor("127.0.0.1", port).keep(SEALED)


# --- a time stamp authority


@dataclass(frozen=True)
class Authority:
    """openssl behind HTTP."""

    folder: Path
    url: str

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)


CONFIGURATION = """
[tsa]
default_tsa = own
[own]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[stamping]
extendedKeyUsage = critical,timeStamping
keyUsage = critical,digitalSignature
[req]
distinguished_name = name
[name]
"""


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    folder = tmp_path / "authority"
    folder.mkdir()
    (folder / "tsa.cnf").write_text(CONFIGURATION)
    (folder / "serial").write_text("01")

    class Stamps(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (folder / "ask.tsq").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            made.run("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "ask.tsq", "-signer", "tsa.pem",
                     "-inkey", "tsa.key", "-out", "answer.tsr")  # fmt: skip
            self.send_response(200)
            self.end_headers()
            self.wfile.write((folder / "answer.tsr").read_bytes())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Stamps) as server:
        made = Authority(folder, f"http://127.0.0.1:{server.server_port}/tsr")
        own = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.pem", "-days", "30"]
        done = made.run(*own, "-subj", "/CN=authority", "-config", "tsa.cnf", "-extensions", "stamping")
        assert done.returncode == 0, done.stderr
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


def test_a_time_stamp_is_verified_by_openssl(authority: Authority) -> None:
    receipt = TimestampAnchor(authority.url).keep(SEALED)
    (authority.folder / "seal.tsr").write_bytes(base64.b64decode(receipt))
    verify = ("ts", "-verify", "-in", "seal.tsr", "-CAfile", "tsa.pem", "-digest")
    assert "Verification: OK" in authority.run(*verify, SEALED.hash.hex()).stdout
    assert "Verification: OK" not in authority.run(*verify, "00" * 32).stdout


def test_an_answer_that_is_no_time_stamp_of_the_hash_is_refused(authority: Authority) -> None:
    (authority.folder / "tsa.cnf").write_text(CONFIGURATION.replace("digests = sha256", "digests = sha512"))
    with pytest.raises(AnchorFailed, match="no time stamp of this hash was granted"):
        TimestampAnchor(authority.url).keep(SEALED)
    for broken in (b"", b"0", b"\x30\x82", b"<html>", b"\x30\x03\x30\x01\x02"):
        assert status(broken) is None


# --- which


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("none", []),
        ("file:/a/s.jsonl syslog:logs:601", ["file /a/s.jsonl", "syslog logs:601"]),
        ("rfc3161:https://tsa.example/tsr", ["rfc3161 https://tsa.example/tsr"]),
    ],
)
def test_the_setting_names_them(setting: str, names: list[str]) -> None:
    assert [each.name for each in configured({"REBALANCER_SEAL_ANCHORS": setting})] == names


def test_without_it_there_is_a_file_in_the_stacks_folder(tmp_path: Path) -> None:
    assert [each.name for each in configured({"REBALANCER_HOME": str(tmp_path)})] == [f"file {tmp_path}/seals.jsonl"]


@pytest.mark.parametrize("word", ["file:", "syslog:logs", "rfc3161:file:///etc/passwd", "paper:1", "none file:/a"])
def test_a_word_that_is_no_anchor_is_refused(word: str) -> None:
    with pytest.raises(UnknownAnchor, match="REBALANCER_SEAL_ANCHORS has "):
        configured({"REBALANCER_SEAL_ANCHORS": word})


# --- every seal, once, and again where it failed


def sealed(books: Books) -> None:
    with books.transaction(Actor("ann")) as work:
        work.audit.record("queued", account_id="A")
    with books.transaction(Actor("ann")) as work:
        assert work.seals.seal() is not None


def test_what_failed_comes_with_the_next_seal_and_one_made_anew_is_found(books: Books, tmp_path: Path) -> None:
    path = tmp_path / "volume" / "seals.jsonl"
    path.parent.write_text("in the way")
    sealed(books)
    assert len(keep_seals(books, [FileAnchor(path)])) == 1
    with books.transaction() as read:
        assert read.seals.last_anchored() is None
    path.parent.unlink()
    sealed(books)
    assert keep_seals(books, [FileAnchor(path)]) == []
    assert keep_seals(books, [FileAnchor(path)]) == []
    with books.transaction() as read:
        anchored, seals = read.seals.last_anchored(), [(each.id, each.hash.hex()) for each in read.seals.all()]
    assert anchored is not None and (anchored.seal, anchored.anchor) == (2, f"file {path}")
    assert FileAnchor(path).kept() == seals
    assert differing(books, [FileAnchor(path)]) == []
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{json.dumps(json.loads(second) | {'hash': '00' * 32})}\n")
    assert differing(books, [FileAnchor(path)]) == [(2, f"file {path}")]
