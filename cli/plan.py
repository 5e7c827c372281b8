"""`rebalancer plan`: what-if, from a book file. Needs no database and no Temporal."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import say
from domain.outcome import issue
from domain.policy import MODES

if TYPE_CHECKING:
    from domain.book import Market
    from domain.policy import Policy
    from domain.rebalance_plan import RebalancePlan
    from domain.snapshot import Account, RecentSale, Snapshot


@click.command()
@click.option("--book", required=True, type=click.Path(path_type=Path), help="A book file, JSON or YAML.")
@click.option("--account", "account_id", help="The account to plan.")
@click.option("--all", "everything", is_flag=True, help="Plan every account of the book.")
@click.option("--mode", type=click.Choice(MODES), default="best_fit", show_default=True, help="How near to land.")
@click.option("--format", "form", type=click.Choice(["table", "json", "jsonl"]), default="table")
def plan(book: Path, account_id: str | None, everything: bool, mode: str, form: str) -> int:
    """What a rebalance would do, from a book file; nothing is stored, nothing trades."""
    if (account_id is None) is not everything:
        raise click.UsageError("give --account ID or --all, one of them")
    plans = _plans(book, account_id, mode)
    if form == "jsonl":
        from domain import plan_json

        last = None
        for last in plans:
            click.echo(plan_json.dumps(last))
        return _ending(last, everything)
    found = list(plans)
    if form == "json":
        from domain import plan_json

        listed = [plan_json.as_json(each) for each in found]
        say.as_json(listed if everything else listed[0])
    else:
        from cli.plan_page import page

        for each in found:
            say.show(*page(each))
    return _ending(found[0] if found else None, everything)


def _ending(plan: "RebalancePlan | None", everything: bool) -> int:
    """Exit 1 where the one account asked for can't be planned; with --all each account's status tells."""
    if everything or plan is None or plan.can_be_planned:
        return 0
    say.message(f"rebalancer: {issue(plan.findings)}")
    return 1


def _plans(path: Path, account_id: str | None, mode: str) -> "Iterator[RebalancePlan]":
    from cli.books import read_whole
    from domain.plan import plan as planned
    from domain.plan import unknown_account
    from policy import in_force

    market, accounts = read_whole(path)
    asked = [account for account in accounts if account_id in {None, account.id}]
    if not asked and account_id is not None:
        yield unknown_account(account_id, market.as_of, in_force(market.as_of), mode)  # type: ignore[arg-type]
    sales = {account.id: account.recent_sales for account in accounts}
    for account in asked:
        snapshot, numbers = _snapshot(account, market, sales)
        yield planned(snapshot, numbers, mode)  # type: ignore[arg-type]


def _snapshot(
    account: "Account", market: "Market", sales: "Mapping[str, tuple[RecentSale, ...]]"
) -> "tuple[Snapshot, Policy]":
    from domain.snapshot import Snapshot
    from policy import in_force
    from policy.trading_days import oldest_allowed

    numbers = in_force(market.as_of).overridden(market.policy)
    target = market.targets[account.target_id].policy if account.target_id else {}
    own = numbers.overridden(target, account.policy)
    oldest = min((each.price_as_of for each in market.securities.values()), default=market.as_of)
    snapshot = Snapshot(
        as_of=market.as_of,
        account=account,
        targets=market.targets,
        models=market.models,
        securities=market.securities,
        fresh_from=oldest_allowed(market.as_of, own.price_max_age_days, oldest),
        household_sales=tuple(sale for other in market.household(account.id) for sale in sales.get(other, ())),
    )
    return snapshot, numbers
