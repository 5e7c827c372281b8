"""What is decided about a request, kept with the accounts that it is about, all or none (DECIDE-1)."""

from collections.abc import Sequence
from datetime import UTC, datetime

from activities.request_messages import NAMED, AccountRefusal, DecideRequest, HandedPlans, RequestDecided
from domain.approvals import DECIDE_1, is_shown
from identity.envelope import NotProven
from storage.connection import Transaction
from storage.people.proof import ShownPlan
from storage.proving import Said, refused
from storage.work.request_standing import RequestAccount, listed_plans, plans_shown

ISSUES = 50  # how many liquidations an answer names
NOUNS = {"approve": "approval", "cancel": "cancellation"}


def approved(books: Transaction, message: DecideRequest, id_: str | None) -> RequestDecided:
    """Approves the plans that were shown, all or none: those that wait now have to be the list that is named.

    A list that was kept as it was shown is approved but for what changed since.
    """
    list_ = books.proof.shown(message.request_id, message.plan) if message.plan else None
    if list_ is not None:
        return _of_list(books, message, list_, id_)
    waiting = books.requests.pending(message.request_id)
    shown = plans_shown(waiting, message.liquidations)
    apart = [str(each.rebalance_id) for each in waiting if each not in shown]
    digest = listed_plans(shown)
    about = [each.account_id for each in shown if message.account_ids is None or each.account_id in message.account_ids]
    missing = [each for each in message.account_ids or () if each not in about]
    why = _not_shown(message, digest, shown, apart) if shown else _only_apart(apart)
    if why is None and not about:
        why = f"nothing of {', '.join(missing[:NAMED])} is pending"
    kept = {
        "request_id": message.request_id,
        "pending": len(about),
        "plans": digest,
        "liquidations": list(message.liquidations),
        "unseen": message.unseen,
        "account_ids": list(message.account_ids) if message.account_ids else None,
    }
    if why is not None:
        books.audit.record("request approval refused", rule=DECIDE_1.code, after=kept | {"pending": 0, "reason": why})
        return RequestDecided(pending=0, not_started=0, not_pending=missing, refused=why)
    books.requests.approve(message.request_id, message.by, message.unseen, about)
    books.audit.record("request approved", rule=DECIDE_1.code, after=kept)
    return RequestDecided(
        pending=len(about), not_started=0, not_pending=missing, account_ids=about, liquidations=apart[:ISSUES]
    )


def _of_list(books: Transaction, message: DecideRequest, list_: Sequence[ShownPlan], id_: str | None) -> RequestDecided:
    """Approves the plans of a list that was kept as it was shown; what was planned again since is left out."""
    waiting = {str(each.rebalance_id): each for each in books.requests.pending(message.request_id)}
    wanted = [each for each in list_ if _is_named(waiting.get(each.rebalance_id), message.account_ids)]
    about, apart, left_out = [], [], []
    for each in wanted:
        now = waiting.get(each.rebalance_id)
        if now is None:
            account_id = books.rebalances.get(each.rebalance_id).account_id
            why = f"nothing of it is pending any more: {each.rebalance_id}"
            left_out.append(AccountRefusal(account_id=account_id, reason=why))
        elif (now.round, now.plan) != (each.round, each.plan):
            why = f"planned again since it was shown: round {now.round} of {each.rebalance_id} is pending. Look at it"
            left_out.append(AccountRefusal(account_id=now.account_id, reason=why))
        elif now.liquidation and each.rebalance_id not in message.liquidations:
            apart.append(each.rebalance_id)
        else:
            about.append(now.account_id)
    kept = {
        "request_id": message.request_id,
        "pending": len(about),
        "list": message.plan,
        "shown": len(list_),
        "liquidations": list(message.liquidations),
        "left_out": [each.account_id for each in left_out],
    }
    if not about:
        why = "; ".join(f"account {each.account_id}: {each.reason}" for each in left_out[:NAMED]) or _only_apart(apart)
        books.audit.record("request approval refused", rule=DECIDE_1.code, after=kept | {"reason": why})
        return RequestDecided(pending=0, not_started=0, not_pending=[], refused=why)
    books.requests.approve(message.request_id, message.by, False, about, id_)
    books.audit.record("request approved", rule=DECIDE_1.code, after=kept)
    return RequestDecided(
        pending=len(about),
        not_started=0,
        not_pending=[],
        account_ids=about,
        liquidations=apart[:ISSUES],
        left_out=left_out,
    )


