"""Requests: the accounts chosen once, taken a page at a time, decided about together, and summed up at the end."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

import policy
from activities.context import Desk, actor, refuse_automatic, step
from activities.faults import UNKNOWN_ACCOUNT, UNKNOWN_REQUEST
from activities.request_messages import (
    AccountNote,
    AccountRefusal,
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
from identity.claims import About, Claims
from identity.envelope import NotProven
from identity.roles import Act
from storage.connection import Transaction
from storage.people.proof import ShownPlan
from storage.proving import NOT_PROVEN, Said, as_actor, names_it, proven, refused
from storage.record.audit import AuditEntry
from storage.work.rebalances import SIGNAL
from storage.work.request_standing import RequestAccount, listed_plans, plans_shown
from storage.work.requests import NewRequest, UnknownRequest

ISSUES = 50  # how many accounts' issues a result carries; `show` lists them all
NAMED = 10  # how many ids a refusal lists
TAKEN = "RequestTaken"
NOT_KEPT = {"request_id", "account_ids", "start_key", "started_at", "signed", "digest"}  # of what starts a request
NOUNS = {"approve": "approval", "cancel": "cancellation"}
STEERED: dict[str, Act] = {"PAUSED": "pause", "RUNNING": "resume"}


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
            proof = self._requester(books, message)
            if not books.requests.create(_new(message, None if proof is None else proof.sub)):
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
                    **message.model_dump(mode="json", exclude=NOT_KEPT),
                },
            )
            return RequestBegun(accounts=count)

    def _requester(self, books: Transaction, message: BeginRequest) -> Claims | None:
        """Who asks, proven; None where a typed name is enough. Raises what is not retried where it is not proven."""
        accepted = (message.started_at or self.desk.now()) + self.desk.clock.ahead
        about = About(activity.info().workflow_id or "", plan=message.digest)
        proof = proven(books, "submit", about, Said(message.requested_by, message.signed, accepted))
        if isinstance(proof, NotProven):
            raise _refused(f"{proof.reason} (the name {message.requested_by} proves nothing)", NOT_PROVEN)
        as_actor(books, proof)
        return proof

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
            row = books.requests.get(message.request_id, lock=True)
            proof = None if message.workflow else self._decider(books, row, message)
            as_actor(books, proof)
            if isinstance(proof, NotProven):
                return _not_proven(books, message, proof)
            id_ = None if proof is None else proof.jti
            if message.decision == "approve":
                decided = _approved(books, message, id_)
            else:
                decided = _cancelled(books, message, id_)
            return decided.model_copy(update={"handed": handed_plans(books, message.request_id, message.up_to)})

    def _decider(
        self, books: Transaction, row: Any, message: DecideRequest | SteerRequest
    ) -> Claims | NotProven | None:
        """Who decides about a request, proven; None where a typed name is enough; else why it is not."""
        act: Act = message.decision if isinstance(message, DecideRequest) else STEERED[message.stage]
        said = Said(message.by, message.signed, (message.at or self.desk.now()) + self.desk.clock.ahead)
        evidence = policy.choice(policy.APPROVAL_EVIDENCE, self.desk.today())
        proof = proven(books, act, About(row.workflow_id), said, evidence)
        if not isinstance(proof, Claims) or not isinstance(message, DecideRequest) or act != "approve":
            return proof
        if message.plan is None or not names_it(proof, message.plan):
            return NotProven(f"it is signed for another list: {proof.about.plan}, not {message.plan}", proof)
        if books.proof.shown(message.request_id, message.plan) is None:
            return NotProven(f"nobody was shown the list {message.plan}", proof)
        return proof

    @step
    def steer_request(self, message: SteerRequest) -> None:
        """Notes that a request is paused, or goes on. Raises what is not retried where who says so is not proven to."""
        with self.desk.books.transaction(actor(message.by)) as books:
            row = books.requests.get(message.request_id, lock=True)
            before, proof = row.stage, self._decider(books, row, message)
            if isinstance(proof, NotProven):
                raise ApplicationError(f"refused: {proof.reason}", type=NOT_PROVEN, non_retryable=True)
            as_actor(books, proof)
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


def _not_proven(books: Transaction, message: DecideRequest, proof: NotProven) -> RequestDecided:
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


def _approved(books: Transaction, message: DecideRequest, id_: str | None) -> RequestDecided:
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


def _cancelled(books: Transaction, message: DecideRequest, id_: str | None) -> RequestDecided:
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
    row = next((each for each in books.rebalances.under_way(account_id) if each.kind != SIGNAL), None)
    if row is None:
        return f"a rebalance of it was already under way ({EXEC_3.code}): submit it again"
    request = f" of request {row.request_id}" if row.request_id else ""
    return (
        f"{row.id}{request}, asked for by {row.requested_by}, was already under way at {row.stage} ({EXEC_3.code}): "
        "decide about that one, then submit the account again"
    )


def _new(message: BeginRequest, subject: str | None) -> NewRequest:
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
        requested_subject=subject,
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
