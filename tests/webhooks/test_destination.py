"""Where events may be sent, by address and by what a name leads to."""

import socket
from typing import Any

import pytest

from webhooks.destination import Destinations, NotAllowed, from_environment

NEAR = (
    "127.0.0.1", "127.9.9.9", "[::1]", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "[fe80::1]",
    "[fd00::1]", "0.0.0.0", "[::]", "100.64.0.1", "224.0.0.1", "[ff02::1]", "255.255.255.255", "[::ffff:127.0.0.1]",
    "[::ffff:169.254.169.254]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "localhost", "anything.localhost",
)  # fmt: skip


@pytest.mark.parametrize("host", NEAR)
def test_nothing_is_sent_near_us(host: str) -> None:
    with pytest.raises(NotAllowed, match="in no network of REBALANCER_WEBHOOK_NETWORKS"):
        Destinations().check(f"https://{host}/secret-path")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://hooks.example.com/", "sent by https"),
        ("http://8.8.8.8/", "sent by https"),
        ("ftp://hooks.example.com/", "no address"),
        ("https:///nowhere", "no address"),
        ("https://hooks.example.com:0/", "no address"),
        ("https://hooks.example.com:99999/", "no address"),
        ("https://[::1/", "no address"),
        ("https://hooks.example.com/a b", "no address"),
        ("https://hooks.example.com/\r\nX: y", "no address"),
        ("https://" + "x" * 2000 + ".example/", "no address"),
        ("https://ann:secret@hooks.example.com/", "no name, password"),
        ("https://hooks.example.com/#part", "no name, password or fragment"),
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(url: str, told: str) -> None:
    with pytest.raises(NotAllowed, match=told) as refused:
        Destinations().check(url)
    assert "secret" not in str(refused.value)


def test_a_setting_opens_networks() -> None:
    allowed = from_environment({"REBALANCER_WEBHOOK_NETWORKS": "10.20.0.0/16, 127.0.0.0/8"})
    for url in ("http://10.20.1.1:8080/x", "http://127.0.0.1:1/", "http://localhost/", "https://[::ffff:10.20.0.1]/"):
        allowed.check(url)
    with pytest.raises(NotAllowed):
        allowed.check("http://10.21.0.1/")
    with pytest.raises(ValueError, match="REBALANCER_WEBHOOK_NETWORKS: 'ten'"):
        from_environment({"REBALANCER_WEBHOOK_NETWORKS": "ten"})


@pytest.mark.parametrize(
    ("leads_to", "reason"),
    [
        (["127.0.0.1"], "at 127.0.0.1"),
        (["8.8.8.8", "169.254.169.254"], "at 169.254.169.254"),
        (["fe80::1%eth0"], "at fe80::1"),
    ],
)
async def test_a_name_is_judged_by_where_it_leads(
    monkeypatch: pytest.MonkeyPatch, leads_to: list[str], reason: str
) -> None:
    def found(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in leads_to]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    with pytest.raises(NotAllowed, match=reason):
        await Destinations().find("https://hooks.example.com/")


async def test_what_is_called_is_the_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: given)
    parts, address = await Destinations().find("https://hooks.example.com/x")
    assert (parts.hostname, address) == ("hooks.example.com", "93.184.216.34")
