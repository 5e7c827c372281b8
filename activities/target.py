"""Check target: the first step. Takes the snapshot that every later step reads, and says whether it can be planned."""

from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.context import Desk, actor, refuse_automatic, step
from activities.faults import UNKNOWN_SIGNAL
from activities.messages import CheckTarget, TargetChecked
from activities.turns import InTheWay, by_turns, take_turn
from domain.days import DAY_3
from domain.executing.execution import EXEC_3
from domain.planning import checks, one_way
from domain.planning.signals import SIGNAL_1, signal
from domain.targets.components import components
from domain.targets.restrictions import limits
from domain.targets.targets import TargetRefused
from domain.targets.valuation import value
from domain.telling import plan_json
from domain.values.money import EXACT, cents, plain
from domain.values.outcome import issue
from domain.values.policy import Policy
from domain.values.purpose import Purpose
from domain.values.rules import Finding, error
from domain.values.snapshot import Snapshot
from domain.values.snapshot_json import kept, restored
from storage.connection import Transaction
from storage.market.reading import BookDay
from storage.proving import NOT_PROVEN
from storage.work.rebalances import SIGNAL, NewRebalance
from venues.paper import PAPER


class TargetSteps:
    """`check_target`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step("check_target")
    def check_target(self, message: CheckTarget) -> TargetChecked:
        """Finds or starts the rebalance, keeps its snapshot, and checks it (CHECK-1, CHECK-2, CHECK-3)."""
        return by_turns(self.desk, lambda alive: self._check_target(message, alive))

    def _check_target(self, message: CheckTarget, alive: Collection[str]) -> TargetChecked:
        with self.desk.books.transaction(actor(message.requested_by)) as books:
            books.accounts.locked(message.account_id)
            message, subject = _entitled(books, message, self.desk.today())
            if subject is not None:
                books.audit.actor = actor(message.requested_by)
            row = books.rebalances.by_start(message.start_key)
            rebalance_id, reasons = _started(books, message, subject, alive, row)
            day = books.market.book_day()
            snapshot, policy = self._snapshot(books, message, rebalance_id, row, day)
            findings = self._check(snapshot, policy, message, day is not None and day.historical)
            findings = findings or _superseded(snapshot, message)
            answer = TargetChecked(
                rebalance_id=rebalance_id,
                account_id=message.account_id,
                round=row.round if row is not None and row.round > message.round else message.round,
                as_of=str(snapshot.as_of),
                target=snapshot.account.target_id,
                target_version=snapshot.target.version if snapshot.target else None,
                liquidation=_liquidates(snapshot, policy, message, findings),
                managed_value=_worth(snapshot, policy) if not findings else None,
                four_eyes=snapshot.numbers(policy).four_eyes,
                queue_reasons=reasons,
                issue=issue(findings),
                findings=[plan_json.finding(finding) for finding in findings],
                clock_ahead=self.desk.clock.ahead,
                signed=books.proof.identity() == "signed",
                begun=row is not None and row.stage in {"EXECUTING", "RECONCILING", "ENDED"},
                at_once=True,
            )
            _record(books, answer, findings)
            return answer

    def _snapshot(
        self, books: Transaction, message: CheckTarget, rebalance_id: str, row: Any, day: BookDay | None
    ) -> tuple[Snapshot, Policy]:
        """What every step of the round decides from: taken and kept where the round is new, else as it was kept."""
        if row is not None and (row.round >= message.round or row.stage == "ENDED"):
            return restored(row.snapshot), Policy.from_json(row.policy)
        trade_date = self.desk.trade_date()
        seen = books.snapshots.seen(message.account_id, trade_date)
        snapshot, policy = books.snapshots.take(message.account_id, None, self.desk.today(), trade_date, day)
        books.rebalances.keep_snapshot(rebalance_id, message.round, kept(snapshot), policy.as_json(), seen)
        return snapshot, policy

    def _check(self, snapshot: Snapshot, policy: Policy, message: CheckTarget, historical: bool) -> list[Finding]:
        """What forbids this rebalance; the plan's own checks, asked early so that the reason is seen first."""
        custodian = snapshot.account.custodian
        if custodian not in self.desk.venues.names:
            return [
                error(
                    checks.CHECK_1,
                    f"account {snapshot.account.id} is at custodian {custodian}, which has no venue here: there is "
                    f"{', '.join(self.desk.venues.names)}",
                    custodian=custodian,
                )
            ]
        if historical and custodian != PAPER:
            return [
                error(
                    DAY_3,
                    f"the books are historical, of {snapshot.as_of}: nothing of them is sent to {custodian}, only to "
                    f"the venue {PAPER}. Load a live book to trade",
                    custodian=custodian,
                )
            ]
        with localcontext(EXACT):
            found = checks.check(snapshot, frozenset(message.override)) + one_way.check(snapshot, _purpose(message))
            if found:
                return found
            numbers = snapshot.numbers(policy)
            valuation = value(snapshot, numbers)
            gone = checks.is_liquidation(snapshot, valuation, _purpose(message))
            found = [] if gone and valuation.reserved else checks.check_value(snapshot, valuation)
            if found:
                return found
            try:
                components(snapshot, valuation, numbers, limits(snapshot, {}), gone)
            except TargetRefused as flaw:
                return [Finding(flaw.rule.code, "error", str(flaw))]
            return []


