"""The daily evaluation, a page of accounts at a time."""

from datetime import date

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.context import Desk, actor, step
from activities.messages import BeginEvaluation, EvaluatePage, EvaluationBegun, EvaluationResult, PageEvaluated
from domain.evaluation import Verdict, evaluate
from domain.policy import Policy
from domain.queue import QUEUE_3, in_order
from domain.rules import error
from domain.snapshot import Snapshot
from storage.connection import Transaction
from storage.evaluations import Note, PageResult
from storage.queue import STANDING


class EvaluationSteps:
    """`begin_evaluation`, `evaluate_page` and `end_evaluation`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step
    def begin_evaluation(self, message: BeginEvaluation) -> EvaluationBegun:
        """Decides which day is evaluated: the one asked for, else that of the last book."""
        with self.desk.books.transaction(actor()) as books:
            book_day = books.market.book_day()
            as_of = _day(message.as_of) or (book_day.as_of if book_day else self.desk.today())
            books.evaluations.begin(message.evaluation_id, as_of)
            return EvaluationBegun(as_of=str(as_of))

    @step
    def evaluate_page(self, message: EvaluatePage) -> PageEvaluated:
        """Evaluates the accounts behind `after`: queues, notes what can't be checked (QUEUE-3, QUEUE-4).

        A page is one transaction, and is done once: asked again, its kept counts answer.
        """
        with self.desk.books.transaction(actor("schedule")) as books:
            done = books.evaluations.page(message.evaluation_id, message.after)
            if done is None:
                if not books.market.readable():
                    raise ApplicationError("a book is being loaded: the page is evaluated when that is done")
                taken = books.snapshots.page(message.after, message.size, _day(message.as_of), self.desk.today())
                if not taken:
                    return PageEvaluated(last=None, evaluated=0, queued={}, unable_to_check=0, within=0)
                result, notes = PageResult(), list[Note]()
                for snapshot, policy in taken:
                    activity.heartbeat(snapshot.account.id)
                    self._one(books, snapshot, policy, result, notes)
                last = taken[-1][0].account.id
                books.evaluations.keep_page(message.evaluation_id, message.after, last, result, notes)
                done = (last, result)
            last, result = done
            return PageEvaluated(
                last=last,
                evaluated=result.evaluated,
                queued=result.queued,
                unable_to_check=result.unable_to_check,
                within=result.within,
            )

    def _one(
        self, books: Transaction, snapshot: Snapshot, policy: Policy, result: PageResult, notes: list[Note]
    ) -> None:
        try:
            verdict = evaluate(snapshot, policy)
        except (ArithmeticError, LookupError, ValueError) as flaw:  # one odd account must not stop its page
            verdict = Verdict("unable_to_check", finding=error(QUEUE_3, f"{type(flaw).__name__}: {flaw}"))
        account_id = snapshot.account.id
        result.evaluated += 1
        if verdict.kind == "queued":
            books.queue.add(account_id, verdict.reasons, instead_of=STANDING)
            primary = in_order(verdict.reasons)[0]
            result.queued[primary] = result.queued.get(primary, 0) + 1
        elif verdict.kind != "inside" and verdict.finding:
            notes.append(Note(account_id, verdict.kind, verdict.finding.message, verdict.finding.evidence))
            if verdict.kind == "within":
                result.within += 1
            else:
                result.unable_to_check += 1

    @step
    def end_evaluation(self, message: BeginEvaluation) -> EvaluationResult:
        """Sums the pages up."""
        with self.desk.books.transaction(actor("schedule")) as books:
            total = books.evaluations.end(message.evaluation_id)
            books.audit.record(
                "evaluation ended",
                after={
                    "evaluation_id": message.evaluation_id,
                    "evaluated": total.evaluated,
                    "queued": total.queued,
                    "unable_to_check": total.unable_to_check,
                    "within": total.within,
                },
            )
            return EvaluationResult(
                evaluation_id=message.evaluation_id,
                as_of=message.as_of or "",
                evaluated=total.evaluated,
                queued=total.queued,
                unable_to_check=total.unable_to_check,
                within=total.within,
            )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
