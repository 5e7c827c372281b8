"""Envelopes: what was sealed opens, and nothing else does, each with its reason."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity import keys
from identity.claims import About, Claims, NotAnEnvelope, digest_of, flaw, input_digest, made, read
from identity.envelope import NotProven, open_, seal

NOW = datetime(2026, 7, 15, 15, 0, tzinfo=UTC)
PLAN = "ab" * 32
ABOUT = About("rebalance/A-1", "R-000001", 1, PLAN)
KEY, OTHER = keys.fresh(), keys.fresh()
KNOWN = {keys.name(KEY): keys.public(keys.public_text(KEY))}
BEN = made("local:ben", "Ben", "password", "approve", ABOUT, "approve-1", NOW)


def test_what_was_sealed_opens_with_its_keys_name() -> None:
    assert open_(seal(BEN, KEY), KNOWN) == replace(BEN, kid=keys.name(KEY))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"name": "Ann"}, "its signature is not by the key"),
        ({"about": {**BEN.payload["about"], "plan": "cd" * 32}}, "its signature is not by the key"),
        ({"act": "cancel"}, "its signature is not by the key"),
        ({"exp": BEN.exp + 3600}, "its signature is not by the key"),
        ({"surprise": 1}, "its claims are not those of a decision"),
        ({"how": "asserted"}, "it does not say how they signed in"),
        ({"iat": True}, "its times are not whole seconds"),
        ({"sub": ""}, "a claim of it is not a line of text"),
        ({"about": None}, 'it has no "about"'),
    ],
)
def test_a_payload_that_was_changed_is_refused(changed: dict[str, object], told: str) -> None:
    header, _, signature = seal(BEN, KEY).split(".")
    payload = base64.urlsafe_b64encode(json.dumps(BEN.payload | changed).encode()).rstrip(b"=").decode()
    refused = open_(f"{header}.{payload}.{signature}", KNOWN)
    assert isinstance(refused, NotProven) and told in refused.reason


def test_a_key_of_somebody_else_proves_nothing() -> None:
    refused = open_(seal(BEN, OTHER), KNOWN)
    assert isinstance(refused, NotProven) and "is not one of this installation's" in refused.reason
    assert refused.claims is not None and refused.claims.name == "Ben"
    forged = seal(BEN, OTHER).split(".")
    forged[0] = seal(BEN, KEY).split(".")[0]  # it names our key
    refused = open_(".".join(forged), KNOWN)
    assert isinstance(refused, NotProven) and "its signature is not by the key" in refused.reason


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256", "kid": "x"}, {"alg": "Ed25519", "kid": 1}, {}])
def test_another_algorithm_is_refused(header: dict[str, object]) -> None:
    _, payload, signature = seal(BEN, KEY).split(".")
    forged = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    refused = open_(f"{forged}.{payload}.{signature}", KNOWN)
    assert refused == NotProven("its envelope can't be read: its header does not name an Ed25519 key")


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda each: base64.b64encode(each).decode() + ".x.y"))
def test_whatever_is_given_is_refused_in_a_sentence(given: str) -> None:
    with pytest.raises(NotAnEnvelope):
        read(given)
    assert isinstance(open_(given, KNOWN), NotProven)


@pytest.mark.parametrize(
    ("act", "about", "later", "told"),
    [
        ("approve", ABOUT, timedelta(), None),
        ("approve", ABOUT, timedelta(seconds=119), None),
        ("approve", About("rebalance/A-1"), timedelta(), None),
        ("cancel", ABOUT, timedelta(), "it is signed for approve, not for cancel"),
        ("approve", replace(ABOUT, plan="cd" * 32), timedelta(), "it is signed for another plan"),
        ("approve", replace(ABOUT, round=2), timedelta(), "it is signed for another round: 1, not 2"),
        ("approve", replace(ABOUT, workflow_id="rebalance/A-2"), timedelta(), "it is signed for another workflow"),
        ("approve", ABOUT, timedelta(hours=1), "it was good until 2026-07-15 15:02:00 UTC"),
        ("approve", ABOUT, timedelta(minutes=-5), "it was signed later than now"),
    ],
)
def test_what_it_can_mean(act: str, about: About, later: timedelta, told: str | None) -> None:
    found = flaw(BEN, act, about, NOW + later)
    assert (found is None) if told is None else (found is not None and told in found)


def test_it_is_for_one_message() -> None:
    assert flaw(BEN, "approve", ABOUT, NOW, "approve-1") is None
    assert flaw(BEN, "approve", ABOUT, NOW, "approve-2") == "it is signed for another message"


def test_nobody_signs_for_a_day() -> None:
    long: Claims = replace(BEN, exp=BEN.iat + 86_400)
    assert flaw(long, "approve", ABOUT, NOW) == "it is good for longer than 120 seconds"


def test_an_inputs_digest_leaves_out_the_envelope_and_what_was_not_said() -> None:
    said = {"request_id": "Q-1", "amount": None, "account_ids": ["A-1"]}
    assert (
        input_digest(said)
        == input_digest({**said, "signed": "x"})
        == digest_of({"account_ids": ["A-1"], "request_id": "Q-1"})
    )
    assert input_digest(said) != input_digest(said | {"account_ids": ["A-2"]})
