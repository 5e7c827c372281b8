"""Conditions on the cells of a row: a closed set, all of which must hold."""

from collections.abc import Mapping

from feeds.definition import Condition
from feeds.rows import Row
from feeds.transforms import Marks, Uncertain, day, number


def holds(when: Mapping[str, Condition], row: Row) -> bool:
    """True where every named cell is as said; a column that the row has not is an empty cell."""
    return all(_fits(row.cells.get(column, ""), condition) for column, condition in when.items())


def _fits(cell: str, condition: Condition) -> bool:
    checks = (
        condition.one_of is None or cell in condition.one_of,
        condition.not_one_of is None or cell not in condition.not_one_of,
        condition.starts_with is None or cell.startswith(condition.starts_with),
        condition.ends_with is None or cell.endswith(condition.ends_with),
        condition.contains is None or condition.contains in cell,
        condition.empty is None or condition.empty is (not cell),
        condition.zero is None or condition.zero is _is_zero(cell),
        condition.date is None or _is_date(cell, condition.date),
    )
    return all(checks)


def _is_zero(cell: str) -> bool:
    """True of 0 however it is written, and of nothing; what is no number is not 0."""
    try:
        return not cell or not number(cell, Marks("either")).strip("-0.")
    except Uncertain:
        return False


def _is_date(cell: str, form: str) -> bool:
    try:
        day(cell, form)
    except Uncertain:
        return False
    return True
