"""`rebalancer submit`: one rebalance request. Nothing trades before an approval."""

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from cli import connections, say
from domain.values.policy import MODES
from reading.refused import Refused

if TYPE_CHECKING:
    from storage.connection import Books

AT_MOST = 50_000  # accounts by name; the queue may hold any number
LISTED = 10  # busy accounts that are named one by one
LOOKED_AT = 200  # of accounts with a rebalance under way, so many are asked whether it is alive


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
@click.argument("accounts", nargs=-1, metavar="ACCOUNT...")
@click.option("--queue", "from_queue", is_flag=True, help="Submit every account in the queue.")
@click.option("--reason", help="With --queue: only accounts queued for this reason.")
@click.option("--failed-of", metavar="ID", help="Submit again what FAILED, was busy or never started in a request.")
@click.option("--resume", metavar="ID", help="Submit nothing: follow a request again, as --wait does.")
@click.option("--mode", type=click.Choice(MODES), help="How near to land; best_fit by default.")
@click.option(
    "--approval",
    type=click.Choice(["required", "automatic"]),
    help="Whether a person has to approve; required by default. A liquidation always waits for one.",
)
@click.option("--raise-cash", type=_Amount(), metavar="AMOUNT", help="Only sell, to raise so much in each account.")
@click.option("--invest-cash", type=_Amount(), metavar="AMOUNT", help="Only buy, for so much in each account.")
@click.option("--override", multiple=True, type=click.Choice(["open_break"]), help="Set a check aside by its name.")
@click.option("--wait", is_flag=True, help="Follow the accounts until all have ended; Ctrl-C only stops following.")
@say.by_option
@say.format_option
def submit(
    accounts: tuple[str, ...],
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
    by: str | None,
    form: str,
) -> int:
    """Submit accounts for a rebalance: checks and plans each, then waits for an approval."""
    if sum(map(bool, (accounts, from_queue, failed_of, resume))) != 1:
        raise click.UsageError("name accounts, or give --queue, --failed-of or --resume; one of them")
    if reason and not from_queue:
        raise click.UsageError("--reason goes with --queue")
    if raise_cash and invest_cash:
        raise click.UsageError("--raise-cash and --invest-cash exclude each other")
    books = connections.books()
    if resume:
        return _follow(books, resume, form)
    given: dict[str, Any] = {"mode": mode, "approval": approval, "override": list(override)}
    if raise_cash or invest_cash:
        given |= {"kind": "raise_cash" if raise_cash else "invest_cash", "amount": str(raise_cash or invest_cash)}
    if failed_of:
        given, chosen = _again(books, failed_of, given)
    elif from_queue:
        chosen = _queued(books, reason)
        given["queue"] = {"reasons": [reason] if reason else []}
    else:
        given["account_ids"] = chosen = _known(books, accounts)
    busy = _busy(books, chosen)
    request_id = _new_request_id()
    given |= {"request_id": request_id, "requested_by": say.who(by)}
    connections.run(_start({key: value for key, value in given.items() if value not in (None, [])}))
    _say_submitted(request_id, len(chosen), busy, form)
    if wait:
        return _follow(books, request_id, form)
    if form == "json":
        say.as_json({"request_id": request_id, "accounts": len(chosen), "busy": busy})
    elif given["approval"] != "automatic":
        say.message(f"Trades wait for an approval: rebalancer approve {request_id} --by WHO")
    return 1 if busy else 0


def _say_submitted(request_id: str, count: int, busy: list[str], form: str) -> None:
    if form == "table":
        click.echo(request_id)
    noun = "account" if count == 1 else "accounts"
    say.message(f"{count} {noun} submitted as {request_id}. See: rebalancer show {request_id}")
    for line in busy[:LISTED]:
        say.message(f"rebalancer: {line}")
    if len(busy) > LISTED:
        say.message(f"rebalancer: and {len(busy) - LISTED} more accounts are busy")


def _follow(books: "Books", request_id: str, form: str) -> int:
    """Follows a request to its end, and shows it; Ctrl-C leaves it to itself."""
    from cli import request_page
    from cli.following import follow

    try:
        status = follow(books, request_id)
    except KeyboardInterrupt:
        say.message(
            f"no longer following; {request_id} goes on. Follow it again: rebalancer submit --resume {request_id}"
        )
        return 130
    with books.transaction() as read:
        told = request_page.read(read, request_id)
    say.as_json(told) if form == "json" else say.show("", *request_page.page(told))
    return 0 if status == "COMPLETE" else 1


