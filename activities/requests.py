"""Requests: the accounts chosen once, taken a page at a time, decided about together, and summed up at the end."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.context import Desk, actor, refuse_automatic, step
from activities.faults import UNKNOWN_ACCOUNT, UNKNOWN_REQUEST
from activities.request_messages import (
    AccountNote,
    AccountsTaken,
    AccountStanding,
    BeginRequest,
    DecideRequest,
    EndRequest,
    HandedPlans,
    RequestBegun,
    RequestDecided,
    RequestResult,
    SteerRequest,
    TakeAccounts,
)
from domain.approvals import DECIDE_1, is_shown
from domain.executing.execution import EXEC_3
from domain.requests import BUSY, status_of
from storage.connection import Transaction
from storage.record.audit import AuditEntry
from storage.work.requests import NewRequest, RequestAccount, UnknownRequest, listed_plans, plans_shown

ISSUES = 50  # how many accounts' issues a result carries; `show` lists them all
NAMED = 10  # how many ids a refusal lists
TAKEN = "RequestTaken"


class RequestSteps:
    """The steps of `RebalanceRequest` that need the database alone."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step
    def begin_request(self, message: BeginRequest) -> RequestBegun:
        """Writes the request and its accounts down, all or nothing. Asked again by the same start, the same answer."""
        if message.approval == "automatic":
            refuse_automatic(message.requested_by, self.desk.today())
        with self.desk.books.transaction(actor(message.requested_by)) as books:
            if not books.requests.create(_new(message)):
                there = books.requests.get(message.request_id)
                if there.start_key != message.start_key:
                    raise _refused(
                        f"request {message.request_id} was made before, by {there.requested_by}: give another "
                        '"request_id"',
                        TAKEN,
                    )
                return RequestBegun(accounts=there.accounts)
            count = _choose(books, message, self.desk.today())
            books.audit.record(
                "request started",
                after={
                    "request_id": message.request_id,
                    "accounts": count,
                    **message.model_dump(mode="json", exclude={"request_id", "account_ids", "start_key"}),
                },
            )
            return RequestBegun(accounts=count)

    @step
    def take_accounts(self, message: TakeAccounts) -> AccountsTaken:
        """Notes what became of earlier accounts, and takes the next ones."""
        with self.desk.books.transaction(actor()) as books:
            noted = [_noted(books, message.request_id, note) for note in message.notes]
            taken = books.requests.take(message.request_id, message.after, message.size) if message.size else []
            return AccountsTaken(entries=[standing(each) for each in taken], noted=noted)

    @step
    def decide_request(self, message: DecideRequest) -> RequestDecided:
        """Keeps a decision with every account that it is about; their workflows are told one after another."""
        with self.desk.books.transaction(actor(message.by)) as books:
            books.requests.get(message.request_id, lock=True)
            decided = _approved(books, message) if message.decision == "approve" else _cancelled(books, message)
            return decided.model_copy(update={"handed": handed_plans(books, message.request_id, message.up_to)})

    @step
    def steer_request(self, message: SteerRequest) -> None:
        """Notes that a request is paused, or goes on."""
        with self.desk.books.transaction(actor(message.by)) as books:
            before = books.requests.get(message.request_id, lock=True).stage
            if before not in {message.stage, "ENDED"}:
                books.requests.steer(message.request_id, message.stage)
                books.audit.record(
                    "request paused" if message.stage == "PAUSED" else "request resumed",
                    before={"request_id": message.request_id, "stage": before},
                    after={"request_id": message.request_id, "stage": message.stage},
                )

    @step
    def end_request(self, message: EndRequest) -> RequestResult:
        """The request's status from its accounts' (`domain/requests.py`). Asked again, the same answer."""
        with self.desk.books.transaction(actor()) as books:
            row = books.requests.get(message.request_id, lock=True)
            counts = books.requests.counts(message.request_id)
            status = row.status or status_of(counts)
            if status is None:
                raise ApplicationError(f"request {message.request_id} has accounts under way: {counts}")
            if row.stage != "ENDED":
                books.requests.end(message.request_id, status)
                ended = {"request_id": message.request_id, "status": status, "counts": counts}
                books.audit.record("request ended", after=ended)
            return RequestResult(
                request_id=message.request_id,
                status=status,
                accounts=row.accounts,
                counts=counts,
                issues=[as_issue(standing(each)) for each in books.requests.issues(message.request_id, ISSUES)],
            )


def _approved(books: Transaction, message: DecideRequest) -> RequestDecided:
    """Approves the plans that were shown, all or none: those that wait now have to be the list that is named."""
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
    beside = f", and {len(apart)} liquidations beside them" if apart else ""
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


