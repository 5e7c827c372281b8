"""`rebalancer account`: one account as the books have it, and the toggle of its rebalancing."""

from collections.abc import Iterator, Sequence
from decimal import localcontext
from typing import TYPE_CHECKING, Any

import click

from cli import account_states, lists, say
from reading import words

if TYPE_CHECKING:
    from domain.values.snapshot import Holding, Snapshot
    from reading.accounts.standing import Standing

Json = dict[str, Any]


@click.group()
def account() -> None:
    """List and show accounts; switch their rebalancing on or off; hold, freeze and close them."""


account.add_command(lists.account_list)
for _command in (account_states.hold, account_states.freeze, account_states.close, account_states.reopen):
    account.add_command(_command)


@account.command()
@click.argument("account_id", metavar="ACCOUNT")
@say.format_option
def show(account_id: str, form: str) -> None:
    """The account, its sleeves, and its weights against their bands."""
    from cli import connections
    from reading.accounts.standing import in_flight, standing_of

    with connections.books().transaction() as books:
        standing = standing_of(books, account_id, connections.today(), connections.trade_date())
        entry = books.queue.entry(account_id)
        under_way = in_flight(books, account_id)
    told = as_json(standing, entry.reasons if entry else [], under_way.id if under_way else None)
    if form == "json":
        say.as_json(told)
        return
    evidence = entry.evidence if entry else {}
    say.show(*_page(told, standing, evidence))


@account.command()
@click.argument("account_id", metavar="ACCOUNT")
@click.argument("state", metavar="on|off", type=click.Choice(["on", "off"]))
@say.by_option
def rebalancing(account_id: str, state: str, by: str | None) -> None:
    """Switch rebalancing on, which queues the account at once, or off, which withdraws it from the queue."""
    from acting import accounts
    from cli import connections

    on = state == "on"
    click.echo(accounts.switch_rebalancing(connections.books(), say.person(by), account_id, on, connections.today()))


def as_json(standing: "Standing", in_queue: Sequence[str], under_way: str | None) -> Json:
    """The account in its public form. Without a price for all that it holds it has no value and no components."""
    from domain.values.money import EXACT, cents

    known = standing.snapshot.account
    with localcontext(EXACT):
        return {
            "account_id": known.id,
            "rebalancing": known.rebalancing,
            "status": known.status,
            "target": known.target_id,
            "managed_value": cents(standing.valuation.managed_value) if standing.valuation else None,
            "cash": cents(known.managed.cash),
            "in_queue": list(in_queue),
            "in_flight": under_way,
            "open_breaks": [int(each) for each in standing.snapshot.open_breaks],
            "components": list(_components(standing)),
            "sleeves": list(_sleeves(standing)),
        }


def _components(standing: "Standing") -> Iterator[Json]:
    """As a plan has them, without what only a plan decides."""
    from domain.values.money import cents, weight_text

    rejected = {each.component for each in standing.minimums if not each.accepted}
    for each in standing.components:
        assert standing.valuation is not None
        yield {
            "component": each.key,
            "weight": weight_text(each.weight),
            "lower": weight_text(each.threshold.lower),
            "upper": weight_text(each.threshold.upper),
            "precision_lower": weight_text(each.precision.lower),
            "precision_upper": weight_text(each.precision.upper),
            "current_value": cents(each.value),
            "current_weight": weight_text(each.value / standing.valuation.managed_value),
            "breach": each.breach,
            "sleeve": each.sleeve,
            "outcome": "rejected" if each.key in rejected else "accepted",
        }


def _sleeves(standing: "Standing") -> Iterator[Json]:
    """The sleeves that there are: the managed one, the models', and the protected one where it holds anything."""
    from domain.values.money import ZERO, cents
    from domain.values.snapshot import PROTECTED

    known = standing.snapshot.account
    held = [(each.key, each.cash, each.holdings) for each in known.sleeves]
    if known.protected:
        held.append((PROTECTED, ZERO, known.protected))
    for key, cash, holdings in held:
        worth = [_worth(standing.snapshot, each) for each in holdings]
        priced = [each for each in worth if each is not None]
        yield {
            "sleeve": key,
            "status": standing.states.get(key, "open"),
            "cash": cents(cash),
            "value": cents(cash + sum(priced, ZERO)) if len(priced) == len(worth) else None,
            "holdings": [_holding(each, value) for each, value in zip(holdings, worth, strict=True)],
        }


