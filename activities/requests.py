"""Requests: the accounts chosen once, taken a page at a time, decided about together, and summed up at the end."""

from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

import policy
from activities.context import Desk, actor, refuse_automatic, step
from activities.request_choosing import choose, new_request, refused
from activities.request_decisions import approved, cancelled, handed_plans, not_proven
from activities.request_messages import (
    AccountsTaken,
    BeginRequest,
    DecideRequest,
    EndRequest,
    RequestBegun,
    RequestDecided,
    RequestResult,
    SteerRequest,
    TakeAccounts,
)
from activities.request_notes import as_issue, noted, standing
from domain.requests import status_of
from identity.claims import About, Claims
from identity.envelope import NotProven
from identity.roles import Act
from storage.connection import Transaction
from storage.proving import NOT_PROVEN, Said, as_actor, names_it, proven

ISSUES = 50  # how many accounts' issues a result carries; `show` lists them all
TAKEN = "RequestTaken"
NOT_KEPT = {"request_id", "account_ids", "start_key", "started_at", "signed", "digest"}  # of what starts a request
STEERED: dict[str, Act] = {"PAUSED": "pause", "RUNNING": "resume"}


class RequestSteps:
    """The steps of `RebalanceRequest` that need the database alone."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step("begin_request")
    def begin_request(self, message: BeginRequest) -> RequestBegun:
        """Writes the request and its accounts down, all or nothing. Asked again by the same start, the same answer."""
        if message.approval == "automatic":
            refuse_automatic(message.requested_by, self.desk.today())
        with self.desk.books.transaction(actor(message.requested_by)) as books:
            proof = self._requester(books, message)
            if not books.requests.create(new_request(message, None if proof is None else proof.sub)):
                there = books.requests.get(message.request_id)
                if there.start_key != message.start_key:
                    raise refused(
                        f"request {message.request_id} was made before, by {there.requested_by}: give another "
                        '"request_id"',
                        TAKEN,
                    )
                return RequestBegun(accounts=there.accounts)
            count = choose(books, message, self.desk.today())
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
            raise refused(f"{proof.reason} (the name {message.requested_by} proves nothing)", NOT_PROVEN)
        as_actor(books, proof)
        return proof

    @step("take_accounts")
    def take_accounts(self, message: TakeAccounts) -> AccountsTaken:
        """Notes what became of earlier accounts, and takes the next ones."""
        with self.desk.books.transaction(actor()) as books:
            done = [noted(books, message.request_id, note) for note in message.notes]
            taken = books.requests.take(message.request_id, message.after, message.size) if message.size else []
            return AccountsTaken(entries=[standing(each) for each in taken], noted=done)

    @step("decide_request")
    def decide_request(self, message: DecideRequest) -> RequestDecided:
        """Keeps a decision with every account that it is about; their workflows are told one after another."""
        with self.desk.books.transaction(actor(message.by)) as books:
            row = books.requests.get(message.request_id, lock=True)
            proof = None if message.workflow else self._decider(books, row, message)
            as_actor(books, proof)
            if isinstance(proof, NotProven):
                return not_proven(books, message, proof)
            id_ = None if proof is None else proof.jti
            decide = approved if message.decision == "approve" else cancelled
            decided = decide(books, message, id_)
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

    @step("steer_request")
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

    @step("end_request")
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