def _cancelled(books: Transaction, message: DecideRequest) -> RequestDecided:
    """Cancels what waits for an approval or its turn, and what was not started."""
    why = f": {message.reason}" if message.reason else ""
    issue = f"cancelled by {message.by} before it was started{why}"
    waiting = books.requests.cancel_waiting(message.request_id, issue, message.account_ids)
    pending = books.requests.cancel(message.request_id, message.by, message.reason, message.account_ids)
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


def handed_plans(books: Transaction, request_id: str, up_to: int) -> HandedPlans | None:
    """The plans that wait on the accounts up to a position, as an approval names them; None where there are none."""
    if not up_to:
        return None
    waiting = books.requests.pending(request_id, up_to)
    apart = [str(each.rebalance_id) for each in waiting if each.liquidation]
    return HandedPlans(plans=listed_plans(plans_shown(waiting)), liquidations=apart[:ISSUES])


def standing(account: RequestAccount) -> AccountStanding:
    """Where an account stands, for the workflow."""
    return AccountStanding(
        account_id=account.account_id,
        outcome=account.outcome,
        issue=account.issue,
        rebalance_id=account.rebalance_id,
    )


def as_issue(account: AccountStanding) -> dict[str, Any]:
    """An account's ending as results and queries list it."""
    return {
        "account_id": account.account_id,
        "status": account.outcome,
        "issue": account.issue,
        "rebalance_id": account.rebalance_id,
    }


def note(books: Transaction, request_id: str, account_id: str, state: str, issue: str | None) -> AccountStanding:
    """Notes what became of a started account, with its audit record; how it stands now."""
    before = books.requests.account(request_id, account_id)
    books.requests.note(request_id, account_id, state, issue)
    after = books.requests.account(request_id, account_id)
    if before is None or after is None:
        raise UnknownRequest(f"{request_id} has no account {account_id}")
    if after.outcome != before.outcome:
        books.audit.record_all(
            [
                AuditEntry(
                    f"account of a request {'busy' if state == BUSY else state.lower()}",
                    account_id=account_id,
                    rebalance_id=after.rebalance_id,
                    rule=EXEC_3.code if state == BUSY else None,
                    after={"request_id": request_id, "outcome": after.outcome, "issue": after.issue},
                )
            ]
        )
    return standing(after)


def _noted(books: Transaction, request_id: str, wanted: AccountNote) -> AccountStanding:
    issue = wanted.issue
    if wanted.state == BUSY and issue is None:
        issue = _busy(books, wanted.account_id)
    return note(books, request_id, wanted.account_id, wanted.state, issue)


def _busy(books: Transaction, account_id: str) -> str:
    """Who keeps the account busy, as far as the books know."""
    row = books.rebalances.under_way(account_id)
    if row is None:
        return f"a rebalance of it was already under way ({EXEC_3.code}): submit it again"
    request = f" of request {row.request_id}" if row.request_id else ""
    return (
        f"{row.id}{request}, asked for by {row.requested_by}, was already under way at {row.stage} ({EXEC_3.code}): "
        "decide about that one, then submit the account again"
    )


def _new(message: BeginRequest) -> NewRequest:
    chosen: dict[str, Any] = {"accounts": "named"}
    if message.queue_reasons is not None:
        chosen = {"queue": list(message.queue_reasons)}
    if message.failed_of is not None:
        chosen = {"failed_of": message.failed_of}
    return NewRequest(
        id=message.request_id,
        start_key=message.start_key,
        workflow_id=activity.info().workflow_id or "",
        requested_by=message.requested_by,
        chosen=chosen,
        mode=message.mode,
        approval=message.approval,
        kind=message.kind,
        amount=message.amount,
        overrides=message.override,
    )


def _choose(books: Transaction, message: BeginRequest, today: date) -> int:
    if message.account_ids is not None:
        unknown = books.requests.unknown(message.account_ids)
        if unknown:
            more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
            raise _refused(
                f'"account_ids": unknown account {", ".join(unknown[:NAMED])}{more}. Check the ids, or load a book',
                UNKNOWN_ACCOUNT,
            )
        return books.requests.choose_named(message.request_id, message.account_ids)
    if message.failed_of is not None:
        try:
            books.requests.get(message.failed_of)
        except UnknownRequest:
            raise _refused(f'"failed_of": there is no request {message.failed_of}', UNKNOWN_REQUEST) from None
        return books.requests.choose_failed(message.request_id, message.failed_of)
    return books.requests.choose_queued(message.request_id, message.queue_reasons or (), today)


def _refused(why: str, kind: str) -> ApplicationError:
    return ApplicationError(f"request refused: {why}", type=kind, non_retryable=True)
