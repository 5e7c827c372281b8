"""Passwords of local accounts, kept as Argon2id hashes. One is made or verified at a time: each needs 64 MiB."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 200  # characters
COMMONEST = 4  # different characters that are too few

_hasher = PasswordHasher()  # RFC 9106's second choice: 64 MiB, 3 passes, 4 lanes
_one_at_a_time = threading.Lock()
_nobody: list[str] = []


def flaw(password: str, name: str) -> str | None:
    """Why it is no password for somebody; None where it is one. Length and what is easily guessed, no riddles."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"a password has {SHORTEST} to {LONGEST} characters"
    if len(set(password)) <= COMMONEST:
        return "this password repeats a few characters: take words that others don't know together"
    if name.strip() and name.strip().casefold() in password.casefold():
        return "a password has nothing of the name in it"
    return None


def hashed(password: str) -> str:
    """What is kept of a password."""
    with _one_at_a_time:
        return _hasher.hash(password)


def matches(kept: str | None, password: str) -> bool:
    """True where it is the password. Where there is none (None), it takes as long to say no."""
    with _one_at_a_time:
        if not _nobody:
            _nobody.append(_hasher.hash("nobody has this password"))
        try:
            return _hasher.verify(kept or _nobody[0], password[: LONGEST + 1]) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


def is_old(kept: str) -> bool:
    """True where it was hashed with less than is asked for today: hash it again while the password is at hand."""
    return _hasher.check_needs_rehash(kept)
