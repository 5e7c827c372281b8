"""Passwords and tokens: what is kept tells nobody what they are."""

import time

import pytest

from identity import passwords, tokens

GOOD = "correct horse battery staple"


def test_a_password_is_kept_as_its_hash_alone() -> None:
    kept = passwords.hashed(GOOD)
    assert kept.startswith("$argon2id$") and GOOD not in kept
    assert kept != passwords.hashed(GOOD)
    assert passwords.matches(kept, GOOD) and not passwords.matches(kept, GOOD + " ")
    assert not passwords.is_old(kept)
    assert not passwords.matches("no hash", GOOD)


def test_who_is_unknown_is_told_so_no_sooner() -> None:
    kept = passwords.hashed(GOOD)
    passwords.matches(None, GOOD)

    def took(of: str | None) -> float:
        began = time.perf_counter()
        assert not passwords.matches(of, "another guess altogether")
        return time.perf_counter() - began

    assert min(took(None) for _ in range(3)) > 0.3 * min(took(kept) for _ in range(3))


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("short", "12 to 200 characters"),
        ("x" * 201, "12 to 200 characters"),
        ("abababababababab", "repeats"),
        ("I am Benedict!", "of the name"),
        (GOOD, None),
    ],
)
def test_which_passwords_are_taken(password: str, told: str | None) -> None:
    found = passwords.flaw(password, "Benedict")
    assert (found is None) if told is None else (found is not None and told in found)


def test_a_token_is_kept_as_its_hash_and_known_by_its_beginning() -> None:
    for kind, prefix in tokens.PREFIX.items():
        secret = tokens.fresh(kind)
        assert secret.startswith(prefix) and secret != tokens.fresh(kind) and len(secret) >= 47
        assert secret not in tokens.hashed(secret) and tokens.hashed(secret) == tokens.hashed(secret)
        assert secret.startswith(tokens.hint(secret)) and len(tokens.hint(secret)) == 8
