"""The codec: AES-256-GCM, a nonce of its own for each payload, the key's id beside it."""

import os
from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from payloads.errors import CannotDecode
from payloads.keys import KeyRing

KEYS = "REBALANCER_PAYLOAD_KEYS"  # names the file of keys
ENCODING, KEY_ID, CIPHER = "encoding", "encryption-key-id", "encryption-cipher"
ENCRYPTED = b"binary/encrypted"
AES = b"AES-256-GCM"
NONCE = 12


class Encryption(PayloadCodec):
    """Encrypts with the ring's first key, decrypts with any; leaves what is not encrypted as it is."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypted payloads, as many as given."""
        return self.encrypted(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """The payloads as they were made. Raises CannotDecode."""
        return self.decrypted(payloads)

    def encrypted(self, payloads: Iterable[Payload]) -> list[Payload]:
        """As `encode`; what is encrypted already (a client's codec server did) stays so."""
        key = self.ring.encrypting()
        cipher = AESGCM(key.secret)
        told = []
        for payload in payloads:
            if is_encrypted(payload):
                told.append(payload)
                continue
            nonce = os.urandom(NONCE)
            sealed = cipher.encrypt(nonce, payload.SerializeToString(), key.id.encode())
            metadata = {ENCODING: ENCRYPTED, CIPHER: AES, KEY_ID: key.id.encode()}
            told.append(Payload(metadata=metadata, data=nonce + sealed))
        return told

    def decrypted(self, payloads: Iterable[Payload]) -> list[Payload]:
        """As `decode`."""
        return [self._open(payload) if is_encrypted(payload) else payload for payload in payloads]

    def _open(self, payload: Payload) -> Payload:
        key_id = key_of(payload)
        key = self.ring.decrypting(key_id)
        nonce, sealed = payload.data[:NONCE], payload.data[NONCE:]
        try:
            return Payload.FromString(AESGCM(key.secret).decrypt(nonce, sealed, key.id.encode()))
        except (InvalidTag, ValueError, DecodeError) as flaw:
            raise CannotDecode(
                f"a payload is not what the key {key_id} of {self.ring.path} encrypted: it was changed, or the file "
                "holds another key under that id"
            ) from flaw


def key_of(payload: Payload) -> str:
    """The id of the key that encrypted it."""
    return payload.metadata.get(KEY_ID, b"").decode(errors="replace")


def without_keys(payload: Payload) -> CannotDecode:
    """What is said of an encrypted payload where no keys are set."""
    return CannotDecode(
        f"payloads are encrypted here (by the key {key_of(payload)}): set {KEYS} to the file that holds it"
    )


def is_encrypted(payload: Payload) -> bool:
    """Whether a codec of this kind made it."""
    return payload.metadata.get(ENCODING) == ENCRYPTED
