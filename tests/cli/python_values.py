"""What of Python no person is ever shown: reprs of values and enumerations, moments and figures as `str` has them."""

import re
from collections.abc import Iterator

PYTHON = re.compile(
    r"Decimal\(|datetime\.|\bNone\b|\bTrue\b|\bFalse\b|\bnan\b|[{\[(]'|': |\bRow\(|Undefined"
    r"|<[\w.]+ (?:object|at 0x)|<\w+\.\w+: |\b[A-Z][a-z]\w*\.[A-Z][A-Z_]+\b"  # objects, and enumerations
    # 2026-11-20 15:00:00+00:00, 1E+3, a third, the zeros of a column
    r"|\d\d:\d\d(?::\d\d)?(?:\.\d+)?\+00:00|\d[Ee][+-]\d|\.\d{13}|\.\d*0{6}\b"
)


def python_values(text: str) -> Iterator[str]:
    """The lines of a page that have one."""
    yield from (f"a Python value: {line.strip()}" for line in text.splitlines() if PYTHON.search(line))
