"""Timeouts and retries by step, each with its reason."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.common import Priority, RetryPolicy

# A database or network that comes back within minutes: try soon, then less often, and don't give up for a day.
TRANSIENT = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(seconds=30)
)


@dataclass(frozen=True, slots=True)
class StepOptions:
    """How long a step may take, once and in all, and how often it shows that it lives."""

    once: timedelta
    in_all: timedelta
    heartbeat: timedelta | None = None


def next_look(waited: timedelta) -> timedelta:
    """How long to wait before a venue is asked again: a tenth of what was waited already, 1 second to 15 minutes.

    A fill is then noticed at most a tenth later than it came, and a day of waiting is about a hundred questions.
    """
    return min(max(waited / 10, timedelta(seconds=1)), timedelta(minutes=15))


# Reads and plans one account: milliseconds. After an hour the rebalance fails and says so; nothing was traded.
DECIDE = StepOptions(once=timedelta(seconds=10), in_all=timedelta(hours=1))
# Waits for its turn on the account: orders of another rebalance there end with the exchange's close, which may be that
# of the Monday after a long weekend. Each try is as short as a deciding step.
TURN = StepOptions(once=timedelta(seconds=10), in_all=timedelta(days=5))
# Plans a page of sleeves at once: seconds. It shows after every account that it lives.
SLEEVES = StepOptions(once=timedelta(minutes=10), in_all=timedelta(hours=6), heartbeat=timedelta(seconds=30))
# Sends up to a few hundred orders, or asks after them, each with its own answer. Must not give up: what is sent has to
# be booked.
EXECUTE = StepOptions(once=timedelta(minutes=30), in_all=timedelta(days=7), heartbeat=timedelta(seconds=10))
# Forms a desk's blocks of what waits: a few statements. Everybody there waits where its worker dies: so not for long.
FORM = StepOptions(once=timedelta(seconds=20), in_all=timedelta(days=7))
# A block: stated, asked after, or allocated to many thousands of accounts, in a few statements: seconds. It waits as
# long where its worker dies. Must not give up.
BLOCK = StepOptions(once=timedelta(minutes=1), in_all=timedelta(days=7))
# Books what was filled. Must not give up either.
BOOK = StepOptions(once=timedelta(seconds=20), in_all=timedelta(days=7))
# Ends what a workflow left behind: cancels what is open at the venue, books what was filled. Must not give up either.
RECOVER = StepOptions(once=timedelta(minutes=5), in_all=timedelta(days=7), heartbeat=timedelta(seconds=10))
# Counts the accounts and splits them into ranges: a second for a million.
BEGIN_EVALUATION = StepOptions(once=timedelta(minutes=2), in_all=timedelta(hours=1))
# A range of accounts: seconds, or minutes where many need a plan. A worker that dies is noticed by its heartbeat, which
# comes after every query and every plan, and another goes on behind the last page that is done.
RANGE = StepOptions(once=timedelta(hours=1), in_all=timedelta(hours=6), heartbeat=timedelta(seconds=15))
# A page of closed workflows, each history read and kept: seconds. Where its worker dies, the page is done again.
ARCHIVE = StepOptions(once=timedelta(minutes=10), in_all=timedelta(hours=6), heartbeat=timedelta(seconds=30))
# A seal over where every chain ends: seconds for a million. Tried until the next sweeps are long due.
SEAL = StepOptions(once=timedelta(minutes=10), in_all=timedelta(hours=6))
# Follows the record for a minute and sends what comes; a receiver that is slow gets fewer. It shows after each event
# that it lives, and none takes longer than 15 seconds.
SEND = StepOptions(once=timedelta(minutes=3), in_all=timedelta(hours=6), heartbeat=timedelta(seconds=30))
# A receiver that takes nothing is tried again, soon at first, then every five minutes; for how long says its workflow.
UNTIL_TAKEN = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(minutes=5)
)
# Empty tables are made ahead, old ones dropped: moments, but each waits for who reads them. The next sweep comes soon.
MONTHLY = StepOptions(once=timedelta(minutes=1), in_all=timedelta(minutes=30))
# What the schedule asks for waits while there is work that a person asked for; 3 is what everything else has.
BEHIND_PEOPLE = Priority(priority_key=4)
# A request's accounts are chosen, or decided about, all together: set-based SQL, seconds for many thousands. Must not
# give up, as its accounts go on by themselves meanwhile.
REQUEST = StepOptions(once=timedelta(minutes=2), in_all=timedelta(days=7))
# The next page of a request's accounts: milliseconds. The whole request waits where its worker dies: so not for long.
TAKE = StepOptions(once=timedelta(seconds=15), in_all=timedelta(days=7))
# Tells up to 200 workflows what was decided, or looks whether 100 are alive: as fast as workers answer for them.
ACCOUNTS = StepOptions(once=timedelta(minutes=15), in_all=timedelta(days=7), heartbeat=timedelta(seconds=20))
# How long a rebalance waits for its desk to tell before it asks: the desk tells as soon as there is anything.
DESK = timedelta(hours=1)
# An account of a request: waits for an approval over a long weekend at most, executes and books for seven days each at
# most. What takes longer hangs, and is counted as failed rather than waited for.
ACCOUNT_IN_ALL = timedelta(days=21)
