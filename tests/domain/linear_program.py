"""The least turnover that lands every component in its band, found by a linear program (DESTINATION-4).

A witness that shares no idea with the code it checks: HiGHS minimises what is bought and sold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import highspy


@dataclass(frozen=True)
class Room:
    """What a component is worth, and between what it must land; amounts."""

    value: float
    lower: float
    upper: float


def least_turnover(components: Sequence[Room], cash: Room) -> float | None:
    """The least sum of amounts bought and sold, or None where no way lands everything in its band.

    Variables: what each component buys and sells. Cash gets what is sold less what is bought.
    """
    if not components:
        return 0.0 if cash.lower <= cash.value <= cash.upper else None
    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.silent()
    unlimited = highspy.kHighsInf
    count = 0
    for component in components:
        solver.addVar(0, unlimited)
        solver.addVar(0, unlimited)
        solver.changeColCost(count, 1)
        solver.changeColCost(count + 1, 1)
        solver.addRow(
            component.lower - component.value, component.upper - component.value, 2, [count, count + 1], [1, -1]
        )
        count += 2
    signs = [-1.0, 1.0] * len(components)
    solver.addRow(cash.lower - cash.value, cash.upper - cash.value, count, list(range(count)), signs)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return float(solver.getInfo().objective_function_value)
