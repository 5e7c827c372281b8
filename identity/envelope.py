"""Sealing a decision, and opening it: a JWS by Ed25519 (RFC 8037, RFC 9864).

Never asked in a workflow's thread: cryptography aborts the whole worker there, at the first signature that is wrong.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from identity.claims import Claims, NotAnEnvelope, read

ALGORITHM = "Ed25519"


@dataclass(frozen=True, slots=True)
class NotProven:
    """Why an envelope proves nothing. `claims` is what it says all the same: not to be believed."""

    reason: str
    claims: Claims | None = None


def seal(claims: Claims, key: OKPKey) -> str:
    """The claims, signed with the console's key. Raises ValueError where the key has no private part."""
    if not key.is_private:
        raise ValueError("an envelope is signed with a private key")
    payload = json.dumps(claims.payload, separators=(",", ":"), ensure_ascii=False)
    return jws.serialize_compact({"alg": ALGORITHM, "kid": key.thumbprint()}, payload, key, algorithms=[ALGORITHM])


def open_(envelope: str, keys: Mapping[str, OKPKey]) -> Claims | NotProven:
    """The claims, where a key that is known signed them. `keys` are public ones by their names (`kid`)."""
    try:
        claims = read(envelope)
    except NotAnEnvelope as flaw:
        return NotProven(f"its envelope can't be read: {flaw}")
    key = keys.get(claims.kid)
    if key is None:
        return NotProven(f"the key {claims.kid[:12]} that signed it is not one of this installation's", claims)
    try:
        jws.deserialize_compact(envelope, key, algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        return NotProven(f"its signature is not by the key {claims.kid[:12]}", claims)
    return claims