def _is_named(account: RequestAccount | None, account_ids: Sequence[str] | None) -> bool:
    """True where no accounts are named, or this is one of them."""
    return account_ids is None or (account is not None and account.account_id in account_ids)


def _not_shown(message: DecideRequest, digest: str, shown: Sequence[RequestAccount], apart: list[str]) -> str | None:
    """Why the plans that wait are not those that were shown; None where they are (DECIDE-1)."""
    if message.unseen and message.liquidations:
        return f"a liquidation is never approved unseen ({DECIDE_1.code})"
    if message.plan is not None and is_shown(message.plan, digest):
        return None
    again = [
        f"{each.rebalance_id} of {each.account_id} (round {each.round})" for each in shown if (each.round or 1) > 1
    ]
    changed = f"; planned again were {', '.join(again[:NAMED])}" if again else ""
    noun = "liquidation" if len(apart) == 1 else "liquidations"
    beside = f", and {len(apart)} {noun} beside them" if apart else ""
    given = (
        f"the list {message.plan} is not what is pending"
        if message.plan
        else "it does not name the plans that were seen"
    )
    return (
        f"{given} ({DECIDE_1.code}). Pending are {len(shown)} plans{beside}, as list {digest}{changed}. Look at them: "
        f"rebalancer show {message.request_id}"
    )


def _only_apart(apart: list[str]) -> str:
    if not apart:
        return "nothing is pending"
    return (
        f"nothing but liquidations is pending, and each is approved by its own name ({DECIDE_1.code}): "
        f"{', '.join(apart[:NAMED])}"
    )


def cancelled(books: Transaction, message: DecideRequest, id_: str | None) -> RequestDecided:
    """Cancels what waits for an approval or its turn, and what was not started."""
    why = f": {message.reason}" if message.reason else ""
    issue = f"cancelled by {message.by} before it was started{why}"
    waiting = books.requests.cancel_waiting(message.request_id, issue, message.account_ids)
    pending = books.requests.cancel(message.request_id, message.by, message.reason, message.account_ids, id_)
    about = {*waiting, *pending}
    if about:
        books.audit.record(
            "request cancelled",
            after={
                "request_id": message.request_id,
                "pending": len(pending),
                "not_started": len(waiting),
                "reason": message.reason,
                "account_ids": list(message.account_ids) if message.account_ids else None,
            },
        )
    return RequestDecided(
        pending=len(pending),
        not_started=len(waiting),
        not_pending=[each for each in message.account_ids or () if each not in about],
    )


def not_proven(books: Transaction, message: DecideRequest, proof: NotProven) -> RequestDecided:
    """Nothing is decided; the record has the attempt, and what it claimed."""
    told = refused(
        message.decision, Said(message.by, message.signed, message.at or datetime.max.replace(tzinfo=UTC)), proof
    )
    books.audit.record(
        f"request {NOUNS[message.decision]} not proven",
        rule=DECIDE_1.code,
        after={"request_id": message.request_id, **told},
    )
    return RequestDecided(pending=0, not_started=0, not_pending=[], refused=proof.reason)


def handed_plans(books: Transaction, request_id: str, up_to: int) -> HandedPlans | None:
    """The plans that wait on the accounts up to a position, as an approval names them; None where there are none."""
    if not up_to:
        return None
    waiting = books.requests.pending(request_id, up_to)
    apart = [str(each.rebalance_id) for each in waiting if each.liquidation]
    return HandedPlans(plans=listed_plans(plans_shown(waiting)), liquidations=apart[:ISSUES])
