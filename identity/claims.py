"""What an envelope claims, and whether it can mean this decision now. No cryptography: workflows' validators ask this.

An envelope is a JWS in its compact form. Who reads its claims here knows what it says, and not yet whether it is true:
`envelope.open` verifies the signature, in activities, the console and commands.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

GOOD_FOR = timedelta(minutes=2)
SKEW = timedelta(seconds=30)  # by which two machines' clocks may differ
LONGEST = 8_000  # characters of an envelope; a passkey's evidence is some 1,500 of them
METHODS = ("password", "passkey", "oidc", "token")


class NotAnEnvelope(ValueError):
    """What was given has not the shape of an envelope; says in what."""


@dataclass(frozen=True, slots=True)
class About:
    """What is decided about. `plan` is its SHA-256: of a plan, of the list of plans that was shown, of an input."""

    workflow_id: str
    rebalance_id: str | None = None
    round: int | None = None
    plan: str | None = None

    @property
    def digest(self) -> str:
        """The SHA-256 of it."""
        return digest_of(asdict(self))


@dataclass(frozen=True, slots=True)
class Claims:
    """Who (`sub`, `name`, `how` they signed in) did what (`act`) about what. `jti` is the update's id: once, not twice.

    `iat` and `exp` are seconds since 1970. `kid` names the key, where an envelope was read. `passkey` is what an
    approver's own device says of the decision, where the policy asks for it.
    """

    sub: str
    name: str
    how: str
    act: str
    about: About
    jti: str
    iat: int
    exp: int
    kid: str = ""
    passkey: Mapping[str, str] | None = None

    @property
    def payload(self) -> dict[str, Any]:
        """As they are signed: without the key's name, which stands in the header."""
        given = asdict(self)
        del given["kid"]
        if self.passkey is None:
            del given["passkey"]
        return given

    @property
    def told(self) -> dict[str, Any]:
        """As the audit record keeps them: who, how, by which key, and what they said it is about."""
        return {
            "subject": self.sub,
            "name": self.name,
            "how": self.how,
            "key": self.kid,
            "act": self.act,
            "about": asdict(self.about),
            "id": self.jti,
        }


def made(sub: str, name: str, how: str, act: str, about: About, jti: str, now: datetime) -> Claims:
    """Claims that are good for two minutes from now."""
    return Claims(sub, name, how, act, about, jti, int(now.timestamp()), int((now + GOOD_FOR).timestamp()))


def digest_of(given: Any) -> str:
    """The SHA-256 of JSON, its keys sorted and nothing between them: of an input, or of a decision."""
    text = json.dumps(given, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def decision_digest(sub: str, act: str, about: About) -> str:
    """The digest of a decision: who does what about what. A passkey's challenge, so that the device vouches for it."""
    return digest_of({"sub": sub, "act": act, "about": asdict(about)})


def input_digest(given: Mapping[str, Any]) -> str:
    """The digest of what starts a request: all that it says but the envelope, and what a run hands to the next."""
    return digest_of(
        {name: each for name, each in given.items() if name not in {"signed", "progress"} and each is not None}
    )


def read(envelope: str) -> Claims:
    """What an envelope claims, unverified. Raises NotAnEnvelope."""
    if len(envelope) > LONGEST:
        raise NotAnEnvelope(f"it has more than {LONGEST} characters")
    parts = envelope.split(".")
    if len(parts) != 3:
        raise NotAnEnvelope("it is not a JWS in its compact form")
    header, payload = _json(parts[0], "its header"), _json(parts[1], "its payload")
    if set(header) != {"alg", "kid"} or header["alg"] != "Ed25519" or not isinstance(header["kid"], str):
        raise NotAnEnvelope("its header does not name an Ed25519 key")
    return _claims(payload, header["kid"])


def _json(part: str, named: str) -> dict[str, Any]:
    try:
        given = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as flaw:
        raise NotAnEnvelope(f"{named} can't be read") from flaw
    if not isinstance(given, dict):
        raise NotAnEnvelope(f"{named} is not an object")
    return given


def _claims(given: dict[str, Any], kid: str) -> Claims:
    about = given.pop("about", None)
    if not isinstance(about, dict):
        raise NotAnEnvelope('it has no "about"')
    try:
        claims = Claims(about=About(**about), kid=kid, **given)
    except TypeError as flaw:
        raise NotAnEnvelope("its claims are not those of a decision") from flaw
    texts = (claims.sub, claims.name, claims.how, claims.act, claims.jti, claims.about.workflow_id)
    if not all(isinstance(each, str) and 0 < len(each) <= 500 and each.isprintable() for each in texts):
        raise NotAnEnvelope("a claim of it is not a line of text")
    if not (type(claims.iat) is int and type(claims.exp) is int):
        raise NotAnEnvelope("its times are not whole seconds")
    if claims.how not in METHODS:
        raise NotAnEnvelope(f"it does not say how they signed in: {', '.join(METHODS)}")
    _of_about(claims.about)
    if claims.passkey is not None and not _is_evidence(claims.passkey):
        raise NotAnEnvelope("its passkey's evidence is not an object of texts")
    return claims


def _of_about(about: About) -> None:
    if not all(each is None or isinstance(each, str) for each in (about.rebalance_id, about.plan)):
        raise NotAnEnvelope('what it is "about" is not named by texts')
    if about.round is not None and type(about.round) is not int:
        raise NotAnEnvelope('the "round" it is about is not a number')


def _is_evidence(given: Any) -> bool:
    return isinstance(given, dict) and all(isinstance(each, str) for each in given.values())


def flaw(claims: Claims, act: str, about: About, now: datetime | None, jti: str | None = None) -> str | None:
    """Why an envelope, true or not, can't be this decision now; None where it can.

    What `about` leaves open (None) is not compared, nor is the time without `now`. `jti` is the id under which the
    decision came, where it has one.
    """
    if claims.act != act:
        return f"it is signed for {claims.act}, not for {act}"
    for name in ("workflow_id", "rebalance_id", "round", "plan"):
        wanted, given = getattr(about, name), getattr(claims.about, name)
        if wanted is not None and given != wanted:
            return f"it is signed for another {name.removesuffix('_id')}: {given}, not {wanted}"
    if jti is not None and claims.jti != jti:
        return "it is signed for another message"
    return None if now is None else untimely(claims, now)


def untimely(claims: Claims, now: datetime) -> str | None:
    """Why an envelope is not good now; None where it is."""
    if not 0 < claims.exp - claims.iat <= GOOD_FOR.total_seconds():
        return f"it is good for longer than {GOOD_FOR.total_seconds():.0f} seconds"
    moment = now.timestamp()
    if claims.iat > moment + SKEW.total_seconds():
        return f"it was signed later than now, {_utc(claims.iat)}"
    if claims.exp <= moment:
        return f"it was good until {_utc(claims.exp)}; sign in and decide again"
    return None


def _utc(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return str(seconds)
