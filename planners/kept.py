"""Kept plans, by which a planner is judged: a line of JSON a plan, with all that it was made from.

`python -m tests.kept_plans` writes them while a version of the rules is in force; see there.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any


def kept_plans(project: Path, version: str) -> Path:
    """Where a project keeps the plans of a version of the rules."""
    return project / "tests" / "kept_plans" / f"rules-{version}.jsonl"


def decided_otherwise(planner: Callable[..., str], file: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Every kept plan that the planner does not give again byte for byte, with what it gives instead.

    Raises ValueError where the file has no plan at all.
    """
    lines = file.read_text(encoding="utf-8").splitlines()
    if not lines:
        raise ValueError(f"{file} has no plans")
    for line in lines:
        kept = json.loads(line)
        again = planner(kept["snapshot"], kept["policy"], kept["mode"], kept["overrides"], kept["purpose"])
        if again != json.dumps(kept["plan"], ensure_ascii=False):
            yield kept, again
