"""What is said to whoever decided about a request, or asks how it stands."""

from typing import TYPE_CHECKING, Any

from domain.requests import has_ended
from workflows.progress import RequestProgress

if TYPE_CHECKING:
    from activities.request_messages import AccountsTold, RequestDecided, RequestResult
    from workflows.contract import RequestInput
    from workflows.request_ledger import Ledger
    from workflows.request_steps import Said

DONE_BY = {"approve": "approved_by", "cancel": "cancelled_by"}


def answered(
    decision: str, said: "Said", about: int, decided: "RequestDecided", told: "AccountsTold | None"
) -> dict[str, Any]:
    """Who decided about how many accounts, and who refused it; `about` is how many there were to be told."""
    refused = [{"account_id": each, "reason": "nothing of it is pending"} for each in decided.not_pending]
    refused += [{"account_id": each.account_id, "reason": each.reason} for each in decided.left_out]
    late = [each.model_dump() for each in told.refused] if told else []
    answer = {DONE_BY[decision]: said.by, "accounts": about - len(late), "refused": refused + late}
    return answer | ({"liquidations": decided.liquidations} if decided.liquidations else {})


def progress_of(
    request: "RequestInput", ledger: "Ledger", stage: str, result: "RequestResult | None"
) -> RequestProgress:
    """How the accounts stand, and what they said of themselves."""
    counts = ledger.counts()
    return {
        "request_id": request.request_id,
        "requested_by": request.requested_by,
        "stage": stage,
        "status": result.status if result else None,
        "accounts": ledger.total,
        "counts": counts,
        "ended": sum(count for outcome, count in counts.items() if has_ended(outcome)),
        "pending": ledger.pending,
        "plans": ledger.listed or None,
        "liquidations": ledger.liquidations,
        "issues": ledger.issues,
        "issues_left_off": ledger.issues_left_off,
    }
