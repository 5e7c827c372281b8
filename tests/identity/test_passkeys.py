"""Passkeys: registered, signed in with, and vouching for one decision and no other."""

from typing import Any

import pytest

from identity.claims import About, decision_digest
from identity.passkeys import NotVouched, Passkey, Site, answered, asking, evidence, registered, registration, vouches
from tests.identity.authenticator import Device

SITE = Site("localhost", "http://localhost:8234")
ASKED = b"thirty-two bytes of chance, once"
DECISION = decision_digest("local:ben", "approve", About("rebalance/A-1", "R-000001", 1, "ab" * 32))


def kept(device: Device) -> Passkey:
    options = registration(SITE, "local:ben", "Ben", ASKED)
    return registered(SITE, ASKED, device.register(options))


def vouched(device: Device, digest: str = DECISION) -> dict[str, str]:
    return evidence(device.answer(asking(SITE, bytes.fromhex(digest))))


def test_a_registered_passkey_signs_in() -> None:
    device = Device(SITE)
    passkey = kept(device)
    options = asking(SITE, ASKED, [passkey.id])
    assert options["userVerification"] == "required" and options["allowCredentials"][0]["id"] == passkey.id
    assert answered(passkey, ASKED, device.answer(options)) == 1


@pytest.mark.parametrize(
    ("device", "told"),
    [
        (Device(Site("localhost", "http://evil.example")), "origin"),
        (Device(Site("evil.example", SITE.origin)), "RP ID"),
    ],
)
def test_another_site_registers_nothing(device: Device, told: str) -> None:
    with pytest.raises(NotVouched, match=told):
        kept(device)


def test_a_device_that_does_not_ask_who_holds_it_is_refused() -> None:
    with pytest.raises(NotVouched, match="not registered"):
        kept(Device(SITE, verifies=False))


def test_an_answer_is_good_for_one_challenge_and_one_device() -> None:
    device, other = Device(SITE), Device(SITE)
    passkey = kept(device)
    with pytest.raises(NotVouched, match="challenge"):
        answered(passkey, b"another challenge of thirty-two.", device.answer(asking(SITE, ASKED)))
    with pytest.raises(NotVouched):
        answered(passkey, ASKED, other.answer(asking(SITE, ASKED)))


def test_a_copied_device_is_noticed() -> None:
    device = Device(SITE)
    passkey = kept(device)
    with pytest.raises(NotVouched, match="sign count"):
        answered(Passkey(passkey.id, passkey.public_key, 5, SITE), ASKED, device.answer(asking(SITE, ASKED)))


def test_it_vouches_for_this_decision_for_ever() -> None:
    device = Device(SITE)
    passkey = kept(device)
    given = vouched(device)
    for _ in range(2):
        vouches(passkey, DECISION, given)
    another = decision_digest("local:ben", "approve", About("rebalance/A-1", "R-000001", 2, "ab" * 32))
    with pytest.raises(NotVouched, match="challenge"):
        vouches(passkey, another, given)
    for broken in ({}, given | {"signature": "AAAA"}, given | {"more": "x"}, given | {"client_data": "!"}):
        with pytest.raises(NotVouched):
            vouches(passkey, DECISION, broken)


@pytest.mark.parametrize("answer", [{}, {"response": 1}, {"id": "x", "response": {}}, {"response": {"signature": 1}}])
def test_what_a_browser_makes_up_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(NotVouched):
        evidence(answer)
    with pytest.raises(NotVouched):
        registered(SITE, ASKED, answer)
    with pytest.raises(NotVouched):
        answered(kept(Device(SITE)), ASKED, answer)
