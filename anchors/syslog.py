"""Syslog (RFC 5424): a message a seal, to a log server of others."""

import os
import socket
from dataclasses import dataclass

from anchors.port import AnchorFailed, Sealed

NOTICE = 13 * 8 + 5  # facility 13 (log audit), severity 5 (notice)
PATIENCE = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class SyslogAnchor:
    """A log server by TCP: a UDP message may be lost without a word, so there is none."""

    host: str
    port: int

    @property
    def name(self) -> str:
        """`syslog` and its address."""
        return f"syslog {self.host}:{self.port}"

    def keep(self, sealed: Sealed) -> str:
        """Sends the message, framed by its length (RFC 6587)."""
        here = socket.gethostname() or "-"
        told = f"rebalancer audit seal {sealed.seal} of {sealed.moment} hash {sealed.hash.hex()}"
        message = f"<{NOTICE}>1 {sealed.moment} {here} rebalancer {os.getpid()} seal - {told}".encode()
        try:
            with socket.create_connection((self.host, self.port), PATIENCE) as connection:
                connection.sendall(b"%d %s" % (len(message), message))
        except OSError as flaw:
            raise AnchorFailed(f"{self.host}:{self.port}: {flaw.strerror or flaw}") from flaw
        return f"{self.host}:{self.port}: seal {sealed.seal}"
