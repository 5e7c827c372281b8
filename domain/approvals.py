"""Approvals: who may have trades executed, and whether one person is another.

Asked by the workflows that wait for a decision, and by the first step of a rebalance and of a request.
"""

from collections.abc import Iterable

ANYONE = "*"  # stands for every name


def same_person(one: str, other: str) -> bool:
    """True where two names are the same but for case and the space around them (four eyes)."""
    return one.strip().casefold() == other.strip().casefold()


def may_ask_for_automatic(who: str, names: Iterable[str]) -> bool:
    """True where somebody may have trades executed without an approval, by the names that policy lists (QUEUE-6)."""
    return any(each == ANYONE or same_person(who, each) for each in names)
