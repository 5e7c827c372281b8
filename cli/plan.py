"""`rebalancer plan`: what-if, from a book file. Needs no database and no Temporal."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import say
from domain.values.outcome import issue
from domain.values.policy import MODES
from domain.values.purpose import ONE_WAY

if TYPE_CHECKING:
    from domain.rebalance_plan import RebalancePlan
    from domain.telling.cash_lines import Cash
    from domain.telling.derivation import Derived
    from domain.values.purpose import Purpose


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
    from reading.files import what_if

    if (account_id is None) is not everything:
        raise click.UsageError("give --account ID or --all, one of them")
    if explain:
        if account_id is None:
            raise click.UsageError("--explain is for one account: give --account ID instead of --all")
        return _explained(*what_if.derived(book, account_id, mode, asked_for(kind, amount)), form)
    plans = what_if.plans(book, account_id, mode, asked_for(kind, amount))
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
