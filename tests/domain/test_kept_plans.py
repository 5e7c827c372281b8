"""Today's rules give the plans that this version of them gave: nobody changes a rule without noticing."""

import json

from domain.decision import decided
from domain.telling.differences import differences
from domain.values.rules import RULES_VERSION
from planners.kept import decided_otherwise
from tests.kept_plans.__main__ import KEPT

WHAT_TO_DO = f"""
Plans are not those that rules {RULES_VERSION} gave. {{count}} differ; of the first of them, kept value first:

{{first}}

If no rule was meant to change, the change is a fault. If one was, and rules {RULES_VERSION} were released:

1. set the change aside (git stash), freeze the planner as it is, and take the change up again: make freeze
2. say in docs/decisions.md what changed and since which version;
3. keep the next version's plans: python -m tests.kept_plans

While a version was never released, its plans may be kept anew without another one: python -m tests.kept_plans
"""


def test_today_gives_the_plans_that_were_kept() -> None:
    found = {
        kept["name"]: list(differences(kept["plan"], json.loads(again)))
        for kept, again in decided_otherwise(decided, KEPT)
    }
    first = "\n".join(f"  {name}: {line}" for name, lines in list(found.items())[:5] for line in lines[:4])
    assert not found, WHAT_TO_DO.format(count=len(found), first=first)


def test_the_collection_has_many_shapes() -> None:
    plans = [json.loads(line)["plan"] for line in KEPT.read_text(encoding="utf-8").splitlines()]
    assert len(plans) > 150
    assert {plan["expected_status"] for plan in plans} >= {"COMPLETE", "COMPLETE_WITH_ERRORS", "FAILED"}
    assert {plan.get("kind") for plan in plans} >= {"full", "raise_cash", "invest_cash", "signal"}
    assert any(plan.get("liquidation") for plan in plans)
    assert any(plan.get("transfers") for plan in plans)
    assert any(plan.get("skipped") for plan in plans)
