"""Passkeys (WebAuthn): registering one, signing in with one, and vouching for a decision with one.

A decision's challenge is its digest (`claims.decision_digest`): what the device signs is the decision itself, so the
record alone proves it later.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import webauthn
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

VERIFIED = UserVerificationRequirement.REQUIRED  # the device asks who holds it: a fingerprint, a face, a PIN
EVIDENCE = ("id", "client_data", "authenticator_data", "signature")


class NotVouched(Exception):
    """What a device answered proves nothing; says why."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where people sign in: `rp_id` is its name, like `rebalancer.example.com`; `origin` how a browser reaches it."""

    rp_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Passkey:
    """A device's public key. `id` is base64url, `uses` what the device counts (0 where it does not)."""

    id: str
    public_key: bytes
    uses: int
    site: Site


def registration(site: Site, subject: str, name: str, challenge: bytes, known: Iterable[str] = ()) -> Mapping[str, Any]:
    """What a browser is asked for a new passkey (`PublicKeyCredentialCreationOptions` as JSON)."""
    options = webauthn.generate_registration_options(
        rp_id=site.rp_id,
        rp_name="Rebalancer",
        user_name=name,
        user_id=subject.encode()[-64:],
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=VERIFIED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=_bytes(each)) for each in known],
    )
    return _json(webauthn.options_to_json(options))


def registered(site: Site, challenge: bytes, answer: Mapping[str, Any]) -> Passkey:
    """The passkey that a browser made. Raises NotVouched."""
    try:
        found = webauthn.verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as flaw:
        raise NotVouched(f"the passkey was not registered: {_first_line(flaw)}") from flaw
    return Passkey(_text(found.credential_id), found.credential_public_key, found.sign_count, site)


def asking(site: Site, challenge: bytes, known: Iterable[str] = ()) -> Mapping[str, Any]:
    """What a browser is asked to sign in, or to vouch for a decision; `known` are the passkeys that may."""
    options = webauthn.generate_authentication_options(
        rp_id=site.rp_id,
        challenge=challenge,
        allow_credentials=[PublicKeyCredentialDescriptor(id=_bytes(each)) for each in known],
        user_verification=VERIFIED,
    )
    return _json(webauthn.options_to_json(options))


def answered(passkey: Passkey, challenge: bytes, answer: Mapping[str, Any]) -> int:
    """How often the device says that it was used, where it vouched for the challenge. Raises NotVouched."""
    try:
        found = webauthn.verify_authentication_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=passkey.site.rp_id,
            expected_origin=passkey.site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.uses,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as flaw:
        raise NotVouched(f"the passkey does not vouch for it: {_first_line(flaw)}") from flaw
    if _text(found.credential_id) != passkey.id:
        raise NotVouched("another passkey answered")
    return found.new_sign_count


def evidence(answer: Mapping[str, Any]) -> dict[str, str]:
    """Of a browser's answer what proves the decision, small enough for an envelope. Raises NotVouched."""
    response = answer.get("response")
    if not isinstance(response, Mapping):
        raise NotVouched("the browser's answer has no response")
    found = {
        "id": answer.get("id"),
        "client_data": response.get("clientDataJSON"),
        "authenticator_data": response.get("authenticatorData"),
        "signature": response.get("signature"),
    }
    if not all(isinstance(each, str) and each for each in found.values()):
        raise NotVouched("the browser's answer is not whole")
    return {name: str(each) for name, each in found.items()}


def vouches(passkey: Passkey, digest: str, given: Mapping[str, str]) -> None:
    """Returns where kept evidence proves the decision of this digest (hexadecimal). Raises NotVouched.

    How often the device was used is not compared: the evidence is as true tomorrow as it was when it was made.
    """
    if set(given) != set(EVIDENCE):
        raise NotVouched("the passkey's evidence is not whole")
    answer = {
        "id": given["id"],
        "rawId": given["id"],
        "type": "public-key",
        "response": {
            "clientDataJSON": given["client_data"],
            "authenticatorData": given["authenticator_data"],
            "signature": given["signature"],
        },
    }
    answered(Passkey(passkey.id, passkey.public_key, 0, passkey.site), bytes.fromhex(digest), answer)


def _json(text: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(text)
    return found


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(given: bytes) -> str:
    return base64.urlsafe_b64encode(given).rstrip(b"=").decode()


def _first_line(flaw: Exception) -> str:
    return (str(flaw).splitlines() or [type(flaw).__name__])[0][:200]
