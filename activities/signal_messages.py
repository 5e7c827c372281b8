"""What `ApplyModelSignal` and its activities say to each other: ids, outcomes and numbers."""

from pydantic import BaseModel, ConfigDict


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class BeginSignal(_Message):
    """A model's version that is to be traded."""

    model_id: str
    version: int


class SignalBegun(_Message):
    """By how much any weight changes, as a fraction of one (SIGNAL-2), how many accounts hold a sleeve of it, and in
    which order their custodians take their turns (ROT-1).
    """

    largest_change: str
    sleeves: int
    requested_by: str
    custodians: tuple[str, ...] = ()


class SelectSleeves(BeginSignal):
    """The next accounts behind `after` with an open sleeve of the model, custodian by custodian (ROT-1)."""

    custodians: tuple[str, ...] = ()
    largest_change: str
    requested_by: str
    request_id: str
    start: str  # names this start of the signal's workflow: the same when it is reset
    after: str
    size: int


class SleevesSelected(_Message):
    """What became of a page of sleeves. `trading` are the accounts that something is to be traded on.

    `last` is the page's last account, None where there was none left. `pending` are workflows of the page's accounts
    with a plan that the signal makes old, by account. `superseded_by` is a newer version, which trades in place of
    this one: then nothing was done.
    """

    last: str | None
    trading: list[str] = []
    traded: int = 0  # by an earlier start of the same signal
    skipped: int = 0
    failed: int = 0
    pending: dict[str, str] = {}
    superseded_by: int | None = None


class FindOldPlans(BeginSignal):
    """The next rebalances behind `after` that wait for an approval of a plan with another version of the model."""

    after: str
    size: int


class LookAfterSleeves(_Message):
    """Asks about accounts that a signal trades: of this run, and handed on by earlier ones."""

    request_id: str
    own: list[str]
    handed: list[str]


class SleevesLooked(_Message):
    """`resting` merely wait for an order at the venue, their own or of the rebalance whose turn it is.

    `ended` says of accounts that were handed on which count they belong to.
    """

    resting: list[str]
    ended: dict[str, str]


class OldPlansFound(_Message):
    """Their workflows, and the last one's rebalance; None where there is none left."""

    workflow_ids: list[str]
    last: str | None


class SignalResult(_Message):
    """How a signal ended: accounts whose sleeve was traded, needed no trade, or failed."""

    model_id: str
    version: int
    largest_change: str
    traded: int
    skipped: int
    failed: int
    superseded_by: int | None = None
