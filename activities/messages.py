"""What workflows and activities say to each other: ids, outcomes and numbers, small enough to read in a history.

Snapshots and plans stay in PostgreSQL under the rebalance's id.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from domain.values.outcome import Status
from domain.values.purpose import Kind


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class CheckTarget(_Message):
    """Starts a rebalance, or another round of it where the account changed before approval (EXEC-3)."""

    account_id: str
    requested_by: str
    mode: str
    approval: str
    kind: Kind
    amount: Decimal | None = None
    request_id: str | None
    override: tuple[str, ...]
    start_key: str
    started_at: datetime
    round: int
    signal: dict[str, Any] | None = None  # of a model signal's: `model`, `version`, `largest_change`


class Step(_Message):
    """Which rebalance a step is about, and which round of it."""

    rebalance_id: str
    account_id: str
    round: int = 1


class EndOrphan(_Message):
    """A rebalance whose workflow is gone is brought to its end, as somebody asked."""

    rebalance_id: str
    requested_by: str


class TargetChecked(_Message):
    """What the rebalance decides from. `issue` says why the account was refused; the rest is then of no use."""

    rebalance_id: str
    account_id: str
    round: int
    as_of: str
    target: str | None
    target_version: int | None
    liquidation: bool
    managed_value: str | None
    four_eyes: bool
    queue_reasons: list[str]
    issue: str | None = None
    findings: list[dict[str, Any]] = []
    clock_ahead: timedelta = timedelta()  # of the worker's clock to the server's: none but where another was handed in
    signed: bool = False  # decisions have to be signed here
    begun: bool = False  # a reset workflow comes by a rebalance that was approved, or has its end, already
    at_once: bool = False  # one step begins and sends where nobody waits for an answer; histories of before have two


class SleevesVerified(_Message):
    """Each model sleeve: open, opening or closing."""

    sleeves: dict[str, str]


class MinimumsChecked(_Message):
    """Which openings meet their minimum, and what the others lack."""

    accepted: list[str]
    rejected: list[dict[str, Any]]


class TradesGenerated(_Message):
    """The plan in short; the whole of it is kept under the rebalance's id."""

    sells: int
    buys: int
    transfers: int
    skipped: int
    sold: str
    bought: str
    expected_status: str
    expires_at: datetime
    plan: str = ""  # the plan's digest, which an approval names (DECIDE-1)

    @property
    def has_trades(self) -> bool:
        """True where there is anything to execute."""
        return bool(self.sells or self.buys or self.transfers)


class BeginExecution(_Message):
    """An approval, by a person or by the request's own policy."""

    rebalance_id: str
    account_id: str
    round: int
    approved_by: str
    approved_at: datetime
    plan: str | None = None  # the digest of what was shown; None where nobody had to look
    unseen: bool = False
    signed: str | None = None  # who approved, proven: `storage/proving.py`


class SubmitTrades(Step):
    """Sends what was approved. With an `approval` that nobody waits for an answer to, its execution is begun first."""

    approval: BeginExecution | None = None


class ExecutionBegun(_Message):
    """`changed` names what is different from what was planned (EXEC-3), `expired`: the close has passed (DAY-6).

    `refused` says why the approval is not proven, `busy` that another rebalance trades on the account. In all these
    cases nothing was begun. Where sending waits for an open, `opens_at` is it; where orders were handed over to the
    venue's desk at once, or `sent` by the same step, `stands` is how they do.
    """

    changed: list[str]
    expired: bool = False
    refused: str | None = None
    busy: bool = False
    opens_at: datetime | None = None
    stands: "OrdersSubmitted | None" = None
    sent: bool = False

    @property
    def begins(self) -> bool:
        """True where the execution has begun."""
        return not (self.changed or self.expired or self.busy) and self.refused is None

    @property
    def out(self) -> bool:
        """True where orders are at the venue, or may be."""
        return self.sent and self.stands is not None and self.stands.statuses.keys() != {"NEW"}


class VerifyDecision(Step):
    """Asks whether a decision other than an approval is proven: those are where execution begins."""

    act: Literal["cancel"]
    by: str
    signed: str | None
    at: datetime


class DecisionVerified(_Message):
    """`refused` says why a decision is not proven, and None that it counts."""

    refused: str | None


class CollectFills(Step):
    """Asks after orders that work at the venue. `stop` says why what is open is cancelled now.

    With `timed_out` only time did: what its venue keeps for the next open stays (DAY-6).
    """

    stop: str | None
    timed_out: bool = False


