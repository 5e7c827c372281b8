"""An RFC 3161 time stamp: somebody whom others trust signs the seal's hash with the time.

The token comes back as the receipt, in base64; `openssl ts -verify` checks it against the authority's certificate
(docs/auditors-guide.md). Here it is only seen that it was granted, and that it is of this hash.
"""

import base64
import http.client
import secrets
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import Request, urlopen

from anchors.port import AnchorFailed, Sealed

SHA_256 = bytes.fromhex("0609608648016503040201")  # its object identifier, in DER
PATIENCE = 10.0  # seconds
LARGEST = 1_000_000  # bytes of an answer
INTEGER, OCTETS, BOOLEAN, SEQUENCE = 0x02, 0x04, 0x01, 0x30
GRANTED = (0, 1)  # granted, granted with modifications


@dataclass(frozen=True, slots=True)
class TimestampAnchor:
    """A time stamp authority by its URL."""

    url: str

    @property
    def name(self) -> str:
        """`rfc3161` and the authority's URL."""
        return f"rfc3161 {self.url}"

    def keep(self, sealed: Sealed) -> str:
        """Asks for a time stamp of the hash; the answer in base64 is the receipt."""
        ask = Request(
            self.url,
            data=query(sealed.hash, secrets.randbits(63)),
            headers={"Content-Type": "application/timestamp-query"},
        )
        try:
            with urlopen(ask, timeout=PATIENCE) as answer:
                told = answer.read(LARGEST)
        except (URLError, OSError, http.client.HTTPException) as flaw:
            raise AnchorFailed(f"{self.url}: {getattr(flaw, 'reason', None) or flaw}") from flaw
        if status(told) not in GRANTED or sealed.hash not in told:
            raise AnchorFailed(f"{self.url}: no time stamp of this hash was granted")
        return base64.b64encode(told).decode()


def query(digest: bytes, nonce: int) -> bytes:
    """A TimeStampReq of a SHA-256: version 1, with a nonce, the authority's certificate asked for."""
    algorithm = _der(SEQUENCE, SHA_256 + b"\x05\x00")
    imprint = _der(SEQUENCE, algorithm + _der(OCTETS, digest))
    number = _der(INTEGER, nonce.to_bytes(nonce.bit_length() // 8 + 1, "big"))
    return _der(SEQUENCE, _der(INTEGER, b"\x01") + imprint + number + _der(BOOLEAN, b"\xff"))


def status(answer: bytes) -> int | None:
    """The status of a TimeStampResp; None where it is none."""
    try:
        _, response = _open(answer, SEQUENCE)
        _, info = _open(response, SEQUENCE)
        _, number = _open(info, INTEGER)
    except (IndexError, ValueError):
        return None
    return int.from_bytes(number, "big")


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _open(encoded: bytes, tag: int) -> tuple[int, bytes]:
    """The first element's tag and content. Raises ValueError or IndexError where there is none of that tag."""
    if encoded[0] != tag:
        raise ValueError(f"tag {encoded[0]} where {tag} should be")
    size, begins = encoded[1], 2
    if size & 0x80:
        begins = 2 + (size & 0x7F)
        size = int.from_bytes(encoded[2:begins], "big")
    if len(encoded) < begins + size:
        raise ValueError("cut short")
    return tag, encoded[begins : begins + size]