def _worth(snapshot: "Snapshot", holding: "Holding") -> Any:
    security = snapshot.securities.get(holding.symbol)
    return None if security is None or security.price is None else holding.quantity * security.price


def _holding(holding: "Holding", worth: Any) -> Json:
    from domain.telling import plan_json
    from domain.values.money import cents, plain

    return {
        "symbol": holding.symbol,
        "quantity": plain(holding.quantity),
        "value": None if worth is None else cents(worth),
        "lots": [plan_json.lot(each) for each in holding.lots],
    }


def _page(told: Json, standing: "Standing", evidence: Json) -> Iterator[object]:
    from cli import plan_page
    from reading import evidence as reasons

    known = standing.snapshot.account
    yield plan_page.title(f"{known.id} · {known.name} · as of {standing.snapshot.as_of}")
    version = f" (version {standing.snapshot.target.version})" if standing.snapshot.target else ""
    toggle = "on" if known.rebalancing else "off"
    target = f"target {known.target_id or 'none'}{version}"
    yield f"{known.status} at {known.custodian}, {known.tax_status} · rebalancing {toggle} · {target}"
    worth = words.amount(told["managed_value"]) if told["managed_value"] else "unknown"
    yield f"managed value {worth} · cash of the managed sleeve {words.amount(told['cash'])}"
    if told["in_flight"]:
        yield f"rebalance {told['in_flight']} is under way: rebalancer show {told['in_flight']}"
    if told["open_breaks"]:
        yield f"open break {', '.join(map(str, told['open_breaks']))}: rebalancer breaks --account {known.id}"
    lines = [f"{code}: {line}" for code in told["in_queue"] for line in reasons.in_words(code, evidence[code])]
    yield plan_page.bullets("in the queue", lines) if lines else "not in the queue"
    yield from _flaws(standing)
    yield ""
    if told["components"]:
        yield plan_page.components(told["components"])
        yield ""
    yield _sleeve_table(told["sleeves"])


def _flaws(standing: "Standing") -> Iterator[str]:
    """What keeps the account from being valued, or makes its value doubtful."""
    from domain.planning.checks import price_trouble

    trouble = price_trouble(standing.snapshot)
    if trouble:
        listed = ", ".join(f"{symbol} ({what})" for symbol, what in trouble.items())
        yield f"prices missing or too old: {listed}; the oldest allowed is of {standing.snapshot.fresh_from}"
    if standing.flaw:
        yield standing.flaw


def _sleeve_table(sleeves: Sequence[Json]) -> object:
    from domain.values.snapshot import PROTECTED

    rows = []
    for sleeve in sleeves:
        told = sleeve["status"] if sleeve["sleeve"] != PROTECTED else "not traded, not counted"
        rows.append((sleeve["sleeve"], told, "cash", "", words.amount(sleeve["cash"]), ""))
        for each in sleeve["holdings"]:
            value = words.amount(each["value"]) or "no price"
            rows.append(("", "", each["symbol"], words.number(each["quantity"]), value, _lots(each["lots"])))
        if sleeve["holdings"]:
            rows.append(("", "", "in all", "", words.amount(sleeve["value"]) or "unknown", ""))
    return say.table("", ("sleeve", "status", "holds", "quantity", "value", "lots"), rows, right=(3, 4))


def _lots(lots: Sequence[Json]) -> str:
    from reading.words import number

    return ", ".join(
        f"{number(each['quantity'])} at {number(each['cost_per_share'])} of {each['acquired'] or 'an unknown day'}"
        if each["cost_per_share"]
        else f"{number(each['quantity'])} at unknown cost"
        for each in lots
    )
