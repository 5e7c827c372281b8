"""Where policy asks for it, an approver's own device vouches for each approval: it signs the decision's digest."""

import json
from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

import policy
from identity import passkeys
from identity.claims import About, decision_digest
from identity.passkeys import NotVouched
from reading.people import passkeys_of
from web.pages.sign_in import site
from web.refusals import Refusal
from web.visit import Visit


def is_asked(visit: Visit) -> bool:
    """True where an approval needs a passkey (`approval_evidence`)."""
    today = visit.console.clock.today()
    return visit.console.key is not None and policy.choice(policy.APPROVAL_EVIDENCE, today) == "passkey"


def options(visit: Visit, about: About) -> Response:
    """What the approver's browser is asked. Raises Refusal where they have no passkey."""
    with visit.console.books.reading() as books:
        known = passkeys_of(books, visit.person.subject)
    if not known:
        why = "Each approval is vouched for by a passkey here, and you have none. Add one, then approve."
        raise Refusal(409, "You have no passkey", why, (("/me", "Add a passkey"),))
    digest = decision_digest(visit.person.subject, "approve", about)
    return JSONResponse(passkeys.asking(site(visit.console), bytes.fromhex(digest), known))


def evidence(answer: str) -> Mapping[str, str] | None:
    """What proves the approval, of what the browser sent; None where it sent nothing. Raises Refusal."""
    if not answer:
        return None
    try:
        given = json.loads(answer)
        return passkeys.evidence(given if isinstance(given, dict) else {})
    except (ValueError, RecursionError, NotVouched) as flaw:
        why = "The answer of your device can't be read. Nothing was approved."
        raise Refusal(422, "That can't be read", why, (("/approvals", "Approvals"),)) from flaw
