"""Where events may be sent: to addresses of the internet by https, and to networks that a setting names.

Whoever may add an address must not reach through us what is near us: this host, its neighbours, a cloud's metadata.
What counts is where a name leads at the moment of sending, so it is looked up then, and called by what was found.
"""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

NETWORKS = "REBALANCER_WEBHOOK_NETWORKS"
LONGEST = 2000
PORTS = {"https": 443, "http": 80}
# Addresses of IPv6 in which one of IPv4 is hidden: who is behind them is not known by them.
CARRYING = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"), ip_network("2002::/16"), ip_network("2001::/32"))


class NotAllowed(ValueError):
    """Nothing is sent there; says why, without more of the address than its host."""


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where events may go beside the internet."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def check(self, url: str) -> SplitResult:
        """The parts of an address. Raises NotAllowed where nothing may be sent there, wherever its name leads."""
        parts = _read(url)
        host = parts.hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            host = "127.0.0.1"
        try:
            self._allow(ip_address(host), parts)
        except ValueError as flaw:
            if isinstance(flaw, NotAllowed):
                raise
            if parts.scheme == "http" and not self.networks:  # a name; where it leads is seen when something is sent
                raise NotAllowed(f"{parts.hostname}: events are sent by https") from flaw
        return parts

    async def find(self, url: str) -> tuple[SplitResult, str]:
        """The parts of an address, and which address to call. Raises NotAllowed, OSError where a name leads nowhere."""
        parts = self.check(url)
        port = parts.port or PORTS[parts.scheme]
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
        for each in addresses:
            self._allow(each, parts)
        return parts, str(addresses[0])

    def _allow(self, address: IPv4Address | IPv6Address, parts: SplitResult) -> None:
        """Raises NotAllowed for an address that is near us, or reached without TLS, and is not in a network of ours."""
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if any(address in each for each in self.networks if each.version == address.version):
            return
        hidden = address.version == 6 and any(address in each for each in CARRYING)
        if hidden or not address.is_global or address.is_multicast:
            raise NotAllowed(f"{parts.hostname} is at {address}, which is in no network of {NETWORKS}")
        if parts.scheme != "https":
            raise NotAllowed(f"{parts.hostname}: events are sent by https")


def _read(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as flaw:
        raise NotAllowed("it is no address: write it like https://hooks.example.com/rebalancer") from flaw
    written = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST
    if parts.scheme not in PORTS or not parts.hostname or port == 0 or not written:
        raise NotAllowed("it is no address: write it like https://hooks.example.com/rebalancer")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise NotAllowed("an address has no name, password or fragment in it: the signature says who sends")
    return parts


def from_environment(environment: Mapping[str, str]) -> Destinations:
    """REBALANCER_WEBHOOK_NETWORKS: networks with commas between, like 10.20.0.0/16. Raises ValueError in a line."""
    given = [each.strip() for each in environment.get(NETWORKS, "").split(",") if each.strip()]
    try:
        return Destinations(tuple(ip_network(each) for each in given))
    except ValueError as flaw:
        raise ValueError(f"{NETWORKS}: {flaw}; write networks like 10.20.0.0/16, with commas between") from flaw
