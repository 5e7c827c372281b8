"""Why a decision about a request can't be taken, in words: nothing is pending, four eyes, not seen, not signed."""

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from domain.approvals import DECIDE_1, SHORTEST, same_person
from identity.claims import About
from identity.roles import Act
from workflows.contract import RequestApproval, RequestInput, Steering, unreadable
from workflows.envelopes import refusal
from workflows.request_steps import OF_THE_WORKFLOW

if TYPE_CHECKING:
    from workflows.request_ledger import Ledger
    from workflows.request_steps import Said

GivenT = TypeVar("GivenT", bound=BaseModel)
NOUNS = {"approve": "approval", "cancel": "cancellation"}


def in_words(ledger: "Ledger") -> str:
    """How the accounts stand."""
    told = ", ".join(f"{count} {outcome}" for outcome, count in ledger.counts().items())
    return f"Its accounts: {told or 'none'}"


def readable(model: type[GivenT], given: Any) -> GivenT:
    """What was sent with an update. Raises ValueError with the reason, which refuses it."""
    refuse(unreadable(model, given))
    return model.model_validate(given)


def refuse(why: str | None) -> None:
    """Raises ValueError where there is a reason."""
    if why:
        raise ValueError(why)


def cancellable(request: RequestInput, ledger: "Ledger") -> int:
    """Accounts without a pending plan that a cancellation still ends: before their start, or once planned."""
    planned = ledger.planned if request.approval == "required" else 0
    return ledger.not_started + planned


def not_possible(decision: str, said: "Said", request: RequestInput, ledger: "Ledger", lenient: bool) -> str | None:
    """Why a decision can't be taken now; None where it can. `lenient`: who asked for some plan may approve it, too."""
    waiting = cancellable(request, ledger) if decision == "cancel" else 0
    if not ledger.pending and not waiting:
        return f"{NOUNS[decision]} refused: nothing is pending. {in_words(ledger)}"
    if decision == "approve" and same_person(said.by, request.requested_by) and not lenient:
        return (
            f"approval refused: {said.by} asked for this request and may not approve it too (four eyes). Somebody "
            "else has to"
        )
    return None


def not_seen(said: RequestApproval, ledger: "Ledger") -> str | None:
    """Why an approval does not say what was seen; None where it does, for the books to compare (DECIDE-1)."""
    if said.plan is not None:
        return None
    current, apart = ledger.listed, ", ".join(ledger.liquidations)
    pending = (
        f"Pending is the list {current}. Look at it, and approve it by its name: --plan {current[:SHORTEST]}"
        if current
        else f"Liquidations alone are pending, and each is approved by its own name: {apart}"
    )
    return f"approval refused: it does not name the plans that were seen ({DECIDE_1.code}). {pending}"


def not_signed(act: Act, said: "Said | Steering", workflow_id: str) -> str | None:
    """Why an envelope can't be this decision now; None where it can, or none was given. It is verified later."""
    if said.signed is None:
        if said.by == OF_THE_WORKFLOW and act == "cancel":
            return f"cancellation refused: {OF_THE_WORKFLOW} is who cancels where a workflow is cancelled"
        return None
    plan = said.plan if isinstance(said, RequestApproval) else None
    wrong = refusal(said.signed, said.by, act, About(workflow_id), None, plan)
    return f"{NOUNS.get(act, act)} refused: {wrong}" if wrong else None
