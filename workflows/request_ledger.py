"""What one run of a request's workflow knows of the request's accounts: its own one by one, all others as counts.

The whole list stays in PostgreSQL. A run holds at most the accounts that it started itself; those of earlier runs that
wait for an approval are *handed on*: counted, and looked after in the database.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from activities.request_messages import AccountNote, AccountPending, AccountsTaken, AccountsTold, HandedPlans, Looked
from domain.approvals import listed
from domain.requests import NOT_STARTED, has_ended, in_order

ISSUES = 50  # how many accounts' issues the query lists; `rebalancer show` lists them all


class At(StrEnum):
    """Where an account stands before it has ended; then it stands at one of the five statuses, or at BUSY.

    | an account at    | takes a place  | what moves it on                                                      |
    | ---------------- | -------------- | --------------------------------------------------------------------- |
    | NOT_STARTED      | yes, as taken  | its workflow is started: CHECKING                                     |
    | CHECKING         | yes            | its plan waits for somebody: PENDING_APPROVAL                         |
    | PENDING_APPROVAL | no             | somebody approves: APPROVED; its workflow took that: EXECUTING        |
    | APPROVED         | no             | its workflow took that: EXECUTING; refused it: PENDING_APPROVAL; has  |
    |                  |                | to plan again: CHECKING                                               |
    | EXECUTING        | unless it      | it ends                                                               |
    | RECONCILING      | merely rests   | it ends                                                               |
    | ADOPTED          | no             | started by a run that was reset: the next run looks after it          |

    Whatever it stands at, it may end; and before it has, another round of its plan may come to wait.
    """

    NOT_STARTED = NOT_STARTED
    CHECKING = "CHECKING"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    APPROVED = "APPROVED"
    EXECUTING = "EXECUTING"
    RECONCILING = "RECONCILING"
    ADOPTED = "ADOPTED"


AT_WORK = frozenset({At.CHECKING, At.EXECUTING, At.RECONCILING})
WAITS = frozenset({At.PENDING_APPROVAL, At.APPROVED})


@dataclass(slots=True)
class OwnAccount:
    """An account that this run took: where it stands (`At`, or as it ended), and the plan of it that waits, or waited
    last; whether somebody decided about that, whether its rebalance is in the books, so that any run can follow it, and
    whether it merely waits for an order at the venue.
    """

    at: str
    plan: AccountPending | None = None
    decided: bool = False
    begun: bool = False
    resting: bool = False

    @property
    def ended(self) -> bool:
        """True where nothing more is needed of it."""
        return has_ended(self.at)

    @property
    def works(self) -> bool:
        """True while it is being planned or executed, or waits at the venue."""
        return self.at in AT_WORK

    @property
    def pending(self) -> bool:
        """True while its plan waits for somebody to decide about it."""
        return self.at == At.PENDING_APPROVAL and not self.decided


@dataclass
class Ledger:
    """`cursor` is the position up to which accounts were taken; `own` those that this run took."""

    total: int = 0
    base: int = 0  # the position up to which earlier runs took accounts
    cursor: int = 0
    handed: dict[str, int] = field(default_factory=dict)  # earlier runs' accounts, by outcome
    own: dict[str, OwnAccount] = field(default_factory=dict)
    handed_plans: HandedPlans = field(default_factory=HandedPlans)  # those that wait of earlier runs' accounts
    handed_resting: int = 0  # of earlier runs' accounts, those that merely wait for an order at the venue
    taken: list[str] = field(default_factory=list)  # to be started
    notes: list[AccountNote] = field(default_factory=list)  # to be written down
    closed: bool = False  # cancelled as a whole: what was not taken never will be
    issues: list[dict[str, Any]] = field(default_factory=list)
    issues_left_off: int = 0

    # --- what is there

    @property
    def remaining(self) -> int:
        """Accounts that were neither taken nor given up."""
        return 0 if self.closed else self.total - self.cursor

    @property
    def not_started(self) -> int:
        """Accounts that a cancellation would still keep from starting."""
        return self.remaining + len(self.taken)

    @property
    def planned(self) -> int:
        """Accounts of this run whose plan is not there yet, or is not known to wait for an approval."""
        return sum(each.at == At.CHECKING for each in self.own.values())

    @property
    def own_working(self) -> int:
        """Accounts of this run that are being planned or executed; who merely waits at the venue is not."""
        return sum(each.works and not each.resting for each in self.own.values())

    @property
    def at_work(self) -> list[str]:
        """Accounts of this run that are being planned or executed, or wait at the venue."""
        return [name for name, each in self.own.items() if each.works]

    @property
    def only_here(self) -> bool:
        """True where an account at work can be followed by nobody but this run: its rebalance is not in the books."""
        return any(each.works and not each.begun for each in self.own.values())

    @property
    def working(self) -> int:
        """Places of the window that are taken."""
        return self.own_working + len(self.taken) + self._handed_working

    @property
    def _handed_working(self) -> int:
        return sum(self.handed.get(outcome, 0) for outcome in AT_WORK) - self.handed_resting

    @property
    def pending(self) -> int:
        """Plans that wait for somebody to decide about them."""
        return sum(each.pending for each in self.own.values()) + self.handed.get(At.PENDING_APPROVAL, 0)

    @property
    def listed(self) -> str:
        """The digest of the plans that wait, liquidations left out: what an approval names (DECIDE-1)."""
        own = (each for each in self._own_pending() if not each.liquidation)
        return listed(((each.rebalance_id, each.plan) for each in own), self.handed_plans.plans)

    @property
    def liquidations(self) -> list[str]:
        """The first rebalances that wait for an approval by their own name."""
        own = [each.rebalance_id for each in self._own_pending() if each.liquidation]
        return [*self.handed_plans.liquidations, *own][:ISSUES]

    def _own_pending(self) -> Iterator[AccountPending]:
        return (each.plan for each in self.own.values() if each.pending and each.plan is not None)

    @property
    def handed_open(self) -> int:
        """Accounts of earlier runs that have not ended."""
        return sum(count for outcome, count in self.handed.items() if not has_ended(outcome))

    @property
    def handed_at_work(self) -> bool:
        """True where accounts of earlier runs will end soon, without anybody deciding anything more."""
        return bool(self._handed_working or self.handed.get(At.APPROVED))

    @property
    def adopted(self) -> bool:
        """True where only another run can look after some account."""
        return any(each.at == At.ADOPTED for each in self.own.values())

    @property
    def all_ended(self) -> bool:
        """True where no account needs anything more."""
        return (
            self.not_started == 0
            and not self.notes
            and self.handed_open == 0
            and all(each.ended for each in self.own.values())
        )

    def counts(self) -> dict[str, int]:
        """All accounts of the request by outcome."""
        counted = Counter(str(At.CHECKING if each.at == At.ADOPTED else each.at) for each in self.own.values())
        counted.update(self.handed)
        counted["CANCELED" if self.closed else NOT_STARTED] += self.total - self.cursor
        return in_order(counted)

    # --- what happens

    def took(self, size: int, answer: AccountsTaken) -> None:
        """The next accounts came, and what was noted of others."""
        self.cursor = min(self.total, self.cursor + size)
        for each in answer.noted:
            self._stands(each.account_id, each.outcome if has_ended(each.outcome) else At.ADOPTED)
            self._issue(each.account_id, each.outcome, each.issue, each.rebalance_id)
        for each in answer.entries:
            if each.outcome == At.CHECKING and each.rebalance_id is None:
                self._stands(each.account_id, At.NOT_STARTED)
                self.taken.append(each.account_id)
            elif has_ended(each.outcome):
                self._stands(each.account_id, each.outcome)
                self._issue(each.account_id, each.outcome, each.issue, each.rebalance_id)
            else:
                self._stands(each.account_id, At.ADOPTED)

    def started(self, account_id: str) -> None:
        """Its workflow is being started."""
        self._stands(account_id, At.CHECKING)

    def ended(self, account_id: str, status: str, issue: str | None, rebalance_id: str) -> None:
        """Its workflow came to an end of the rule book."""
        self._stands(account_id, status)
        if rebalance_id:
            self._issue(account_id, status, issue, rebalance_id)
        else:  # it ended before there was a rebalance that could tell
            self.note(account_id, "CANCELED", issue or "its workflow was cancelled")

    def note(self, account_id: str, state: Any, issue: str | None) -> None:
        """What became of it, for the database to remember."""
        self._stands(account_id, state)
        self.notes.append(AccountNote(account_id=account_id, state=state, issue=issue))

    def is_pending(self, said: AccountPending) -> bool:
        """A plan waits for an approval; False where the account is not one of this run's."""
        own = self.own.get(said.account_id)
        if own is None:
            return False
        if not own.ended and said.round > (own.plan.round if own.plan else 0):
            own.at, own.plan, own.decided = At.PENDING_APPROVAL, said, False
        return True

    def decide(self, approved: bool, account_ids: Sequence[str] | None) -> None:
        """A person decided about pending plans, all or those of the accounts named."""
        for each in self.own if account_ids is None else account_ids:
            own = self.own.get(each)
            if own is not None and own.at == At.PENDING_APPROVAL:
                own.decided = True
                if approved:
                    own.at = At.APPROVED

    def told(self, answer: AccountsTold) -> None:
        """Workflows took the decision, or refused it."""
        for each in answer.approved:
            own = self.own.get(each.account_id)
            if own is None:
                self.handed[At.EXECUTING] = self.handed.get(At.EXECUTING, 0) + 1  # the next look has it exactly
            elif own.at in WAITS and own.plan is not None and own.plan.round == each.round:
                own.at = At.EXECUTING
        for refusal in answer.refused:
            own = self.own.get(refusal.account_id)
            if own is None:
                continue
            own.decided = False
            if own.at == At.APPROVED:
                own.at = At.CHECKING if refusal.void else At.PENDING_APPROVAL

    def looked(self, answer: Looked) -> None:
        """Earlier runs' accounts, as the database has them now."""
        self.handed = dict(answer.counts)
        self.handed_plans, self.handed_resting = answer.handed or HandedPlans(), answer.resting
        begun, resting = set(answer.own_begun), set(answer.own_resting)
        for name, own in self.own.items():
            own.begun, own.resting = own.begun or name in begun, name in resting
        for each in answer.issues:
            self._issue(each.account_id, each.outcome, each.issue, each.rebalance_id)

    def _stands(self, account_id: str, at: str) -> None:
        """The account is there now, whatever is known of it besides."""
        self.own.setdefault(account_id, OwnAccount(at)).at = at

    def _issue(self, account_id: str, status: str, issue: str | None, rebalance_id: str | None) -> None:
        if not issue or any(each["account_id"] == account_id for each in self.issues):
            return
        if len(self.issues) < ISSUES:
            told = {"account_id": account_id, "status": status, "issue": issue, "rebalance_id": rebalance_id}
            self.issues.append(told)
        else:
            self.issues_left_off += 1
