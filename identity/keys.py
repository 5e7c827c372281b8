"""The console's signing keys: the private one in a file that only its owner reads, the public ones for everybody."""

import json
import os
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

SIGNING_KEY = "REBALANCER_SIGNING_KEY"  # names the file of the private key


class NoKey(Exception):
    """There is no private key to sign with, or it can't be used; says why and what to do."""


def fresh() -> OKPKey:
    """A new pair of keys."""
    return OKPKey.generate_key("Ed25519", private=True)


def name(key: OKPKey) -> str:
    """The key's name (`kid`): the thumbprint of its public part (RFC 7638)."""
    return key.thumbprint()


def public_text(key: OKPKey) -> str:
    """The public part alone, as JSON."""
    return json.dumps(key.as_dict(private=False), sort_keys=True)


def public(text: str) -> OKPKey:
    """A public key from its JSON. Raises ValueError where it is none, or has a private part."""
    try:
        key = OKPKey.import_key(json.loads(text))
    except (JoseError, ValueError, TypeError) as flaw:
        raise ValueError("not an Ed25519 public key") from flaw
    if key.is_private or key.as_dict().get("crv") != "Ed25519":
        raise ValueError("not an Ed25519 public key")
    return key


def write(key: OKPKey, path: Path) -> None:
    """Puts the private key into a file of mode 0600, in the place of the one before, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(key.as_dict(private=True), file)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def read(path: Path) -> OKPKey:
    """The private key of a file. Raises NoKey, which never repeats what is in it."""
    try:
        mode = path.stat().st_mode
        given = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NoKey(f"there is no signing key at {path}: rebalancer keys rotate makes one") from None
    except (OSError, ValueError):
        raise NoKey(f"the signing key at {path} can't be read") from None
    if mode & 0o077:
        raise NoKey(f"the signing key at {path} can be read by others: chmod 600 {path}")
    try:
        key = OKPKey.import_key(given)
    except (JoseError, ValueError, TypeError):
        raise NoKey(f"the signing key at {path} is not a key: rebalancer keys rotate makes one") from None
    if not key.is_private:
        raise NoKey(f"the signing key at {path} has no private part")
    return key
