"""Why a decision about a rebalance can't be taken, raised as ValueError: validators refuse updates by it.

Nothing is pending, something else was meant, four eyes, a plan that was not seen, an envelope that is for another.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.approvals import same_person
    from identity.claims import About
    from identity.roles import Act
    from workflows.contract import Approval, Cancellation, RebalanceInput, request_workflow_id
    from workflows.envelopes import is_about, refusal, told_refusal
    from workflows.rebalance_proposal import Proposal, not_shown, utc

if TYPE_CHECKING:
    from collections.abc import Callable


def ensure_meant(what: str, said: Approval | Cancellation, proposal: Proposal) -> None:
    """Who names a rebalance and a round means that plan alone."""
    checked = proposal.checked
    if (said.rebalance_id or checked.rebalance_id, said.round or checked.round) != (
        checked.rebalance_id,
        checked.round,
    ):
        raise ValueError(
            f"{what} refused: round {checked.round} of {checked.rebalance_id} is pending, not what was meant. Look "
            "at its plan again"
        )


def ensure_in_time(what: str, proposal: Proposal, now: datetime) -> None:
    """Nothing is decided about a plan that expired."""
    trades = proposal.trades
    if trades is not None and now >= trades.expires_at:
        raise ValueError(f"{what} refused: it expired at the exchange's close, {utc(trades.expires_at)}")


def ensure_may_approve(
    said: Approval, request: RebalanceInput | None, proposal: Proposal, changed: str, now: "Callable[[], datetime]"
) -> None:
    """Four eyes, a plan that was seen, and a signature where decisions are signed.

    `changed`: why the plan was made again, where it was.
    """
    if proposal.checked.four_eyes and request and same_person(said.by, request.requested_by):
        raise ValueError(
            f"approval refused: {said.by} asked for this rebalance and may not approve it too (four eyes). Somebody "
            "else has to"
        )
    wrong = not_shown(proposal, said, changed)
    if wrong:
        raise ValueError(wrong)
    if said.signed is None and proposal.checked.signed:
        raise ValueError(
            f"approval refused: it is not signed, and decisions are signed here ({said.by} is but a name that was "
            "typed). Sign in at the console, or call the API with a token"
        )
    ensure_signed_for("approval", "approve", said, request, proposal, now, said.plan)


def ensure_signed_for(
    what: str,
    act: Act,
    said: Approval | Cancellation,
    request: RebalanceInput | None,
    proposal: Proposal,
    now: "Callable[[], datetime]",
    plan: str | None = None,
) -> None:
    """Shape, meaning and time of an envelope. Whether it is true, the step verifies that carries it out."""
    if said.signed is None:
        return
    checked = proposal.checked
    asked = request.request_id if request else None
    if asked and is_about(said.signed, request_workflow_id(asked)):
        wrong = told_refusal(said.signed, said.by, act, request_workflow_id(asked))
    else:
        about = About(workflow.info().workflow_id, checked.rebalance_id, checked.round)
        wrong = refusal(said.signed, said.by, act, about, now(), plan)
    if wrong:
        raise ValueError(f"{what} refused: {wrong}")
