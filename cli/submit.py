"""`rebalancer submit`: one rebalance request. Nothing trades before an approval."""

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from cli import choosing, connections, persons, say
from domain.values.policy import MODES
from reading import words

if TYPE_CHECKING:
    from acting.submit import Submitted, Wanted
    from identity.person import Person
    from storage.connection import Books

LISTED = 10  # busy accounts that are named one by one


class _Amount(click.ParamType):  # type: ignore[type-arg]
    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            amount = Decimal(value)
        except InvalidOperation:
            amount = Decimal(0)
        if not amount.is_finite() or amount <= 0:
            self.fail(f"an amount above 0 is needed, like 2500.00, not {value}", param, ctx)
        return amount


@click.command()
@choosing.ids("ACCOUNT")
@click.option("--queue", "from_queue", is_flag=True, help="Submit every account in the queue.")
@click.option("--reason", help="With --queue: only accounts queued for this reason.")
@click.option("--failed-of", metavar="ID", help="Submit again what FAILED, was busy or never started in a request.")
@click.option("--resume", metavar="ID", help="Submit nothing: follow a request again, as --wait does.")
@click.option(
    "--mode", type=click.Choice(MODES), help="How near to its weight a component is brought; best_fit by default."
)
@click.option(
    "--approval",
    type=click.Choice(["required", "automatic"]),
    help="Whether a person has to approve; required by default. A liquidation always waits for one.",
)
@click.option("--raise-cash", type=_Amount(), metavar="AMOUNT", help="Only sell, to raise so much in each account.")
@click.option("--invest-cash", type=_Amount(), metavar="AMOUNT", help="Only buy, for so much in each account.")
@click.option("--override", multiple=True, type=click.Choice(["open_break"]), help="Set a check aside by its name.")
@click.option("--wait", is_flag=True, help="Follow the accounts until all have ended; Ctrl-C only stops following.")
@say.dry_run_option
@say.by_option
@say.format_option
def submit(
    ids: tuple[str, ...],
    file: Any,
    from_queue: bool,
    reason: str | None,
    failed_of: str | None,
    resume: str | None,
    mode: str | None,
    approval: str | None,
    raise_cash: Decimal | None,
    invest_cash: Decimal | None,
    override: tuple[str, ...],
    wait: bool,
    dry_run: bool,
    by: str | None,
    form: str,
) -> int:
    """Submit accounts for a rebalance: checks and plans each, then waits for an approval."""
    accounts = choosing.named(ids, file)
    if sum(map(bool, (accounts, from_queue, failed_of, resume))) != 1:
        raise click.UsageError("name accounts, or give --queue, --failed-of or --resume; one of them")
    if dry_run and (wait or resume):
        raise click.UsageError("--dry-run starts nothing that could be followed: without --wait and --resume")
    if reason and not from_queue:
        raise click.UsageError("--reason goes with --queue")
    if raise_cash and invest_cash:
        raise click.UsageError("--raise-cash and --invest-cash exclude each other")
    from acting import submit as acting

    books = connections.books()
    if resume:
        return _follow(books, resume, form)
    terms: dict[str, Any] = {"mode": mode, "approval": approval, "override": list(override)}
    if raise_cash or invest_cash:
        terms |= {"kind": "raise_cash" if raise_cash else "invest_cash", "amount": str(raise_cash or invest_cash)}
    wanted = acting.Wanted(terms, accounts, from_queue, [reason] if reason else [], failed_of)
    if dry_run:
        return _rehearsed(
            connections.run(acting.rehearse(books, connections.temporal, wanted, connections.today())), form
        )
    done = _submitted(books, persons.person(by, "submit"), wanted)
    request_id = str(done.request_id)
    if form == "table":
        click.echo(request_id)
    count = words.counted(len(done.account_ids), "account")
    say.message(f"{count} submitted as {request_id}. See: rebalancer show {request_id}")
    _say_busy(done.busy)
    if wait:
        return _follow(books, request_id, form)
    if form == "json":
        say.as_json(done.as_json())
    elif done.approval != "automatic":
        say.message(f"Trades wait for an approval: rebalancer approve {request_id} --by WHO")
    return 1 if done.busy else 0


def _submitted(books: "Books", person: "Person", wanted: "Wanted") -> "Submitted":
    """By the console where it is signed, else by an input of ours."""
    from acting.submit import submit

    console = persons.console_of(person)
    if console is not None:
        return console.submit(wanted)
    return connections.run(submit(books, connections.temporal, person, wanted, connections.today()))


def _rehearsed(done: "Submitted", form: str) -> int:
    """The accounts that would be submitted, one a line as `--file` takes them."""
    if form == "json":
        say.as_json(done.as_json())
    else:
        click.echo("\n".join(done.account_ids))
    say.message(f"{words.counted(len(done.account_ids), 'account')} would be submitted")
    _say_busy(done.busy)
    say.rehearsed(True)
    return 1 if done.busy else 0


def _say_busy(busy: list[str]) -> None:
    for line in busy[:LISTED]:
        say.message(f"rebalancer: {line}")
    if len(busy) > LISTED:
        say.message(f"rebalancer: and {len(busy) - LISTED} more accounts are busy")


def _follow(books: "Books", request_id: str, form: str) -> int:
    """Follows a request to its end, and shows it; Ctrl-C leaves it to itself."""
    from cli import commands, request_page
    from cli.following import follow
    from reading.work import requests

    try:
        status = follow(books, request_id)
    except KeyboardInterrupt:
        say.message(
            f"no longer following; {request_id} goes on. Follow it again: rebalancer submit --resume {request_id}"
        )
        return 130
    with books.transaction() as read:
        told = requests.read(read, request_id).as_json(commands.line)
    say.as_json(told) if form == "json" else say.show("", *request_page.page(told))
    return 0 if status == "COMPLETE" else 1