class OrdersSubmitted(_Message):
    """How the orders stand, by status, and what buys gave up because sells brought less (ORDER-4).

    `working` are at the venue without a last word, `sendable` are not there yet though nothing but the venue's rate
    limit or its session holds them: they are sent from `opens_at` on, where that is given (DAY-6). What is open at
    `give_up_at` is cancelled. `at_desk` are in blocks, or wait for one: the desk tells when all have their last word.
    """

    statuses: dict[str, int]
    resized: list[str]
    working: int = 0
    sendable: int = 0
    give_up_at: datetime | None = None
    opens_at: datetime | None = None
    at_desk: int = 0

    @property
    def open(self) -> bool:
        """True where not every order has its last word."""
        return bool(self.working or self.sendable or self.at_desk)


class CloseRebalance(_Message):
    """Ends a rebalance that executes nothing. `start_key` finds it where its id never came back to the workflow."""

    start_key: str
    account_id: str
    status: str | None  # None: as the plan expects
    by: str | None = None
    issue: str | None = None
    findings: list[dict[str, Any]] = []  # of the checks, where there is no plan that has them


class BeginEvaluation(_Message):
    """Starts an evaluation; its id is the workflow's start. `as_of` is None where nobody asked for a day.

    `range_size` is how many accounts a range has at least.
    """

    evaluation_id: str
    as_of: str | None
    range_size: int
    scheduled_at: datetime | None = None  # of a schedule's run: a backfilled one is of a day gone by


class EvaluationBegun(_Message):
    """The day that is evaluated, and the ranges: the last account of each but the last, which is open."""

    as_of: str
    bounds: list[str]
    looking_back: bool = False


class EvaluateRange(_Message):
    """A range of the daily evaluation: the accounts behind `after`, up to `upto`, in pages of `page_size`.

    `explicit` says that somebody asked for the day: then nobody is queued (DAY-7).
    """

    evaluation_id: str
    as_of: str
    explicit: bool
    after: str
    upto: str | None
    page_size: int


class RangeEvaluated(_Message):
    """A range's counts: accounts looked at, queued by primary reason, unable to check by the kind of trouble."""

    evaluated: int
    queued: dict[str, int]
    unable_to_check: int
    unable: dict[str, int]
    within: int


class EndEvaluation(_Message):
    """Sums an evaluation up."""

    evaluation_id: str
    as_of: str


class RebalanceResult(_Message):
    """How one rebalance ended."""

    rebalance_id: str
    account_id: str
    status: Status
    issue: str | None = None
    components: list[dict[str, Any]] = []
    orders: list[dict[str, Any]] = []
    breaks: list[dict[str, Any]] = []
    findings: list[dict[str, Any]] = []


class EvaluationResult(_Message):
    """What an evaluation found: accounts looked at, queued by primary reason, unable to check.

    `unable` counts those by the kind of trouble, and `unable_accounts` lists the first of them; the command lists all.
    """

    evaluation_id: str
    as_of: str
    evaluated: int
    queued: dict[str, int]
    unable_to_check: int
    unable: dict[str, int] = {}
    unable_accounts: list[dict[str, str]] = []
    within: int


class Refusal(_Message):
    """What somebody asked of a workflow and did not get, when and why: for the audit record, not for a step."""

    at: datetime
    action: str
    who: str
    account_id: str | None
    workflow_id: str
    run_id: str
    given: str
    reason: str


class ArchivePage(_Message):
    """One page of the closed workflows of a task queue; `since`: only those closed then or later."""

    task_queue: str
    since: str | None
    token: str | None
    size: int


class PageArchived(_Message):
    """How many closed workflows were seen, and how many of them were not archived yet. `token` finds the next page."""

    seen: int
    archived: int
    token: str | None


class SealDay(_Message):
    """Asks for the day's seal over the audit record."""


class DaySealed(_Message):
    """The seal that was made, with its hash; None where the day has one, or nothing was recorded."""

    seal: int | None
    hash: str | None


class KeepMonths(_Message):
    """Asks that what is kept by the month has its months ahead, and no more of those past than policy says."""


class MonthsKept(_Message):
    """The partitions that were made, and those that were dropped."""

    made: list[str]
    dropped: list[str]


class ArchiveResult(_Message):
    """What a sweep found; the next one looks at what closed since `swept_until`."""

    seen: int
    archived: int
    swept_until: str
    seal: int | None = None
    seal_hash: str | None = None
