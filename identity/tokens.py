"""Secrets that a person carries: of a session, of the API, of a set-up link. Only their hashes are kept.

They are 256 bits of chance, so that SHA-256 keeps them as well as a password's hash keeps a password.
"""

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Literal

Kind = Literal["session", "api", "setup"]
PREFIX: dict[Kind, str] = {"session": "rbs_", "api": "rbt_", "setup": "rbl_"}  # a leaked one is found by its prefix
IDLE, AT_MOST = timedelta(minutes=30), timedelta(hours=12)  # of a session: without use, and in all
SHOWN = 8  # characters of a token by which its owner knows it again


def fresh(kind: Kind) -> str:
    """A new secret. It is shown once."""
    return PREFIX[kind] + secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """What is kept of it, and by which it is found again."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """True where two secrets are one, whatever letters somebody sends; the time that it takes tells no more."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def hint(secret: str) -> str:
    """The beginning of a secret, for lists."""
    return secret[:SHOWN]
