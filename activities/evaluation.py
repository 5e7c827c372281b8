"""The daily evaluation: a range of accounts, a page at a time.

A page is read in one transaction, which sees the books at one moment and locks nothing; it is decided without any; and
what follows is stored in others, short ones, some accounts at a time, before the page counts as done: a page that is
done twice queues nobody twice. So nobody waits for an evaluation but who changes an account that is just being queued.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date

from temporalio.exceptions import ApplicationError

from activities.context import Desk, actor, beat, step
from activities.messages import (
    BeginEvaluation,
    EndEvaluation,
    EvaluateRange,
    EvaluationBegun,
    EvaluationResult,
    RangeEvaluated,
)
from domain.evaluation import FAULT, Verdict, evaluate
from domain.queue import QUEUE_3, QUEUE_4, in_order
from domain.values.policy import Policy
from domain.values.rules import error
from domain.values.snapshot import Snapshot
from policy.clock import exchange_day
from storage.accounts.screening import Screening
from storage.accounts.versions import account_versions
from storage.work.evaluations import Note, PageResult
from storage.work.queue import STANDING, Queued

MOST_RANGES = 200  # so that one run of the workflow stays far below the server's limit of events
MOST_DOUBTFUL = 100  # accounts decided one by one a page: what of them is in memory at once
LOCKED = 20  # accounts queued in one transaction: how many wait for it, and how long
LISTED = 50  # accounts that can't be checked, in the workflow's result; the database has them all


class EvaluationSteps:
    """`begin_evaluation`, `evaluate_range` and `end_evaluation`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step("begin_evaluation")
    def begin_evaluation(self, message: BeginEvaluation) -> EvaluationBegun:
        """Decides which day is evaluated, the one asked for or else that of the last book, and splits the accounts.

        A day that is asked for, and that of a backfilled schedule, is only looked back at (DAY-7).
        """
        with self.desk.books.transaction(actor()) as books:
            book_day = books.market.book_day()
            asked = None if message.as_of is None else date.fromisoformat(message.as_of)
            if asked is None and message.scheduled_at is not None:
                scheduled = exchange_day(message.scheduled_at + self.desk.clock.ahead)
                asked = scheduled if scheduled < self.desk.today() else None
            as_of = asked or (book_day.as_of if book_day else self.desk.today())
            books.evaluations.begin(message.evaluation_id, as_of)
            bounds = books.evaluations.bounds(message.range_size, MOST_RANGES)
            return EvaluationBegun(as_of=str(as_of), bounds=bounds, looking_back=asked is not None)

    @step("evaluate_range")
    def evaluate_range(self, message: EvaluateRange) -> RangeEvaluated:
        """Evaluates a range of accounts, behind the last page of it that is done already.

        Heartbeats with the last account that is done.
        """
        with self.desk.books.reading() as books:
            done = books.evaluations.reached(message.evaluation_id, message.after, message.upto)
        while (page := self._read(message, done)) is not None:
            verdicts = {}
            for snapshot, policy in page.taken:
                beat(done)
                verdicts[snapshot.account.id] = _verdict(snapshot, policy)
            if not message.explicit:
                self._queue(message, page, verdicts)
            self._keep(message, page, verdicts)
            done = page.last
            beat(done)
        with self.desk.books.reading() as books:
            total = books.evaluations.total(message.evaluation_id, message.after, message.upto)
        return RangeEvaluated(**asdict(total))

    def _read(self, message: EvaluateRange, after: str) -> "_Page | None":
        """The next page: most of its accounts are inside their bands for sure, the others are read whole."""
        as_of, today = date.fromisoformat(message.as_of), self.desk.today()
        with self.desk.books.reading() as books:
            screening = Screening(
                books.connection, books.snapshots, as_of, today, message.explicit, lambda: beat(after)
            )
            screened = screening.page(after, message.upto, message.page_size, MOST_DOUBTFUL)
            if screened.last is None:
                return None
            taken = books.snapshots.of(screened.doubtful, as_of, today, message.explicit, self.desk.trade_date())
            versions = account_versions(books.connection, screened.doubtful)
        return _Page(after, screened.last, screened.accounts, taken, versions)

    def _queue(self, message: EvaluateRange, page: "_Page", verdicts: dict[str, Verdict]) -> None:
        """Queues what was decided so, some accounts at a time; what has changed since is decided again (QUEUE-3)."""
        flagged = [account_id for account_id, verdict in verdicts.items() if verdict.kind == "queued"]
        for first in range(0, len(flagged), LOCKED):
            some = flagged[first : first + LOCKED]
            with self.desk.books.transaction(actor("schedule")) as books:
                if not books.market.readable():
                    raise ApplicationError("a book is being loaded: the page is evaluated when that is done")
                books.queue.lock(some)
                now = account_versions(books.connection, some)
                changed = [account_id for account_id in some if now.get(account_id) != page.versions.get(account_id)]
                day = date.fromisoformat(message.as_of)
                for snapshot, policy in books.snapshots.of(
                    changed, day, self.desk.today(), message.explicit, self.desk.trade_date()
                ):
                    verdicts[snapshot.account.id] = _verdict(snapshot, policy)
                    if not snapshot.account.rebalancing:  # switched off since (QUEUE-2)
                        del verdicts[snapshot.account.id]
                        page.accounts -= 1
                found = [(each, verdicts[each]) for each in some if each in verdicts]
                books.queue.add_all(
                    [Queued(each, verdict.reasons, STANDING) for each, verdict in found if verdict.kind == "queued"]
                )

    def _keep(self, message: EvaluateRange, page: "_Page", verdicts: Mapping[str, Verdict]) -> None:
        """Notes what was found and what was not queued (QUEUE-4), and that the page is done."""
        result, notes = PageResult(page.accounts), list[Note]()
        for account_id, verdict in verdicts.items():
            if verdict.kind == "queued":
                primary = in_order(verdict.reasons)[0]
                result.queued[primary] = result.queued.get(primary, 0) + 1
            elif verdict.kind != "inside" and (finding := verdict.finding):
                why = verdict.why or QUEUE_4.code
                notes.append(Note(account_id, verdict.kind, why, finding.message, finding.evidence))
                result.count(verdict.kind, why)
        with self.desk.books.transaction(actor("schedule")) as books:
            if not books.evaluations.keep_page(message.evaluation_id, page.after, page.last, result, notes):
                raise ApplicationError(
                    f"the page behind {page.after!r} has been done by another attempt: go on behind it"
                )

    @step("end_evaluation")
    def end_evaluation(self, message: EndEvaluation) -> EvaluationResult:
        """Sums the pages up."""
        with self.desk.books.transaction(actor("schedule")) as books:
            total, ended = books.evaluations.end(message.evaluation_id)
            if ended:
                after = {"evaluation_id": message.evaluation_id, **asdict(total)}
                books.audit.record("evaluation ended", after=after)
            unable = [
                {"account_id": note.account_id, "why": note.why, "message": note.message}
                for note in books.evaluations.notes(message.evaluation_id, "unable_to_check", LISTED)
            ]
            return EvaluationResult(
                evaluation_id=message.evaluation_id, as_of=message.as_of, unable_accounts=unable, **asdict(total)
            )


@dataclass(slots=True)
class _Page:
    """The accounts behind `after`, up to `last`, and of those that are in doubt all that decides, with its version."""

    after: str
    last: str
    accounts: int
    taken: list[tuple[Snapshot, Policy]]
    versions: Mapping[str, str]


def _verdict(snapshot: Snapshot, policy: Policy) -> Verdict:
    """The domain's verdict; an account whose data makes the rules fail must not stop its page."""
    try:
        return evaluate(snapshot, policy)
    except (ArithmeticError, LookupError, ValueError) as flaw:
        return Verdict("unable_to_check", finding=error(QUEUE_3, f"{type(flaw).__name__}: {flaw}"), why=FAULT)
