"""`rebalancer submit`: one rebalance request. Nothing trades before an approval."""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from cli import connections, say
from cli.say import Refused
from domain.policy import MODES

if TYPE_CHECKING:
    from storage.connection import Books


@click.command()
@click.argument("accounts", nargs=-1, metavar="ACCOUNT...")
@click.option("--queue", "from_queue", is_flag=True, help="Submit every account in the queue.")
@click.option("--reason", help="With --queue: only accounts queued for this reason.")
@click.option("--mode", type=click.Choice(MODES), default="best_fit", show_default=True, help="How near to land.")
@click.option(
    "--approval",
    type=click.Choice(["required", "automatic"]),
    default="required",
    show_default=True,
    help="Whether a person has to approve; a liquidation always waits for one.",
)
@click.option("--override", multiple=True, type=click.Choice(["open_break"]), help="Set a check aside by its name.")
@click.option("--wait", is_flag=True, help="Follow the accounts until all have ended; Ctrl-C only stops following.")
@say.by_option
@say.format_option
def submit(
    accounts: tuple[str, ...],
    from_queue: bool,
    reason: str | None,
    mode: str,
    approval: str,
    override: tuple[str, ...],
    wait: bool,
    by: str | None,
    form: str,
) -> int:
    """Submit accounts for a rebalance: checks and plans each, then waits for an approval."""
    if bool(accounts) is from_queue:
        raise click.UsageError("name accounts, or give --queue; one of them")
    if reason and not from_queue:
        raise click.UsageError("--reason goes with --queue")
    books = connections.books()
    chosen = _queued(books, reason) if from_queue else _known(books, accounts)
    request_id = _new_request_id()
    request = {"requested_by": say.who(by), "mode": mode, "approval": approval, "override": list(override)}
    started, busy = connections.run(_start(chosen, request | {"request_id": request_id}))
    rows = following(books, request_id, started) if wait else []
    if form == "json":
        say.as_json({"request_id": request_id, "started": started, "busy": busy, "rebalances": rows})
    else:
        click.echo(request_id)
        say.message(f"{len(started)} submitted as {request_id}. See: rebalancer show {request_id}")
        if approval == "required" and not wait:
            say.message(f"Trades wait for an approval: rebalancer approve {request_id} --by WHO")
    for account in busy:
        say.message(f"rebalancer: account {account} was not submitted: a rebalance of it is already under way (EXEC-3)")
    failed = any(row["status"] not in {"COMPLETE"} for row in rows)
    return 1 if busy or failed else 0


def _queued(books: "Books", reason: str | None) -> list[str]:
    from domain.queue import REASONS

    if reason and reason not in REASONS:
        raise Refused(f"unknown reason {reason}: there is {', '.join(REASONS)}")
    with books.transaction() as read:
        found = [entry.account_id for entry in read.queue.entries(reason)]
    if not found:
        raise Refused("nothing is queued" + (f" for {reason}" if reason else "") + ": see `rebalancer queue`")
    return found


def _known(books: "Books", accounts: tuple[str, ...]) -> list[str]:
    """The accounts named, once each. Refused whole where one is unknown."""
    from sqlalchemy import select

    from storage.tables import accounts as known_accounts

    wanted = list(dict.fromkeys(accounts))
    with books.transaction() as read:
        known = set(read.execute(select(known_accounts.c.id).where(known_accounts.c.id.in_(wanted))).scalars())
    unknown = [account for account in wanted if account not in known]
    if unknown:
        raise Refused(f"unknown account {', '.join(unknown)}: nothing was submitted. Check the id, or load a book")
    return wanted


def _new_request_id() -> str:
    """`Q-`, the day, and enough of a random number to tell requests apart."""
    import secrets

    return f"Q-{connections.today():%Y%m%d}-{secrets.token_hex(4)}"


async def _start(accounts: list[str], request: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Starts a rebalance for each account; returns those started and those that one is under way on."""
    from temporalio.common import WorkflowIDConflictPolicy
    from temporalio.exceptions import WorkflowAlreadyStartedError

    from workflows.contract import TASK_QUEUE, rebalance_workflow_id
    from workflows.search_attributes import of_start

    client = await connections.temporal()
    started, busy = [], []
    for account in accounts:
        try:
            await client.start_workflow(
                "RebalanceAccount",
                {"account_id": account, **request},
                id=rebalance_workflow_id(account),
                task_queue=TASK_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                search_attributes=of_start(account, request["request_id"]),
                static_summary=f"rebalance of {account} for {request['requested_by']}",
            )
            started.append(account)
        except WorkflowAlreadyStartedError:
            busy.append(account)
    return started, busy


def following(books: "Books", request_id: str, accounts: list[str]) -> list[dict[str, Any]]:
    """Waits until every account of a request has ended, saying what changes; returns them as `history` lists them."""
    from storage.rebalances import as_history

    seen: dict[str, str] = {}
    while True:
        with books.transaction() as read:
            rows = read.rebalances.of_request(request_id)
        for row in rows:
            state = row.status or row.stage
            if seen.get(row.account_id) != state:
                seen[row.account_id] = state
                issue = f": {row.issue}" if row.issue else ""
                say.message(f"{row.account_id}  {row.id}  {state}{issue}")
        if len(rows) == len(accounts) and all(row.status for row in rows):
            return [dict(as_history(row)) for row in rows]
        ended = {row.account_id for row in rows if row.status}
        lost = connections.run(_lost([each for each in accounts if each not in ended]))
        if lost:
            listed = ", ".join(lost)
            raise Refused(
                f"account {listed}: its workflow ended without a result; see the Temporal UI, then submit again"
            )
        _pause()


async def _lost(accounts: list[str]) -> list[str]:
    """Accounts whose workflow has failed before it had a rebalance to show."""
    from temporalio.client import WorkflowExecutionStatus

    from workflows.contract import rebalance_workflow_id

    if not accounts:
        return []
    client = await connections.temporal()
    described = [await client.get_workflow_handle(rebalance_workflow_id(each)).describe() for each in accounts]
    return [
        account
        for account, each in zip(accounts, described, strict=True)
        if each.status not in {WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED}
    ]


def _pause() -> None:
    asyncio.run(asyncio.sleep(0.5))
