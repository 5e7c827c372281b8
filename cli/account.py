"""`rebalancer account`: one account as the books have it, and the toggle of its rebalancing."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from cli import account_states, choosing, lists, persons, say
from reading import words
from reading.accounts.statement import restriction_in_words

if TYPE_CHECKING:
    from reading.accounts.accounts import Account

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
    from reading.accounts import accounts

    with connections.books().transaction() as books:
        found = accounts.show(books, account_id, connections.today(), connections.trade_date())
    say.as_json(found.as_json()) if form == "json" else say.show(*_page(found))


@account.command()
@choosing.ids("ACCOUNT")
@choosing.account_filters
@click.argument("state", metavar="on|off", type=click.Choice(["on", "off"]))
@say.dry_run_option
@say.by_option
def rebalancing(
    ids: tuple[str, ...],
    file: Any,
    state: str,
    dry_run: bool,
    by: str | None,
    **like: str | None,
) -> None:
    """Switch rebalancing on, which queues the accounts at once, or off, which withdraws them from the queue.

    All of them, or none.
    """
    from acting import accounts
    from cli import connections

    chosen = choosing.accounts(ids, file, **like)
    if not dry_run:
        choosing.agreed(any(like.values()), len(chosen), "account", f"switch rebalancing {state}")
    books, person, today = connections.books(dry_run), persons.person(by, "switch"), connections.today()
    choosing.tell(accounts.switch_rebalancing(books, person, chosen, state == "on", today, persons.signer(person)))
    say.rehearsed(dry_run)


def _page(found: "Account") -> Iterator[object]:
    from cli import plan_page
    from reading.accounts.reasons import measured, reasons_now

    told, standing = found.as_json(), found.standing
    known = standing.snapshot.account
    yield plan_page.title(known.id, known.name, f"as of {standing.snapshot.as_of}")
    version = f" (version {standing.snapshot.target.version})" if standing.snapshot.target else ""
    toggle = "on" if known.rebalancing else "off"
    target = f"target {known.target_id or 'none'}{version}"
    number = f" as {known.custodian_account}" if known.custodian_account else ""
    yield f"{known.status} at {known.custodian}{number}, {known.tax_status} · rebalancing {toggle} · {target}"
    yield plan_page.bullets("worth", _worth(told))
    yield plan_page.bullets("terms", _terms(told))
    if told["held"]:
        yield f"held until {told['held']['until']}, left out of --queue: {told['held']['why']}"
    if told["in_flight"]:
        yield f"rebalance {told['in_flight']} is under way: rebalancer show {told['in_flight']}"
    if told["open_breaks"]:
        yield f"open break {', '.join(map(str, told['open_breaks']))}: rebalancer breaks --account {known.id}"
    reasons = reasons_now(found.entry, measured(standing)) if found.entry else []
    lines = [f"{code}: {line}" for code, listed in reasons for line in listed]
    yield plan_page.bullets("in the queue", lines) if lines else "not in the queue"
    yield from found.flaws()
    yield ""
    if told["components"]:
        yield plan_page.components(told["components"])
        yield ""
    yield _statement_table(told)
    yield ""
    yield _sleeve_table(told["sleeves"])


def _worth(told: Json) -> Iterator[str]:
    """The account's value and cash, and of what that is the sum."""
    managed, whole = (words.amount(told[key]) or "unknown" for key in ("managed_value", "total_value"))
    yield f"managed value {managed}, of which the bands are shares"
    yield f"{whole} with what is protected or reserved"
    sleeves = [f"{words.amount(each['cash'])} {each['sleeve']}" for each in told["sleeves"] if each["cash"] != "0.00"]
    yield f"cash {words.amount(told['total_cash'])}{': ' if sleeves else ''}{' + '.join(sleeves)}"
    if told["reserved"] != "0.00":
        yield f"of the managed sleeve's {words.amount(told['reserved'])} are reserved for withdrawals (CASH-1)"


def _terms(told: Json) -> Iterator[str]:
    """What binds its plans."""
    home = told["household"]
    others = [each for each in home["accounts"] if each != told["account_id"]] if home else []
    yield f"household {home['id']}, with {', '.join(others) or 'no other account'}" if home else "of no household"
    budget = words.amount(told["gain_budget"]) if told["gain_budget"] is not None else "none"
    yield f"lot relief {told['lot_relief']} · gain budget {budget}"
    yield from map(restriction_in_words, told["restrictions"])
    for each in told["withdrawals"]:
        kept = "reserved" if each["reserved"] else "not reserved yet"
        yield f"withdrawal of {words.amount(each['amount'])} due {each['due']}, {kept}"
    for who, numbers in told["policy_of"].items():
        yield f"policy of the {who}: {', '.join(f'{key} {words.setting(value)}' for key, value in numbers.items())}"
    if not told["policy_of"]:
        yield "the policy of the day, whole: rebalancer policy"


def _statement_table(told: Json) -> object:
    """Every security once, and the cash, as a custodian's statement has them."""
    rows = [
        (each["symbol"], words.number(each["quantity"]), words.number(each["price"]) if each["price"] else "no price",
         words.amount(each["value"]) or "unknown")
        for each in told["totals"]
    ]  # fmt: skip
    rows.append(("cash", "", "", words.amount(told["total_cash"])))
    rows.append(("total", "", "", words.amount(told["total_value"]) or "unknown"))
    return say.table("As a custodian states it", ("holds", "quantity", "price", "value"), rows, right=(1, 2, 3))


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
            rows.append(("", "", "total", "", words.amount(sleeve["value"]) or "unknown", ""))
    return say.table("", ("sleeve", "status", "holds", "quantity", "value", "lots"), rows, right=(3, 4))


def _lots(lots: Sequence[Json]) -> str:
    from reading.words import number

    return ", ".join(
        f"{number(each['quantity'])} at {number(each['cost_per_share'])} of {each['acquired'] or 'an unknown day'}"
        if each["cost_per_share"]
        else f"{number(each['quantity'])} at unknown cost"
        for each in lots
    )
