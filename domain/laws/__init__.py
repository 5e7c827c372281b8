"""The laws: what holds of every finished plan, in every mode and for every purpose, whatever the account.

Asked of each plan before anybody sees it. Shares nothing with what plans: its arithmetic is its own, over the snapshot
and the plan as they stand, so that a fault of the planner is seen here and not repeated. It reads from the plan what
the account asks of it (components with their bands) and judges what the plan does about it.

What a plan has to *say*, and how that is found (LAW-4, LAW-6, LAW-7): see `said`.
"""

from decimal import localcontext

from domain.laws import budget, conservation, landing, refusals, restraint, whole_steps
from domain.laws.booked_plan import BookedPlan
from domain.laws.broken import Broken
from domain.laws.said import Said
from domain.rebalance_plan import RebalancePlan
from domain.values.money import EXACT
from domain.values.policy import Policy
from domain.values.snapshot import Snapshot

__all__ = ["Broken", "broken"]


def broken(snapshot: Snapshot, policy: Policy, plan: RebalancePlan) -> list[Broken]:
    """Every law that the plan breaks, the first of them first; empty where all hold.

    `snapshot` and `policy` are what the plan was made from. Of a plan whose trades can't be booked nothing but
    that is told (LAW-1), and what is short (LAW-2): nothing else could be worked out of it.
    """
    if not plan.can_be_planned:
        return list(refusals.refused_and_trading(plan))
    with localcontext(EXACT):
        numbers = snapshot.numbers(policy)
        books = BookedPlan.of(snapshot, plan)
        if books.flaws:
            return [*books.flaws, *conservation.never_short(books)]
        said, limits = Said(snapshot, plan), refusals.forbidden(snapshot, numbers)
        found = [
            *conservation.planned_values(books),
            *landing.components(books, limits, said),
            *landing.cash(books, limits, said),
        ]
        if plan.orders or plan.transfers:
            found += conservation.never_short(books)
            found += whole_steps.check(books, numbers)
            found += refusals.check(books, limits)
            found += budget.check(books, numbers, said)
            found += restraint.check(books, numbers, limits)
    return sorted(found, key=lambda each: each.rule.code) if found else found
