"""Today's rules give the plans that this version of them gave: nobody changes a rule without noticing."""

import json

from domain import plan_json
from domain.differences import differences
from domain.plan import plan
from domain.policy import Policy
from domain.purpose import from_json
from domain.rules import RULES_VERSION
from storage.snapshots import restored
from tests.kept_plans.__main__ import file_of

WHAT_TO_DO = f"""
Plans are not those that rules {RULES_VERSION} gave. {{count}} differ; of the first of them, kept value first:

{{first}}

If no rule was meant to change, the change that did this is a fault. If one was:

1. raise RULES_VERSION in domain/rules.py: kept decisions go on naming the version that made them;
2. say in docs/decisions.md what changed and since which version;
3. keep this version's plans beside the old ones: python -m tests.kept_plans

While a version was never released, its plans may be kept anew without raising it: python -m tests.kept_plans
"""


def test_today_gives_the_plans_that_were_kept() -> None:
    found: dict[str, list[str]] = {}
    for line in file_of().read_text(encoding="utf-8").splitlines():
        kept = json.loads(line)
        again = plan_json.dumps(
            plan(
                restored(kept["snapshot"]),
                Policy.from_json(kept["policy"]),
                kept["mode"],
                frozenset(kept["overrides"]),
                from_json(kept["purpose"]),
            )
        )
        if again != json.dumps(kept["plan"], ensure_ascii=False):
            found[kept["name"]] = list(differences(kept["plan"], json.loads(again)))
    first = "\n".join(f"  {name}: {line}" for name, lines in list(found.items())[:5] for line in lines[:4])
    assert not found, WHAT_TO_DO.format(count=len(found), first=first)


def test_the_collection_has_many_shapes() -> None:
    plans = [json.loads(line)["plan"] for line in file_of().read_text(encoding="utf-8").splitlines()]
    assert len(plans) > 150
    assert {plan["expected_status"] for plan in plans} >= {"COMPLETE", "COMPLETE_WITH_ERRORS", "FAILED"}
    assert {plan.get("kind") for plan in plans} >= {"full", "raise_cash", "invest_cash", "signal"}
    assert any(plan.get("liquidation") for plan in plans)
    assert any(plan.get("transfers") for plan in plans)
    assert any(plan.get("skipped") for plan in plans)
