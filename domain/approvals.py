"""Approvals: whether somebody is somebody else, and whether what is approved is what was shown.

Asked by the workflows that wait for a decision, by the steps that begin a rebalance and its execution, and by commands.
"""

import hashlib
from collections.abc import Iterable

from domain.values.rules import Rule

DECIDE_1 = Rule("DECIDE-1", "What was seen is what is approved: an approval names the plan that was shown.")
DECIDE_2 = Rule(
    "DECIDE-2", "The answer to a decision is what happened, and one that was told to have failed never acts."
)
SHORTEST = 8  # characters of a plan's digest that name it
ANYONE = "*"  # stands for every name


def same_person(one: str, other: str) -> bool:
    """True where two names are the same but for case and the space around them (four eyes)."""
    return one.strip().casefold() == other.strip().casefold()


def may_ask_for_automatic(who: str, names: Iterable[str]) -> bool:
    """True where somebody may have trades executed without an approval, by the names that policy lists (QUEUE-6)."""
    return any(each == ANYONE or same_person(who, each) for each in names)


def is_shown(given: str, digest: str) -> bool:
    """True where what was given names the plan: its digest, or the first 8 characters of it or more (DECIDE-1)."""
    return len(given) >= SHORTEST and digest.startswith(given.strip().lower())


def listed(plans: Iterable[tuple[str, str]], before: str = "") -> str:
    """The digest of a list of plans, each as (rebalance id, its plan's digest), in the order of their accounts.

    Each step is the SHA-256 of the digest before it (empty at first), the id and the plan's digest, with a space in
    between; so a list can be gone on with from `before`. The digest of no plan is empty.
    """
    for rebalance_id, plan in plans:
        before = hashlib.sha256(f"{before} {rebalance_id} {plan}".encode()).hexdigest()
    return before
