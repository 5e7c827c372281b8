"""Titles: values in lines outside a table, like `Positions for account {account} as of {}, {date}`.

`{name}` takes what stands there, `{name:digits}` digits alone, `{name:masked}` a masked number like `...123`, and `{}`
stands for anything that nobody needs.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

_HOLE = re.compile(r"\{(?:(?P<name>[a-z_]+)(?::(?P<kind>digits|masked))?)?\}")
_KINDS = {"digits": "[0-9]+", "masked": r"\.\.\.[0-9]+"}
LONGEST = 1000  # characters of a line that are looked at


def found_in(text: str, patterns: Sequence[str]) -> Mapping[str, str]:
    """The values of the first pattern that the whole line is of; none where there is no such pattern."""
    shown = " ".join(text[:LONGEST].split())
    for pattern in patterns:
        match = _compiled(pattern).fullmatch(shown)
        if match:
            return {name: value.strip() for name, value in match.groupdict().items()}
    return {}


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    made, at = "", 0
    for hole in _HOLE.finditer(pattern):
        made += re.escape(pattern[at : hole.start()])
        inside = _KINDS.get(hole["kind"], ".+?" if hole["name"] else ".*?")
        made += f"(?P<{hole['name']}>{inside})" if hole["name"] else inside
        at = hole.end()
    return re.compile(made + re.escape(pattern[at:]))