def _started(
    books: Transaction, message: CheckTarget, subject: str | None, alive: Collection[str], row: Any
) -> tuple[str, list[str]]:
    """The rebalance of this start, which is started where there is none, and why its account is in the queue.

    What is in no queue joins it: somebody asked for it (QUEUE-6).
    """
    entry = books.queue.entry(message.account_id)
    reasons = entry.reasons if entry else []
    if row is not None:
        return row.id, reasons
    _orphans_aside(books, message, alive)
    rebalance_id = books.rebalances.create(_new(message, subject))
    if message.kind != SIGNAL and entry is None:
        reasons = ["MANUAL"]
        books.queue.open(message.account_id, {"MANUAL": {"requested_by": message.requested_by}})
    return rebalance_id, reasons


def _record(books: Transaction, answer: TargetChecked, findings: Sequence[Finding]) -> None:
    """Where names are typed it is recorded as it was before decisions could be signed."""
    unsaid = {"rebalance_id", "account_id", "clock_ahead", "at_once"}
    unsaid |= {"signed"} if not answer.signed else set()
    books.audit.record(
        "target checked",
        account_id=answer.account_id,
        rebalance_id=answer.rebalance_id,
        rule=findings[0].rule if findings else checks.CHECK_1.code,
        after=answer.model_dump(mode="json", exclude=unsaid),
    )


def _orphans_aside(books: Transaction, message: CheckTarget, alive: Collection[str]) -> None:
    """Raises InTheWay of a rebalance that may be an orphan (terminated, or its server lost), before a new one starts.

    One of this workflow's own name is gone, as only one of a name runs; of another's Temporal is asked, and one that
    still runs is told of in what is not tried again. A model signal starts beside a rebalance that waits for an
    approval, and waits itself for one that trades; one whose workflow is gone is ended by whatever starts next.
    """
    mine = activity.info().workflow_id or ""
    others = books.rebalances.under_way(message.account_id)
    for other in others:
        if other.kind == SIGNAL and other.workflow_id != mine and other.start_key not in alive:
            raise InTheWay(other, None)
    if message.kind == SIGNAL:
        orphan = books.rebalances.left_behind(mine)
        if orphan is not None:
            raise InTheWay(orphan, None, known_gone=True)
        take_turn(books, message.account_id)
        return
    orphan = next((other for other in others if other.kind != SIGNAL), None)
    if orphan is None:
        return
    if orphan.workflow_id != mine:
        told = (
            f"rebalance refused: {orphan.id} is under way on account {message.account_id} in workflow "
            f"{orphan.workflow_id} ({EXEC_3.code}). Wait for it, or cancel it: rebalancer cancel {orphan.id}"
        )
        raise InTheWay(orphan, ApplicationError(told, type="RebalanceUnderWay", non_retryable=True))
    if orphan.workflow_started_at > message.started_at:
        raise ApplicationError(
            f"{orphan.id} on account {message.account_id} is of a newer start than this step: nothing is done",
            type="Superseded",
            non_retryable=True,
        )
    raise InTheWay(orphan, None, known_gone=True)


