"""`python -m tests.kept_plans` keeps the plans of this release's rules, for later releases to be held against.

One line a plan, made from the cases of tests/cases and the example books in every mode: what it was made from, and
the plan. Plans of earlier rules stay as they are.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.books import read_whole
from cli.plan import _snapshot
from domain import plan_json
from domain.book import BookRefused
from domain.plan import plan
from domain.policy import MODES, Policy
from domain.purpose import FULL, KINDS, Purpose
from domain.purpose import as_json as purpose_as_json
from domain.rules import RULES_VERSION
from domain.snapshot import Snapshot
from storage.snapshots import kept
from tests.domain.cases import asked, cases

FOLDER = Path(__file__).parent
EXAMPLES = Path(__file__).parents[2] / "examples"


def file_of(rules_version: str = RULES_VERSION) -> Path:
    """Where the plans of a version of the rules are kept."""
    return FOLDER / f"rules-{rules_version}.jsonl"


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
    """Keeps them all."""
    lines = [json.dumps(each, ensure_ascii=False) for each in made()]
    file_of().write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    sys.stdout.write(f"{len(lines)} plans by rules {RULES_VERSION} kept in {file_of()}\n")


if __name__ == "__main__":
    main()
