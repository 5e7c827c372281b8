"""Where an account stands: its snapshot, valued against its target as far as that can be done.

Asked by `account show` and `diagnose`, which have something to say even of an account that a plan would refuse.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import localcontext
from typing import Any

from domain.planning import checks
from domain.targets import sleeves
from domain.targets.components import ALL_CASH, Component, components
from domain.targets.minimums import MinimumDecision, decide
from domain.targets.restrictions import limits
from domain.targets.sleeves import SleeveState
from domain.targets.targets import BandedComponent, TargetRefused, flatten
from domain.targets.valuation import Valuation, value
from domain.values.money import EXACT
from domain.values.policy import Policy
from domain.values.snapshot import Snapshot
from reading.accounts.known import known


@dataclass(frozen=True, slots=True)
class Standing:
    """`named` and `states` need no prices; `valuation` is None, and `components` and `minimums` empty, without them.

    `flaw` says what is wrong with the target or the prices. `policy` is the day's; `numbers` are the account's own.
    """

    snapshot: Snapshot
    policy: Policy
    numbers: Policy
    named: tuple[BandedComponent, ...] = ()
    states: Mapping[str, SleeveState] = field(default_factory=dict)
    valuation: Valuation | None = None
    components: tuple[Component, ...] = ()
    minimums: tuple[MinimumDecision, ...] = ()
    flaw: str | None = None


def standing_of(books: Any, account_id: str, today: date, trade_date: date) -> Standing:
    """The account in the books on a day, as it would trade on `trade_date`. Raises Unknown where nobody knows it."""
    with known(account_id):
        snapshot, policy = books.snapshots.take(account_id, None, today, trade_date)
    return stand(snapshot, policy)


def in_flight(books: Any, account_id: str) -> Any:
    """The row of the rebalance that is under way on the account, or None."""
    return books.rebalances.in_flight(account_id)


def stand(snapshot: Snapshot, policy: Policy) -> Standing:
    """Where the account of a snapshot stands; `policy` is the day's."""
    with localcontext(EXACT):
        return _stand(snapshot, policy)


def _stand(snapshot: Snapshot, policy: Policy) -> Standing:
    target = snapshot.target
    numbers = snapshot.numbers(policy)
    try:
        allowed = limits(snapshot, {})
        named = flatten(target, snapshot.targets, numbers, allowed) if target else (ALL_CASH,)
    except TargetRefused as flaw:
        return Standing(snapshot, policy, numbers, flaw=str(flaw))
    states = sleeves.verify(snapshot.account, named)
    try:
        valuation = value(snapshot, numbers)
    except LookupError as flaw:
        return Standing(snapshot, policy, numbers, named, states, flaw=str(flaw))
    if valuation.managed_value <= 0:
        found = checks.check_value(snapshot, valuation)
        return Standing(snapshot, policy, numbers, named, states, valuation, flaw=found[0].message)
    known = components(snapshot, valuation, numbers, allowed)
    decided = decide(known, snapshot.models, valuation.managed_value)
    return Standing(snapshot, policy, numbers, named, states, valuation, known, decided)
