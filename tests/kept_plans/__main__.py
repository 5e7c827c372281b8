"""`python -m tests.kept_plans` keeps the plans of today's rules, for later releases to be held against.

One line a plan, made from the cases of tests/cases and the example books in every mode: what it was made from, and
the plan. Plans of earlier rules, whose planners are frozen, stay as they are.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from domain.books.book import BookRefused
from domain.plan import plan
from domain.telling import plan_json
from domain.values.policy import MODES, Policy
from domain.values.purpose import FULL, KINDS, Purpose
from domain.values.purpose import as_json as purpose_as_json
from domain.values.rules import RULES_VERSION
from domain.values.snapshot import Snapshot
from domain.values.snapshot_json import kept
from planners.frozen import versions
from planners.kept import kept_plans
from reading.files.books import read_whole
from reading.files.what_if import _snapshot
from tests.domain.cases import asked, cases

PROJECT = Path(__file__).parents[2]
EXAMPLES = PROJECT / "examples"
KEPT = kept_plans(PROJECT, RULES_VERSION)


def made() -> Iterator[dict[str, Any]]:
    """Every plan to keep, with what it is made from."""
    for case in cases():
        try:
            yield _kept(case.id, *asked(case))
        except BookRefused:  # a case of a book that is refused has no plan
            continue
    for path in (EXAMPLES / "demo.yaml", EXAMPLES / "analyst-case.json", EXAMPLES / "household.yaml"):
        market, accounts = read_whole(path)
        by_id = {account.id: account for account in accounts}
        for account in accounts:
            snapshot, numbers = _snapshot(account, market, by_id)
            for mode in MODES:
                yield _kept(f"{path.name}: {account.id}, {mode}", snapshot, numbers, mode, frozenset(), FULL)
            for kind in KINDS[1:3]:
                name = f"{path.name}: {account.id}, {kind}"
                yield _kept(name, snapshot, numbers, "best_fit", frozenset(), Purpose(kind))


def _kept(
    name: str, snapshot: Snapshot, policy: Policy, mode: Any, overrides: frozenset[str], purpose: Purpose
) -> dict[str, Any]:
    return {
        "name": name,
        "mode": mode,
        "overrides": sorted(overrides),
        "purpose": purpose_as_json(purpose),
        "policy": policy.as_json(),
        "snapshot": kept(snapshot),
        "plan": plan_json.as_json(plan(snapshot, policy, mode, overrides, purpose)),
    }


def main() -> None:
    """Keeps them all; those of frozen rules are never written again."""
    if RULES_VERSION in versions():
        sys.exit(
            f"rules {RULES_VERSION} are frozen, and their plans with them: "
            "raise RULES_VERSION in domain/values/rules.py"
        )
    lines = [json.dumps(each, ensure_ascii=False) for each in made()]
    KEPT.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    sys.stdout.write(f"{len(lines)} plans by rules {RULES_VERSION} kept in {KEPT.relative_to(PROJECT)}\n")


if __name__ == "__main__":
    main()