def _queued(books: "Books", reason: str | None) -> list[str]:
    from domain.queue import REASONS

    if reason and reason not in REASONS:
        raise Refused(f"unknown reason {reason}: there is {', '.join(REASONS)}")
    with books.transaction() as read:
        found = read.requests.queued([reason] if reason else [], connections.today())
    if not found:
        of = f" for {reason}" if reason else ""
        raise Refused(f"nothing is queued{of} that nobody holds: see `rebalancer queue`")
    return found


def _known(books: "Books", accounts: tuple[str, ...]) -> list[str]:
    """The accounts named, once each. Refused whole where one is unknown."""
    wanted = list(dict.fromkeys(accounts))
    if len(wanted) > AT_MOST:
        raise Refused(f"{len(wanted)} accounts are more than {AT_MOST} at once: submit them in several requests")
    with books.transaction() as read:
        unknown = read.requests.unknown(wanted)
    if unknown:
        raise Refused(f"unknown account {', '.join(unknown)}: nothing was submitted. Check the id, or load a book")
    return wanted


def _again(books: "Books", request_id: str, given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What failed in a request, to be submitted as it was, except for what is given anew."""
    from domain.requests import FAILED, NOT_STARTED
    from domain.values.money import plain
    from storage.work.requests import UnknownRequest

    with books.transaction() as read:
        try:
            row = read.requests.get(request_id)
        except UnknownRequest:
            raise Refused(f"{request_id} is no request: see `rebalancer history` for the ids") from None
        chosen = [each.account_id for each in read.requests.accounts(request_id, [*FAILED, NOT_STARTED])]
    if row.stage != "ENDED" and connections.run(_runs([row.workflow_id])):
        raise Refused(f"{request_id} is still {row.stage}: follow it with `rebalancer submit --resume {request_id}`")
    if not chosen:
        raise Refused(f"nothing of {request_id} FAILED: see `rebalancer show {request_id}`")
    before = {"mode": row.mode, "approval": row.approval, "kind": row.kind, "override": list(row.overrides)}
    if row.amount is not None:
        before["amount"] = plain(row.amount)
    return before | {key: value for key, value in given.items() if value} | {"failed_of": request_id}, chosen


def _busy(books: "Books", chosen: list[str]) -> list[str]:
    """A line for each account that a rebalance is under way on. Refused where they all are: nothing could be done."""
    with books.transaction() as read:
        rows = read.requests.under_way(chosen)
    alive = connections.run(_runs([row.workflow_id for row in rows[:LOOKED_AT]])) if rows else set()
    busy = [row for row in rows if row.workflow_id in alive]
    lines = [f"account {row.account_id} is busy: {row.id} is {row.stage} (EXEC-3)" for row in busy]
    if busy and len(busy) == len(chosen):
        first = f"{lines[0]}. Decide about it: rebalancer show {busy[0].id}"
        more = f". So are the other {len(busy) - 1}" if len(busy) > 1 else ""
        raise Refused(f"{first}{more}; nothing was submitted")
    return lines


def _new_request_id() -> str:
    """`Q-`, the day, and enough of a random number to tell requests apart."""
    import secrets

    return f"Q-{connections.today():%Y%m%d}-{secrets.token_hex(4)}"


async def _start(given: dict[str, Any]) -> None:
    from workflows import search_attributes
    from workflows.contract import TASK_QUEUE, request_workflow_id
    from workflows.priorities import BY_NAME

    client = await connections.temporal()
    await client.start_workflow(
        "RebalanceRequest",
        given,
        id=request_workflow_id(given["request_id"]),
        task_queue=TASK_QUEUE,
        search_attributes=search_attributes.of_request(given["request_id"]),
        static_summary=f"request {given['request_id']} of {given['requested_by']}",
        priority=BY_NAME["person"],
    )


async def _runs(workflow_ids: list[str]) -> set[str]:
    """Those of the workflows that are running."""
    import asyncio

    from temporalio.client import WorkflowExecutionStatus
    from temporalio.service import RPCError

    client, gate = await connections.temporal(), asyncio.Semaphore(20)

    async def runs(workflow_id: str) -> bool:
        async with gate:
            try:
                described = await client.get_workflow_handle(workflow_id).describe()
            except RPCError:
                return False
            return described.status == WorkflowExecutionStatus.RUNNING

    answers = await asyncio.gather(*map(runs, workflow_ids))
    return {each for each, running in zip(workflow_ids, answers, strict=True) if running}
