"""Plans from a book file alone: what a rebalance of its accounts would do. Needs no database and no Temporal."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.books.book import Market
    from domain.rebalance_plan import RebalancePlan
    from domain.telling.cash_lines import Cash
    from domain.telling.derivation import Derived
    from domain.values.policy import Policy
    from domain.values.purpose import Purpose
    from domain.values.snapshot import Account, Snapshot


def plans(
    path: Path, account_id: str | None, mode: str, purpose: "Purpose"
) -> "Iterator[tuple[RebalancePlan, Cash | None]]":
    """The plan of an account, or of every one of the book where none is named, each with its cash.

    Households are planned together where all are. Of an account that is not in the book, a plan that says so.
    """
    from domain.household_plans import plan_household
    from domain.plan import plan as planned
    from domain.plan import unknown_account
    from domain.telling.cash_lines import cash_of
    from policy import in_force
    from reading.files.books import read_whole

    market, accounts = read_whole(path)
    asked = [account for account in accounts if account_id in {None, account.id}]
    if not asked and account_id is not None:
        yield unknown_account(account_id, market.as_of, in_force(market.as_of), mode), None  # type: ignore[arg-type]
    by_id = {account.id: account for account in accounts}
    together: dict[str, RebalancePlan] = {}
    for account in asked:
        others = [by_id[each] for each in market.household(account.id) if each in by_id] if account_id is None else []
        if others and account.id not in together:
            members = [account, *others]
            made = plan_household([_snapshot(each, market, by_id) for each in members], mode, purpose)  # type: ignore[arg-type]
            together |= {each.account_id: each for each in made}
        snapshot, numbers = _snapshot(account, market, by_id)
        if account.id in together:
            yield together.pop(account.id), cash_of(snapshot, numbers)
        else:
            yield planned(snapshot, numbers, mode, purpose=purpose), cash_of(snapshot, numbers)  # type: ignore[arg-type]


def derived(path: Path, account_id: str, mode: str, purpose: "Purpose") -> "tuple[Derived, Cash | None]":
    """An account's plan with how it comes about."""
    from domain.plan import unknown_account
    from domain.telling.cash_lines import cash_of
    from domain.telling.derivation import Derived, derive, refused
    from policy import in_force
    from reading.files.books import read_whole

    market, accounts = read_whole(path)
    by_id = {account.id: account for account in accounts}
    if account_id not in by_id:
        unknown = unknown_account(account_id, market.as_of, in_force(market.as_of), mode)  # type: ignore[arg-type]
        return Derived(unknown, refused(unknown)), None
    snapshot, numbers = _snapshot(by_id[account_id], market, by_id)
    return derive(snapshot, numbers, mode, purpose=purpose), cash_of(snapshot, numbers)  # type: ignore[arg-type]


def _snapshot(account: "Account", market: "Market", by_id: "Mapping[str, Account]") -> "tuple[Snapshot, Policy]":
    from domain.tax.household_trades import recent_buys
    from domain.values.snapshot import Snapshot
    from policy import in_force
    from policy.trading_days import oldest_allowed

    numbers = in_force(market.as_of).overridden(market.policy)
    target = market.targets[account.target_id].policy if account.target_id else {}
    own = numbers.overridden(target, account.policy)
    oldest = min((each.price_as_of for each in market.securities.values()), default=market.as_of)
    others = [by_id[each] for each in market.household(account.id) if each in by_id]
    snapshot = Snapshot(
        as_of=market.as_of,
        account=account,
        targets=market.targets,
        models=market.models,
        securities=market.securities,
        fresh_from=oldest_allowed(market.as_of, own.price_max_age_days, oldest),
        household_sales=tuple(sale for each in others if each.tax_status == "taxable" for sale in each.recent_sales),
        household_buys=tuple(buy for each in others for buy in recent_buys(each, market.as_of, numbers.wash_sale_days)),
    )
    return snapshot, numbers
