"""What a request's workflow and its activities say to each other; the list of accounts stays in PostgreSQL."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from domain.values.outcome import Status

NAMED = 10  # how many ids a refusal lists


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class BeginRequest(_Message):
    """Chooses the accounts of a request, once: by name, from the queue, or those that failed in another request."""

    request_id: str
    requested_by: str
    start_key: str
    account_ids: tuple[str, ...] | None
    queue_reasons: tuple[str, ...] | None  # empty: every reason
    failed_of: str | None
    mode: str
    approval: str
    kind: str
    amount: Decimal | None
    override: tuple[str, ...]
    started_at: datetime | None = None  # by Temporal's clock
    signed: str | None = None
    digest: str = ""  # of the input, which is what is signed


class RequestBegun(_Message):
    """How many accounts the request has."""

    accounts: int


class AccountNote(_Message):
    """What became of a started account that its own rebalance can't tell."""

    account_id: str
    state: Literal["BUSY", "FAILED", "CANCELED"]
    issue: str | None = None


class TakeAccounts(_Message):
    """Asks for the next `size` accounts behind a position, and hands over what is to be noted of earlier ones."""

    request_id: str
    after: int
    size: int
    notes: list[AccountNote]


class AccountStanding(_Message):
    """Where one account stands: `outcome` is one of `domain.requests.OUTCOMES`."""

    account_id: str
    outcome: str
    issue: str | None = None
    rebalance_id: str | None = None


class AccountsTaken(_Message):
    """The accounts to start (outcome CHECKING, no rebalance yet) or to follow, and how the noted ones now stand."""

    entries: list[AccountStanding]
    noted: list[AccountStanding]


class DecideRequest(_Message):
    """What a person decided about all that is pending in a request, or about the accounts named."""

    request_id: str
    decision: Literal["approve", "cancel"]
    by: str
    reason: str | None
    account_ids: tuple[str, ...] | None
    plan: str | None = None  # of an approval: the digest of the list of plans that was shown (DECIDE-1)
    liquidations: tuple[str, ...] = ()  # the rebalances of that list that are liquidations
    unseen: bool = False
    up_to: int = 0  # the position up to which earlier runs took accounts
    signed: str | None = None
    at: datetime | None = None  # when it was accepted, by Temporal's clock
    workflow: bool = False  # the request's workflow itself was cancelled: nobody says so


class HandedPlans(_Message):
    """The plans that wait on earlier runs' accounts: their list's digest, and the first liquidations by rebalance."""

    plans: str = ""
    liquidations: list[str] = []


class AccountRefusal(_Message):
    """An account whose workflow refused what was decided, and why; `void` where it is being planned again."""

    account_id: str
    reason: str
    void: bool = False


class RequestDecided(_Message):
    """How many pending plans it is about, how many accounts will not be started for it, and who is not pending.

    `refused` says why nothing was decided at all.
    """

    pending: int
    not_started: int
    not_pending: list[str]  # of those named
    account_ids: list[str] | None = None  # of an approval: the accounts whose plans it is about
    liquidations: list[str] = []  # rebalances that wait for an approval by their own name
    refused: str | None = None
    left_out: list[AccountRefusal] = []  # of an approval of what was shown: what was planned again since, or has ended
    handed: HandedPlans | None = None  # what still waits of earlier runs' accounts


class TellAccounts(_Message):
    """Asks to tell accounts' workflows what was decided about them, at most `limit` of them."""

    request_id: str
    decisions: tuple[Literal["approve", "cancel"], ...]
    limit: int


class AccountApproved(_Message):
    """An account whose workflow took the approval of a round's plan, and goes to work."""

    account_id: str
    round: int


class AccountsTold(_Message):
    """Who was told, who refused, and whether any are left to tell."""

    approved: list[AccountApproved]
    cancelled: int
    refused: list[AccountRefusal]
    left: int


class LookAfter(_Message):
    """Asks how the accounts up to a position stand, and whether the workflows of those under way are alive.

    `own` are accounts of the run that asks, which are at work for longer than most.
    """

    request_id: str
    up_to: int
    issues: int  # how many accounts with an issue are wanted
    own: list[str] = []


class Looked(_Message):
    """Accounts by outcome, the first that have an issue, and the plans that wait."""

    counts: dict[str, int]
    issues: list[AccountStanding]
    handed: HandedPlans | None = None
    resting: int = 0  # accounts that execute, and have an order that works at its venue
    own_begun: list[str] = []  # of those asked about: what has a rebalance, so that any run can look after it
    own_resting: list[str] = []  # and what of that has an order that works at its venue


class SteerRequest(_Message):
    """A person pauses or resumes a request."""

    request_id: str
    stage: Literal["RUNNING", "PAUSED"]
    by: str
    signed: str | None = None
    at: datetime | None = None


class EndRequest(_Message):
    """Ends a request all of whose accounts have ended."""

    request_id: str


class AccountPending(_Message):
    """The signal with which an account's workflow tells its request's that a plan waits for an approval."""

    account_id: str
    rebalance_id: str
    round: int
    four_eyes: bool
    plan: str = ""  # its digest
    liquidation: bool = False


class AccountEnded(_Message):
    """What a request's workflow reads of an account's result."""

    rebalance_id: str
    status: Status
    issue: str | None = None


class RequestResult(_Message):
    """How a request ended: accounts by outcome, its status, and the first accounts that have an issue."""

    request_id: str
    status: Status
    accounts: int
    counts: dict[str, int]
    issues: list[dict[str, Any]] = []