def _entitled(books: Transaction, message: CheckTarget, today: date) -> tuple[CheckTarget, str | None]:
    """The message with who asked, and their subject where that is proven; raises what is not retried where nobody may.

    A signal's rebalance needs the row of a signal that was received and begun, which says how much changes and who
    sent it (SIGNAL-1). Who else may ask for it is policy.
    """
    if message.signal is not None:
        model_id, version = message.signal["model"], message.signal["version"]
        row = books.signals.row(model_id, version)
        if row is None or row.begun_at is None:
            raise ApplicationError(
                f"rebalance refused: no signal of version {version} of model {model_id} is being applied "
                f"({SIGNAL_1.code}). A manager's signal comes by `rebalancer model signal FILE`",
                type=UNKNOWN_SIGNAL,
                non_retryable=True,
            )
        given = {**message.signal, "largest_change": plain(row.largest_change)}
        return message.model_copy(update={"signal": given, "requested_by": row.received_by}), None
    request = books.requests.signed_for(message.request_id, message.account_id) if message.request_id else None
    if request is None and books.proof.identity() == "signed":
        raise ApplicationError(
            f"rebalance refused: no signed request is for account {message.account_id}, and whoever submits "
            "has to sign in here. Submit it at the console, or by the API with a token",
            type=NOT_PROVEN,
            non_retryable=True,
        )
    if request is not None:
        asked = {"requested_by": request.requested_by, "mode": request.mode, "approval": request.approval}
        asked |= {"kind": request.kind, "amount": request.amount, "override": tuple(request.overrides)}
        message = message.model_copy(update=asked)
    if message.approval == "automatic":
        refuse_automatic(message.requested_by, today)
    return message, None if request is None else request.requested_subject


def _superseded(snapshot: Snapshot, message: CheckTarget) -> list[Finding]:
    """A signal whose model has a newer version by now does nothing: the newer one's signal trades."""
    if message.signal is None:
        return []
    model_id, version = message.signal["model"], message.signal["version"]
    newest = snapshot.models[model_id].version if model_id in snapshot.models else version
    if newest == version:
        return []
    return [
        error(
            SIGNAL_1,
            f"version {version} of model {model_id} was overtaken by version {newest}, which trades in its place",
            model=model_id,
            version=version,
            newest=newest,
        )
    ]


def _new(message: CheckTarget, subject: str | None) -> NewRebalance:
    return NewRebalance(
        account_id=message.account_id,
        start_key=message.start_key,
        workflow_id=activity.info().workflow_id or "",
        request_id=message.request_id,
        purpose=_purpose(message),
        mode=message.mode,
        approval=message.approval,
        requested_by=message.requested_by,
        overrides=message.override,
        workflow_started_at=message.started_at,
        requested_subject=subject,
    )


def _purpose(message: CheckTarget) -> Purpose:
    if message.signal is not None:
        return signal(message.signal["model"], Decimal(message.signal["largest_change"]))
    return Purpose(message.kind, message.amount)


def _liquidates(snapshot: Snapshot, policy: Policy, message: CheckTarget, refused: Sequence[Finding]) -> bool:
    """True where everything is sold to cash (CHECK-3, CASH-3); of what can't be valued the target alone decides."""
    if refused:
        return snapshot.target is None and message.kind == "full"
    with localcontext(EXACT):
        valuation = value(snapshot, snapshot.numbers(policy))
        return checks.is_liquidation(snapshot, valuation, _purpose(message))


def _worth(snapshot: Snapshot, policy: Policy) -> str:
    with localcontext(EXACT):
        return cents(value(snapshot, snapshot.numbers(policy)).managed_value)
