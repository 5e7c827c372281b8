"""A second allocation, slow and plain, that shares no code with the first: every unit, every window, every fraction."""

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor


def number_of(text: str) -> int:
    return int(hashlib.sha256(text.encode("utf-8")).hexdigest(), 16)


def holders(name: str, targets: Mapping[str, int]) -> list[str]:
    """Who holds each place of the queue: at each, the earliest due of all units that may stand there (ALLOC-1)."""
    whole = sum(targets.values())
    units = [
        (ceil(Fraction(k * whole, t)), number_of(f"{name}|{account}"), floor(Fraction((k - 1) * whole, t)) + 1, account)
        for account, t in targets.items()
        for k in range(1, t + 1)
    ]
    line = []
    for place in range(1, whole + 1):
        chosen = min(unit for unit in units if unit[2] <= place)
        units.remove(chosen)
        assert chosen[0] >= place, "a unit stands behind where it is due"
        line.append(chosen[3])
    return line


def shares(name: str, targets: Mapping[str, int], filled: int, entry: int | None = None) -> dict[str, int]:
    """What each account has after so many are filled."""
    whole = sum(targets.values())
    start = number_of(f"{name}|start") % whole if entry is None else entry
    line = holders(name, targets)
    had = [line[(start + step) % whole] for step in range(filled)]
    return {account: had.count(account) for account in targets}


def with_leavings(
    block: str, targets: Mapping[str, int], leavings: Sequence[tuple[int, str, int]], filled: int
) -> dict[str, int]:
    """As `shares`, of a block that accounts left: each leaving as the fill at which, who, and how many units (BLOCK-5).

    Told as a story: fill up to a leaving, give everyone what that brought, begin anew with what each then lacks.
    """
    lacks, has, done = dict(targets), dict.fromkeys(targets, 0), 0
    for number, (at, who, out) in enumerate([*leavings, (filled, "", 0)], start=1):
        there = {account: units for account, units in lacks.items() if units}
        for account, units in (shares(f"{block}/{number}", there, at - done) if there else {}).items():
            has[account] += units
            lacks[account] -= units
        done = at
        if who:
            lacks[who] -= out
    return has


def cash(draw: str, units: Mapping[str, int], amount: Decimal) -> dict[str, Decimal]:
    """An amount in cents by units: the floor each, then one cent at a time to whoever lacks most (ALLOC-4)."""
    whole = sum(units.values())
    exact = {account: Fraction(amount) * 100 * each / whole for account, each in units.items()}
    got = {account: floor(each) for account, each in exact.items()}
    once = set(units)
    while sum(got.values()) < Fraction(amount) * 100:
        lacks = max(once, key=lambda account: (exact[account] - got[account], -number_of(f"{draw}|{account}")))
        got[lacks] += 1
        once.remove(lacks)
    return {account: Decimal(each) / 100 for account, each in got.items()}
