"""A rebalance's proposal: what its deciding steps found, and how it is told to who has to approve it."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages import RebalanceResult, Step, TargetChecked, TradesGenerated
    from activities.request_messages import AccountPending
    from domain.approvals import DECIDE_1, SHORTEST, is_shown
    from workflows.contract import Approval, RebalanceInput
    from workflows.progress import RebalanceProgress


AUTOMATIC = "policy: automatic approval"
MODEL_SIGNAL = "policy: model signal"


@dataclass(frozen=True)
class Proposal:
    """What the four deciding steps found: the account to rebalance, and the trades that wait for an approval."""

    checked: TargetChecked
    trades: TradesGenerated | None  # None where a check refused the account

    @property
    def step(self) -> Step:
        """The rebalance and round that later steps are about."""
        return Step(
            rebalance_id=self.checked.rebalance_id, account_id=self.checked.account_id, round=self.checked.round
        )

    @property
    def waits(self) -> AccountPending:
        """What its request is told while it waits for an approval."""
        return AccountPending(
            **self.step.model_dump(),
            four_eyes=self.checked.four_eyes,
            plan=self.trades.plan if self.trades else "",
            liquidation=self.checked.liquidation,
        )


def utc(at: datetime) -> str:
    """A moment as people read it: ISO 8601 with a Z."""
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def pending(proposal: Proposal) -> str:
    """What waits for an approval, until when, and how to give it."""
    trades = proposal.trades
    assert trades is not None
    checked = proposal.checked
    kind = "liquidation" if checked.liquidation else "rebalance"
    told = [
        f"{_count(trades.sells, 'sell')} for {trades.sold}",
        f"{_count(trades.buys, 'buy')} for {trades.bought}",
        _count(trades.transfers, "transfer"),
        f"{trades.skipped} skipped",
    ]
    return (
        f"{kind} {checked.rebalance_id} of account {checked.account_id}: {', '.join(told)}; expected "
        f"{trades.expected_status}. Approve before {utc(trades.expires_at)}: "
        f"`rebalancer approve {checked.rebalance_id} --by WHO --plan {trades.plan[:SHORTEST]}`"
    )


def not_shown(proposal: Proposal, said: Approval, changed: str) -> str | None:
    """Why what is approved is not what is pending, with what is and what changed; None where it is (DECIDE-1)."""
    checked, trades = proposal.checked, proposal.trades
    assert trades is not None
    if not trades.plan:  # planned before plans had a digest; the step that begins the execution has one
        return None
    again = f"; round {checked.round} was planned as this changed: {changed}" if changed else ""
    current = (
        f"Pending is plan {trades.plan} of {checked.rebalance_id}{again}. Look at it, and approve it by its name: "
        f"--plan {trades.plan[:SHORTEST]}"
    )
    if said.plan is None:
        return f"approval refused: it does not name the plan that was seen ({DECIDE_1.code}). {current}"
    if not is_shown(said.plan, trades.plan):
        return f"approval refused: plan {said.plan} is not what is pending ({DECIDE_1.code}). {current}"
    if said.unseen and checked.liquidation:
        return f"approval refused: a liquidation is never approved unseen ({DECIDE_1.code}). {current}"
    return None


def by_policy(request: RebalanceInput, proposal: Proposal) -> str | None:
    """What approves where nobody is asked; None where somebody is: a liquidation is never approved by policy."""
    if request.signal is not None:
        return MODEL_SIGNAL
    return AUTOMATIC if request.approval == "automatic" and not proposal.checked.liquidation else None


def progress_of(
    request: RebalanceInput | None,
    newest: Proposal | None,
    waits: Proposal | None,
    stage: str,
    note: str,
    result: RebalanceResult | None,
) -> RebalanceProgress:
    """Where a rebalance stands, and for whose approval it `waits`, if it does."""
    checked = newest.checked if newest else None
    trades = waits.trades if waits else None
    return {
        "account_id": request.account_id if request else None,
        "stage": stage,
        "note": note,
        "rebalance_id": checked.rebalance_id if checked else None,
        "round": checked.round if checked else None,
        "requested_by": request.requested_by if request else None,
        "pending": waits is not None,
        "plan": trades.plan if trades else None,
        "liquidation": checked.liquidation if checked else None,
        "four_eyes": checked.four_eyes if checked else None,
        "expires_at": utc(trades.expires_at) if trades else None,
        "status": result.status if result else None,
        "issue": result.issue if result else None,
    }
