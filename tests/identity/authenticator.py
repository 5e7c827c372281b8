"""A passkey in software: what a browser and a device answer together, as bytes on the wire have it."""

import base64
import hashlib
import json
import secrets
from typing import Any

from cbor2 import dumps
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from identity.passkeys import Site

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(given: bytes) -> str:
    return base64.urlsafe_b64encode(given).rstrip(b"=").decode()


class Device:
    """One passkey of one site. `verifies` says whether it asks who holds it."""

    def __init__(self, site: Site, verifies: bool = True) -> None:
        self.site, self.flags, self.uses = site, PRESENT | (VERIFIED if verifies else 0), 0
        self.id = secrets.token_bytes(16)
        self.key = generate_private_key(SECP256R1())

    def register(self, options: Any) -> dict[str, Any]:
        at = self.key.public_key().public_numbers()
        cose = dumps({1: 2, 3: -7, -1: 1, -2: at.x.to_bytes(32, "big"), -3: at.y.to_bytes(32, "big")})
        held = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cose
        attested = dumps({"fmt": "none", "attStmt": {}, "authData": self._data(ATTESTED) + held})
        made = {"clientDataJSON": text(self._client("webauthn.create", options)), "attestationObject": text(attested)}
        return {"id": text(self.id), "rawId": text(self.id), "type": "public-key", "response": made}

    def answer(self, options: Any) -> dict[str, Any]:
        self.uses += 1
        client, data = self._client("webauthn.get", options), self._data()
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ECDSA(SHA256()))
        response = {
            "clientDataJSON": text(client),
            "authenticatorData": text(data),
            "signature": text(signature),
            "userHandle": None,
        }
        return {"id": text(self.id), "rawId": text(self.id), "type": "public-key", "response": response}

    def _client(self, kind: str, options: Any) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.site.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _data(self, more: int = 0) -> bytes:
        named = hashlib.sha256(self.site.rp_id.encode()).digest()
        return named + bytes([self.flags | more]) + self.uses.to_bytes(4, "big")
