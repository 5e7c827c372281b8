"""`rebalancer plan`: what-if, from a book file. Needs no database and no Temporal."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import say
from domain.values.outcome import issue
from domain.values.policy import MODES
from domain.values.purpose import ONE_WAY

if TYPE_CHECKING:
    from domain.books.book import Market
    from domain.rebalance_plan import RebalancePlan
    from domain.telling.cash_lines import Cash
    from domain.telling.derivation import Derived
    from domain.values.policy import Policy
    from domain.values.purpose import Purpose
    from domain.values.snapshot import Account, Snapshot

    Planned = tuple[RebalancePlan, Cash | None]


@click.command()
@click.option("--book", required=True, type=click.Path(path_type=Path), help="A book file, JSON or YAML.")
@click.option("--account", "account_id", help="The account to plan.")
@click.option("--all", "everything", is_flag=True, help="Plan every account of the book.")
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="best_fit",
    show_default=True,
    help="How near to its weight a component is brought.",
)
@click.option("--kind", type=click.Choice(["full", *ONE_WAY]), default="full", help="Only raise, or only invest, cash.")
@click.option("--amount", help="How much cash to raise or to invest; as much as brings cash to its weight without it.")
@click.option("--explain", is_flag=True, help="How the plan of --account comes about, step by step with its numbers.")
@click.option("--format", "form", type=click.Choice(["table", "json", "jsonl"]), default="table")
def plan(
    book: Path,
    account_id: str | None,
    everything: bool,
    mode: str,
    kind: str,
    amount: str | None,
    explain: bool,
    form: str,
) -> int:
    """What a rebalance would do, from a book file; nothing is stored, nothing trades."""
    if (account_id is None) is not everything:
        raise click.UsageError("give --account ID or --all, one of them")
    if explain:
        if account_id is None:
            raise click.UsageError("--explain is for one account: give --account ID instead of --all")
        return _explained(*_derived(book, account_id, mode, asked_for(kind, amount)), form)
    plans = _plans(book, account_id, mode, asked_for(kind, amount))
    if form == "jsonl":
        from domain.telling import plan_json

        last = None
        for last, _ in plans:
            click.echo(plan_json.dumps(last))
        return _ending(last, everything)
    made = list(plans)
    found = [each for each, _ in made]
    if form == "json":
        from domain.telling import plan_json

        listed = [plan_json.as_json(each) for each in found]
        say.as_json(listed if everything else listed[0])
    else:
        from cli.plan_page import page

        for each, cash in made:
            say.show(*page(each, cash))
    return _ending(found[0] if found else None, everything)


def _explained(derived: "Derived", cash: "Cash | None", form: str) -> int:
    """Shows one plan with its derivation; in JSON that is the plan's key `derivation`."""
    import json

    from domain.telling import plan_json, steps

    told = steps.as_json(derived.steps)
    if form == "table":
        from cli import explain_page
        from cli.plan_page import page

        say.show(*page(derived.plan, cash), *explain_page.page_of(told))
    else:
        whole = plan_json.as_json(derived.plan) | {"derivation": told}
        if form == "json":
            say.as_json(whole)
        else:
            click.echo(json.dumps(whole, ensure_ascii=False))
    return _ending(derived.plan, False)


def _derived(path: Path, account_id: str, mode: str, purpose: "Purpose") -> "tuple[Derived, Cash | None]":
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


def _ending(plan: "RebalancePlan | None", everything: bool) -> int:
    """Exit 1 where the one account asked for can't be planned; with --all each account's status tells."""
    if everything or plan is None or plan.can_be_planned:
        return 0
    say.message(f"rebalancer: {issue(plan.findings)}")
    return 1


def asked_for(kind: str, amount: str | None) -> "Purpose":
    """The purpose that `--kind` and `--amount` give. Raises UsageError where they make none."""
    from decimal import Decimal, InvalidOperation

    from domain.values.purpose import Purpose

    if amount is None:
        return Purpose(kind)  # type: ignore[arg-type]
    try:
        wanted = Decimal(amount)
    except InvalidOperation:
        wanted = Decimal(0)
    if kind == "full" or not wanted.is_finite() or wanted <= 0 or wanted != round(wanted, 2):
        raise click.UsageError(
            f'--amount is an amount above 0 in cents, for --kind {" or ".join(ONE_WAY)}; not "{amount}" for {kind}'
        )
    return Purpose(kind, wanted)  # type: ignore[arg-type]


def _plans(path: Path, account_id: str | None, mode: str, purpose: "Purpose") -> "Iterator[Planned]":
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
