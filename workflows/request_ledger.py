"""What one run of a request's workflow knows of the request's accounts: its own one by one, all others as counts.

The whole list stays in PostgreSQL. A run holds at most the accounts that it started itself; those of earlier runs that
wait for an approval are *handed on*: counted, and looked after in the database.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from activities.request_messages import AccountNote, AccountPending, AccountsTaken, AccountsTold, HandedPlans, Looked
from domain.approvals import listed
from domain.requests import NOT_STARTED, has_ended, in_order

ISSUES = 50  # how many accounts' issues the query lists; `rebalancer show` lists them all
ADOPTED = "ADOPTED"  # started by a run that was reset: the next run looks after it
_WORKING = ("CHECKING", "EXECUTING", "RECONCILING")  # takes a place in the window
_PENDING = ("PENDING_APPROVAL", "APPROVED")


@dataclass
class Ledger:
    """`cursor` is the position up to which accounts were taken; `own` the outcomes of those this run took."""

    total: int = 0
    base: int = 0  # the position up to which earlier runs took accounts
    cursor: int = 0
    handed: dict[str, int] = field(default_factory=dict)  # earlier runs' accounts, by outcome
    own: dict[str, str] = field(default_factory=dict)
    rounds: dict[str, int] = field(default_factory=dict)  # the round of the plan that waits, or waited last
    plans: dict[str, AccountPending] = field(default_factory=dict)  # of own accounts: what waits, or waited last
    handed_plans: HandedPlans = field(default_factory=HandedPlans)  # those that wait of earlier runs' accounts
    begun: set[str] = field(default_factory=set)  # own accounts whose rebalance is in the books: any run can follow it
    resting: set[str] = field(default_factory=set)  # own accounts that merely wait for an order at the venue
    handed_resting: int = 0  # and how many of earlier runs' do
    decided: set[str] = field(default_factory=set)  # own accounts whose pending plan was decided about
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
        return sum(outcome == "CHECKING" for outcome in self.own.values())

    @property
    def own_working(self) -> int:
        """Accounts of this run that are being planned or executed; who merely waits at the venue is not."""
        return sum(outcome in _WORKING and each not in self.resting for each, outcome in self.own.items())

    @property
    def at_work(self) -> list[str]:
        """Accounts of this run that are being planned or executed, or wait at the venue."""
        return [each for each, outcome in self.own.items() if outcome in _WORKING]

    @property
    def only_here(self) -> bool:
        """True where an account at work can be followed by nobody but this run: its rebalance is not in the books."""
        return any(each not in self.begun for each in self.at_work)

    @property
    def working(self) -> int:
        """Places of the window that are taken."""
        return self.own_working + len(self.taken) + self._handed_working

    @property
    def _handed_working(self) -> int:
        return sum(self.handed.get(outcome, 0) for outcome in _WORKING) - self.handed_resting

    @property
    def pending(self) -> int:
        """Plans that wait for somebody to decide about them."""
        own = sum(outcome == "PENDING_APPROVAL" and each not in self.decided for each, outcome in self.own.items())
        return own + self.handed.get("PENDING_APPROVAL", 0)

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
        for each, outcome in self.own.items():
            if outcome == "PENDING_APPROVAL" and each not in self.decided and each in self.plans:
                yield self.plans[each]

    @property
    def handed_open(self) -> int:
        """Accounts of earlier runs that have not ended."""
        return sum(count for outcome, count in self.handed.items() if not has_ended(outcome))

    @property
    def handed_at_work(self) -> bool:
        """True where accounts of earlier runs will end soon, without anybody deciding anything more."""
        return bool(self._handed_working or self.handed.get("APPROVED"))

    @property
    def adopted(self) -> bool:
        """True where only another run can look after some account."""
        return ADOPTED in self.own.values()

    @property
    def all_ended(self) -> bool:
        """True where no account needs anything more."""
        return (
            self.not_started == 0
            and not self.notes
            and self.handed_open == 0
            and all(map(has_ended, self.own.values()))
        )

    def counts(self) -> dict[str, int]:
        """All accounts of the request by outcome."""
        counted = Counter("CHECKING" if outcome == ADOPTED else outcome for outcome in self.own.values())
        counted.update(self.handed)
        counted["CANCELED" if self.closed else NOT_STARTED] += self.total - self.cursor
        return in_order(counted)

    # --- what happens

    def took(self, size: int, answer: AccountsTaken) -> None:
        """The next accounts came, and what was noted of others."""
        self.cursor = min(self.total, self.cursor + size)
        for each in answer.noted:
            self.own[each.account_id] = each.outcome if has_ended(each.outcome) else ADOPTED
            self._issue(each.account_id, each.outcome, each.issue, each.rebalance_id)
        for each in answer.entries:
            if each.outcome == "CHECKING" and each.rebalance_id is None:
                self.own[each.account_id] = NOT_STARTED
                self.taken.append(each.account_id)
            elif has_ended(each.outcome):
                self.own[each.account_id] = each.outcome
                self._issue(each.account_id, each.outcome, each.issue, each.rebalance_id)
            else:
                self.own[each.account_id] = ADOPTED

    def started(self, account_id: str) -> None:
        """Its workflow is being started."""
        self.own[account_id] = "CHECKING"

    def ended(self, account_id: str, status: str, issue: str | None, rebalance_id: str) -> None:
        """Its workflow came to an end of the rule book."""
        self.own[account_id] = status
        if rebalance_id:
            self._issue(account_id, status, issue, rebalance_id)
        else:  # it ended before there was a rebalance that could tell
            self.note(account_id, "CANCELED", issue or "its workflow was cancelled")

    def note(self, account_id: str, state: Any, issue: str | None) -> None:
        """What became of it, for the database to remember."""
        self.own[account_id] = state
        self.notes.append(AccountNote(account_id=account_id, state=state, issue=issue))

    def is_pending(self, said: AccountPending) -> bool:
        """A plan waits for an approval; False where the account is not one of this run's."""
        if said.account_id not in self.own:
            return False
        if not has_ended(self.own[said.account_id]) and said.round > self.rounds.get(said.account_id, 0):
            self.own[said.account_id] = "PENDING_APPROVAL"
            self.rounds[said.account_id] = said.round
            self.plans[said.account_id] = said
            self.decided.discard(said.account_id)
        return True

    def decide(self, approved: bool, account_ids: Sequence[str] | None) -> None:
        """A person decided about pending plans, all or those of the accounts named."""
        for each in tuple(self.own) if account_ids is None else account_ids:
            if self.own.get(each) == "PENDING_APPROVAL":
                self.decided.add(each)
                if approved:
                    self.own[each] = "APPROVED"

    def told(self, answer: AccountsTold) -> None:
        """Workflows took the decision, or refused it."""
        for each in answer.approved:
            if each.account_id not in self.own:
                self.handed["EXECUTING"] = self.handed.get("EXECUTING", 0) + 1  # the next look has it exactly
            elif self.own[each.account_id] in _PENDING and self.rounds.get(each.account_id) == each.round:
                self.own[each.account_id] = "EXECUTING"
        for refusal in answer.refused:
            self.decided.discard(refusal.account_id)
            if self.own.get(refusal.account_id) == "APPROVED":
                self.own[refusal.account_id] = "CHECKING" if refusal.void else "PENDING_APPROVAL"

    def looked(self, answer: Looked) -> None:
        """Earlier runs' accounts, as the database has them now."""
        self.handed = dict(answer.counts)
        self.handed_plans, self.handed_resting = answer.handed or HandedPlans(), answer.resting
        self.begun.update(answer.own_begun)
        self.resting = set(answer.own_resting)
        for each in answer.issues:
            self._issue(each.account_id, each.outcome, each.issue, each.rebalance_id)

    def _issue(self, account_id: str, status: str, issue: str | None, rebalance_id: str | None) -> None:
        if not issue or any(each["account_id"] == account_id for each in self.issues):
            return
        if len(self.issues) < ISSUES:
            told = {"account_id": account_id, "status": status, "issue": issue, "rebalance_id": rebalance_id}
            self.issues.append(told)
        else:
            self.issues_left_off += 1
