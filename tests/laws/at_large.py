"""A stretch of generated accounts: each planned, every law asked of it, and counted what was seen on the way."""

import traceback
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from domain import laws
from domain.books.book import BookRefused
from domain.plan import plan as planned
from domain.rebalance_plan import RebalancePlan
from domain.values.policy import MODES, Policy
from domain.values.rules import Noted
from domain.values.snapshot import Snapshot
from tests.laws import after
from tests.laws.books import DEAD, Asked, asked, book
from tests.laws.fills import resizing
from tests.laws.households import together
from tests.laws.tally import Find, Tally
from tests.laws.world import Members

Json = dict[str, Any]
Law = Callable[[Snapshot, Policy, RebalancePlan], Iterator[str]]
AFTER: dict[str, Law] = {
    "LAW-9": after.settled,
    "LAW-10": after.no_step_too_many,
    "LAW-11": after.true_words,
    "ORDER-4": resizing,
}


def at_large(seed: int, numbers: Iterable[int], only: frozenset[str] = frozenset()) -> Tally:
    """What the accounts of these books show."""
    tally = Tally()
    for number in numbers:
        made = book(seed, number)
        try:
            members = Members(made)
        except BookRefused:  # a generated precision may stick out of its threshold
            tally.seen["books refused"] += 1
            continue
        for place, raw in enumerate(made["accounts"]):
            if raw["id"] not in members.accounts:
                tally.seen["accounts refused"] += 1
                continue
            wanted = asked(made, place, seed, number)
            first = dict(reversed(list(broken(members, wanted, tally, only))))  # of each law what it says first
            for law, says in first.items():
                tally.found(Find(law, says, number, place, size_of(raw)))
        if not only:
            _households(members, made, number, tally)
    return tally


def _households(members: Members, made: Json, number: int, tally: Tally) -> None:
    """The plans of each household, together."""
    ids = [each["id"] for each in made["accounts"]]
    for home in members.market.groups.values():
        tally.seen["households planned together"] += 1
        place = ids.index(home[0])
        for says in together(members, home, MODES[number % len(MODES)]):
            tally.found(Find("WASH-1", says, number, place, size_of(made["accounts"][place])))


def size_of(raw: Json) -> int:
    """How much there is of an account: holdings, sleeves and restrictions."""
    held = [*raw["holdings"], *(each for sleeve in raw["sleeves"] for each in sleeve["holdings"])]
    return len(held) + len(raw["sleeves"]) + len(raw["restrictions"]) + len(raw["withdrawals"])


def broken(
    members: Members, wanted: Asked, tally: Tally, only: frozenset[str] = frozenset()
) -> Iterator[tuple[str, str]]:
    """The laws that one account's plan breaks, and what of it they say. LAW-12: that there is a plan."""
    snapshot, policy = members.snapshot(wanted.account_id), members.policy
    try:
        plan = planned(snapshot, policy, wanted.mode, purpose=wanted.purpose)
    except Exception:  # whatever it is: a planner that raises has no plan
        yield "LAW-12", traceback.format_exc().strip().splitlines()[-1]
        return
    count(tally, members, snapshot, plan)
    for finding in plan.noted:
        if finding.rule.startswith("LAW-"):  # by the planner's own look at its plan
            yield finding.rule, finding.say().message if isinstance(finding, Noted) else finding.message
    found = laws.broken(snapshot, policy, plan)
    for each in found:
        yield each.rule.code, each.says
    if any(each.rule.code in {"LAW-1", "LAW-2"} for each in found) or not plan.can_be_planned:
        return
    for law, ask in AFTER.items():
        if not only or law in only:
            tally.seen["settled again"] += law == "LAW-9" and bool(plan.orders)
            tally.seen["buys sized again"] += law == "ORDER-4" and len({each.side for each in plan.orders}) == 2
            for says in ask(snapshot, policy, plan):
                yield law, says


def count(tally: Tally, members: Members, snapshot: Snapshot, plan: RebalancePlan) -> None:
    """Notes what is special about an account and its plan."""
    seen, account = tally.seen, snapshot.account
    if not plan.can_be_planned:
        seen["can't be planned"] += 1
        return
    sleeves = {each.sleeve for each in plan.components}
    sold = [lot for order in plan.orders for lot in order.lots]
    told = {each.rule for each in plan.noted}
    reserved = sum((each.amount for each in account.withdrawals), Decimal(0))
    happened = {
        "planned": True,
        "with orders": bool(plan.orders),
        f"mode {plan.mode}": True,
        f"kind {plan.purpose.kind}": True,
        "liquidations": plan.liquidation,
        "rejections": any(each.outcome == "rejected" for each in plan.components),
        "crossings": any(each.symbol for each in plan.transfers),
        "openings": "opening" in sleeves,
        "closings": "closing" in sleeves,
        "unassigned holdings": any(each.component.startswith("unassigned:") for each in plan.components),
        "sells below the minimum that complete a sale": any(
            order.side == "sell" and order.amount < plan.policy.minimum_trade_amount for order in plan.orders
        ),
        "budgets": account.gain_budget is not None,
        "losses disallowed": bool(sold) and any(rule.startswith("WASH-") for rule in told),
        "unknown basis sold": any(each.gain is None for each in sold),
        "overdrawn managed sleeves": account.managed.cash < 0,
        "overdrawn model sleeves": any(each.cash < 0 for each in account.model_sleeves),
        "withdrawals": bool(account.withdrawals),
        "withdrawals beyond the cash": reserved > max(Decimal(0), account.managed.cash),
        "protected holdings": bool(account.protected),
        "worthless holdings": any(each.symbol == DEAD for each in account.managed.holdings),
        "households": bool(members.market.household(account.id)),
        "seven sleeves or more": len(account.model_sleeves) >= 7,
        "hundreds of holdings": any(len(each.holdings) >= 400 for each in snapshot.models.values()),
    }
    seen.update(what for what, is_so in happened.items() if is_so)
    seen.update(f"skips {rule}" for rule in {each.rule for each in plan.skipped})
    seen.update(f"restriction {kind}" for kind in {r.type for r in account.restrictions if r.in_force(snapshot.as_of)})
    seen.update(f"orders {side}" for side in (each.side for each in plan.orders))
