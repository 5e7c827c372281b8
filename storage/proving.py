"""Who decided, proven: the last door before anything is sent, cancelled or begun.

An envelope is verified here, in a step, and nowhere else on the way: a workflow's thread calls no cryptography. Where
it proves nothing, the attempt is recorded with what it claimed, and never under the name that it claims.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from domain.approvals import DECIDE_1, is_shown, same_person
from identity.claims import About, Claims, NotAnEnvelope, decision_digest, flaw, read, untimely
from identity.envelope import NotProven, open_
from identity.passkeys import NotVouched, vouches
from identity.roles import Act, refusal
from storage.connection import Transaction
from storage.people.proof import ShownPlan

UNPROVEN = "unproven"  # the actor of what nobody proved that they said
NOT_PROVEN = "NotProven"  # the type of a failure that says so
OF_THE_WORKFLOW = "temporal"  # who cancels where a workflow was cancelled
UNSIGNED = "it is not signed, and decisions are signed here: sign in at the console, or call the API with a token"


@dataclass(frozen=True, slots=True)
class Said:
    """What came with a decision: the name, the envelope, and when it was accepted, by the clock that signs."""

    by: str
    signed: str | None
    at: datetime


def proven(
    books: Transaction, act: Act, about: About, said: Said, evidence: str = "session"
) -> Claims | NotProven | None:
    """What an envelope claims, verified; why it proves nothing; None where a typed name is enough (asserted).

    `about` is what has to be decided about; what it leaves open (None) is compared by the caller. `evidence` is the
    policy's `approval_evidence`.
    """
    if said.signed is None:
        return None if books.proof.identity() == "asserted" else NotProven(UNSIGNED)
    claims = _opened(books, said)
    if isinstance(claims, NotProven):
        return claims
    before = books.proof.decision(claims.jti)
    if before is not None and before.envelope != said.signed:
        return NotProven("another decision has its id", claims)
    why = flaw(claims, act, about, None) or (None if before is not None else untimely(claims, said.at))
    why = why or _may_not(books, claims, act) or _not_vouched(books, claims, act, evidence)
    if why is not None:
        return NotProven(why, claims)
    books.proof.decided(claims, said.signed)
    return claims


def proven_by_request(
    books: Transaction, act: Act, request: Any, plan: ShownPlan | None, said: Said
) -> Claims | NotProven:
    """The same of a decision about a whole request, which its accounts are told: it was verified when it was made.

    For an approval `plan` has to be on the list that was signed.
    """
    claims = _opened(books, said)
    if isinstance(claims, NotProven):
        return claims
    before = books.proof.decision(claims.jti)
    if before is None or before.envelope != said.signed:
        return NotProven("nobody decided so about the request", claims)
    why = flaw(claims, act, About(request.workflow_id), None) or _may_not(books, claims, act)
    if why is None and plan is not None and not books.proof.was_shown(claims.about.plan or "", request.id, plan):
        why = f"round {plan.round} of {plan.rebalance_id} is not on the list that was shown ({DECIDE_1.code})"
    return claims if why is None else NotProven(why, claims)


def names_it(claims: Claims, digest: str) -> bool:
    """True where the plan that was signed for is the one of this digest, all of it."""
    return claims.about.plan is not None and len(claims.about.plan) == 64 and is_shown(digest, claims.about.plan)


def about_of(signed: str) -> str | None:
    """The workflow that an envelope says it is about, unverified; None where it can't be read."""
    try:
        return read(signed).about.workflow_id
    except NotAnEnvelope:
        return None


def as_actor(books: Transaction, claims: Claims | NotProven | None) -> None:
    """What follows in the transaction is recorded under who was proven to have said it; else under nobody's name."""
    if isinstance(claims, NotProven):
        books.audit.actor = replace(books.audit.actor, who=UNPROVEN)
    elif claims is not None:
        books.audit.actor = replace(books.audit.actor, who=claims.name, signed_in=signed_in(claims))


def signed_in(claims: Claims) -> Mapping[str, object]:
    """Who, how, and by which key, as the record keeps it; and the passkey that vouched for it, where one did."""
    vouched = {} if claims.passkey is None else {"passkey": claims.passkey.get("id")}
    return {"subject": claims.sub, "how": claims.how, "key": claims.kid, "decision": claims.jti, **vouched}


def refused(what: str, said: Said, found: NotProven) -> dict[str, object]:
    """What the record keeps of a decision that proved nothing: why, and what it claimed."""
    claimed: dict[str, object] = {"by": said.by}
    if found.claims is not None:
        claimed |= found.claims.told
    return {"decision": what, "reason": found.reason, "claimed": claimed}


def _opened(books: Transaction, said: Said) -> Claims | NotProven:
    assert said.signed is not None
    try:
        unread = read(said.signed)
    except NotAnEnvelope as wrong:
        return NotProven(f"its envelope can't be read: {wrong}")
    claims = open_(said.signed, books.proof.keys(_when_signed(unread)))
    if isinstance(claims, Claims) and not same_person(claims.name, said.by):
        return NotProven(f"it is signed by {claims.name}, not by {said.by}", claims)
    return claims


def _may_not(books: Transaction, claims: Claims, act: Act) -> str | None:
    person = books.people.person(claims.sub, claims.how)  # type: ignore[arg-type]  # it was read: one of METHODS
    if person is None:
        return f"nobody of subject {claims.sub} may sign in here"
    return refusal(person, act)


def _not_vouched(books: Transaction, claims: Claims, act: Act, evidence: str) -> str | None:
    """Why an approver's own device does not vouch for it, where policy asks for that, or evidence was given."""
    if claims.passkey is None:
        needed = evidence == "passkey" and act == "approve"
        return "it is not vouched for by a passkey, as policy asks (approval_evidence)" if needed else None
    found = books.passkeys.get(claims.passkey.get("id", ""))
    if found is None or found[0] != claims.sub:
        return f"the passkey that vouches for it is not {claims.name}'s"
    try:
        vouches(found[1], decision_digest(claims.sub, act, claims.about), claims.passkey)
    except NotVouched as why:
        return str(why)
    return None


def _when_signed(claims: Claims) -> datetime:
    try:
        return datetime.fromtimestamp(claims.iat, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)
