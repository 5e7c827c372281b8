"""`rebalancer target`: what accounts should hold, and which accounts."""

from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from typing import Any

import click

from cli import say
from cli.say import Refused

Json = dict[str, Any]


@click.group()
def target() -> None:
    """Assign, remove and show targets."""


@target.command()
@click.argument("account_id", metavar="ACCOUNT")
@click.argument("target_id", metavar="TARGET")
@say.by_option
def assign(account_id: str, target_id: str, by: str | None) -> None:
    """Assign TARGET to ACCOUNT, in place of any other. Queues the account at once; nothing trades."""
    _change(account_id, by, lambda accounts, today: accounts.assign_target(account_id, target_id, today))


@target.command()
@click.argument("account_id", metavar="ACCOUNT")
@say.by_option
def remove(account_id: str, by: str | None) -> None:
    """Remove the target of ACCOUNT. A rebalance then sells it to cash, once it is submitted and approved."""
    _change(account_id, by, lambda accounts, today: accounts.remove_target(account_id, today))


def _change(account_id: str, by: str | None, change: Callable[[Any, Any], str]) -> None:
    from cli import connections
    from domain import checks
    from storage.accounts import TargetUnknown
    from storage.connection import Actor
    from storage.snapshots import UnknownAccount

    with connections.books().transaction(Actor(say.who(by))) as books:
        try:
            told = change(books.accounts, connections.today())
        except UnknownAccount as flaw:
            raise Refused(checks.unknown(account_id).message) from flaw
        except TargetUnknown as flaw:
            raise _unknown(flaw.target_id) from flaw
    click.echo(told)


@target.command()
@click.argument("target_id", metavar="TARGET")
@say.format_option
def show(target_id: str, form: str) -> None:
    """What TARGET comes to: every component with its bands, sub-targets flattened, and how many accounts have it."""
    from cli import connections
    from domain.targets import TargetRefused
    from storage.market_reading import read_targets

    with connections.books().transaction() as books:
        known = read_targets(books.connection, [target_id])
        if target_id not in known:
            raise _unknown(target_id)
        day = books.market.book_day()
        policy = books.market.policy(day.as_of if day else connections.today())
        assigned = books.accounts.assigned(target_id)
    try:
        told = _as_json(target_id, known, policy, assigned)
    except TargetRefused as flaw:
        raise Refused(f"target {target_id} can't be used: {flaw}") from flaw
    if form == "json":
        say.as_json(told)
    else:
        say.show(*_page(told))


def _unknown(target_id: str) -> Refused:
    return Refused(f"target {target_id} is unknown: check the id, or load a book that has it")


def _as_json(target_id: str, known: Any, policy: Any, assigned: int) -> Json:
    from domain.money import EXACT, weight_text
    from domain.targets import flatten

    shown = known[target_id]
    with localcontext(EXACT):
        flat = flatten(shown, known, policy.overridden(shown.policy))
        return {
            "target": target_id,
            "name": shown.name,
            "version": shown.version,
            "accounts": assigned,
            "sub_targets": [
                {"target": each.ref, "name": known[each.ref].name, "weight": weight_text(each.weight)}
                for each in shown.components
                if each.kind == "target"
            ],
            "components": [
                {
                    "component": each.key,
                    "weight": weight_text(each.weight),
                    "lower": weight_text(each.threshold.lower),
                    "upper": weight_text(each.threshold.upper),
                    "precision_lower": weight_text(each.precision.lower),
                    "precision_upper": weight_text(each.precision.upper),
                }
                for each in flat
            ],
        }


def _page(told: Json) -> Iterator[object]:
    from cli.plan_page import share, title

    yield title(f"{told['target']} · {told['name']} · version {told['version']}")
    noun = "account" if told["accounts"] == 1 else "accounts"
    yield f"assigned to {told['accounts']:,} {noun}"
    for each in told["sub_targets"]:
        yield f"{share(each['weight'])} of it is target {each['target']}, {each['name']}"
    yield ""
    rows = [
        (
            each["component"],
            share(each["weight"]),
            f"{share(each['lower'])} to {share(each['upper'])}",
            f"{share(each['precision_lower'])} to {share(each['precision_upper'])}",
        )
        for each in told["components"]
    ]
    columns = ("component", "weight", "threshold", "precision")
    yield say.table("", columns, rows, right=(1, 2, 3))
    if any(Decimal(each["weight"]) and not Decimal(each["lower"]) for each in told["components"][:-1]):
        yield "\nA lower threshold of 0: the asset need not be held, and that it is missing queues nobody. (TARGET-5)"
