"""A Temporal cluster behind TLS: by certificates of an own authority, by mutual TLS, by API key."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from temporalio.client import Client

from devstack.temporal import TemporalServer
from storage.connection import Books
from tests.workflows.command import Command
from tests.workflows.desk import TestDesk, drifted
from tests.workflows.tls import HOST, Authority, Front, front
from workflows.connection import connect

CODES = {
    " ": "010100",
    "B": "1011101",
    "a": "00011",
    "c": "00100",
    "e": "00101",
    "r": "101100",
    "s": "01000",
    "t": "01001",
}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


def packed(words: str) -> bytes:
    """As HTTP/2 writes a header's value (RFC 7541, appendix B), without its last, shared byte."""
    bits = "".join(CODES[letter] for letter in words)
    return int(bits[: len(bits) // 8 * 8], 2).to_bytes(len(bits) // 8, "big")


async def connected(monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, str]) -> Client:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return await connect()


def trusting(authority: Authority, at: Front, **more: str) -> dict[str, str]:
    return {
        "TEMPORAL_ADDRESS": at.address,
        "TEMPORAL_TLS": "true",
        "TEMPORAL_TLS_SERVER_NAME": HOST,
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(authority.certificate),
        **more,
    }


async def test_a_worker_and_a_command_by_mutual_tls(
    temporal_server: TemporalServer, books: Books, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = authority.issue("desk")
    async with front(temporal_server.address, authority, clients=authority) as at:
        ours = {"TEMPORAL_TLS_CLIENT_CERT_PATH": str(certificate), "TEMPORAL_TLS_CLIENT_KEY_PATH": str(key)}
        settings = trusting(authority, at, **ours)
        desk = TestDesk(await connected(monkeypatch, settings), books)
        desk.load(drifted())
        async with desk.working():
            done = await desk.rebalance()
            command = Command(desk, temporal_server)
            command.environment |= settings
            told = await command("status", "--format", "json")
        assert done["status"] == "COMPLETE"
        checks = {each["check"]: each["ok"] for each in told.json["checks"]}
        assert checks["temporal"] and checks["workers"]
        assert at.handshakes >= 2 and len(at.said) > 10_000


@pytest.mark.parametrize("shown", ["nothing", "a certificate of elsewhere"])
async def test_who_shows_no_certificate_of_ours_stays_outside(
    temporal_server: TemporalServer,
    books: Books,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shown: str,
) -> None:
    (tmp_path / "elsewhere").mkdir()
    certificate, key = Authority(tmp_path / "elsewhere", "elsewhere").issue("desk")
    async with front(temporal_server.address, authority, clients=authority) as at:
        theirs = {"TEMPORAL_TLS_CLIENT_CERT_PATH": str(certificate), "TEMPORAL_TLS_CLIENT_KEY_PATH": str(key)}
        settings = trusting(authority, at, **({} if shown == "nothing" else theirs))
        with pytest.raises(RuntimeError):
            await connected(monkeypatch, settings)
        command = Command(TestDesk(await Client.connect(temporal_server.address), books), temporal_server)
        command.environment |= settings
        said = await command("evaluate")
        assert said.code == 1 and "Temporal does not answer at" in said.err and "Traceback" not in said.err
        assert len(at.said) == 0


async def test_a_server_of_another_authority_is_not_trusted(
    temporal_server: TemporalServer, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    async with front(temporal_server.address, Authority(tmp_path / "elsewhere", "elsewhere")) as at:
        with pytest.raises(RuntimeError):
            await connected(monkeypatch, trusting(authority, at))
        assert len(at.said) == 0


async def test_an_api_key_goes_with_every_call_and_only_over_tls(
    temporal_server: TemporalServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with front(temporal_server.address, authority) as at:
        settings = trusting(authority, at, TEMPORAL_API_KEY="secretsecretsecret")
        del settings["TEMPORAL_TLS"]  # a key alone asks for TLS
        client = await connected(monkeypatch, settings)
        assert await client.service_client.check_health()
        assert packed("Bearer secretsecretsecret") in at.said
        assert packed("Bearer terces") not in at.said
