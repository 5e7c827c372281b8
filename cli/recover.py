"""`rebalancer recover`: after something broke. Rebalances whose workflow is gone; a database from a backup."""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from cli import connections, persons, say
from reading import words
from reading.refused import Refused

if TYPE_CHECKING:
    from datetime import timedelta

    from identity.person import Person

AT_ONCE = 20  # workflows that are asked after, and ended, at the same time
Json = dict[str, Any]


@click.command()
@click.option("--new-epoch", is_flag=True, help="This database was restored: orders get IDs that no venue has seen.")
@click.option("--why", default=None, metavar="TEXT", help="With --new-epoch: what was restored, from when.")
@click.option("--list", "only_list", is_flag=True, help="Only list the rebalances whose workflow is gone.")
@say.by_option
@say.format_option
def recover(new_epoch: bool, why: str | None, only_list: bool, by: str | None, form: str) -> int:
    """List the rebalances whose workflow is gone, and bring them to their end.

    What the venue took is booked, what was not sent never will be, and what is open is cancelled. A worker does it, so
    one has to run. With --new-epoch instead, which needs the database alone, a restored one is told that it was:
    client order IDs begin anew, and sending is halted until another person has compared and resumes it.
    """
    if new_epoch:
        if not (why or "").strip():
            raise click.UsageError("--new-epoch needs --why: what was restored, like --why 'backup of 27 November'")
        _new_epoch(persons.person(by, "venue"), str(why).strip(), form)
        return 0
    if why is not None:
        raise click.UsageError("--why goes with --new-epoch")
    found = connections.run(_orphans())
    if not only_list:
        connections.run(_end(found, persons.person(by, "venue").name))
    if form == "json":
        say.as_json(found)
    elif not found:
        click.echo("every rebalance under way has its workflow")
    else:
        keys = ("rebalance_id", "account_id", "stage", "workflow_id", "started_at", "outcome")
        columns = ("rebalance", "account", "was", "its workflow, gone", "started", "outcome")
        shown = [each | {"started_at": words.moment(each["started_at"])} for each in found]
        say.show(say.table("", columns, [tuple(str(each[key] or "–") for key in keys) for each in shown]))
    return 1 if any(each["outcome"] is None for each in found) and not only_list else 0


def _new_epoch(who: "Person", why: str, form: str) -> None:
    from acting.actors import actor

    with connections.books().transaction(actor(who)) as books:
        epoch = books.epochs.renew(why)
    if form == "json":
        say.as_json({"epoch": epoch, "begun_by": who.name, "why": why})
        return
    click.echo(f"epoch {epoch} begins, by {who.name}: {why}")
    say.message(
        "sending is halted. Bring what was under way to its end (rebalancer recover), compare with the custodians "
        "(rebalancer positions FILE, rebalancer breaks); then another person: rebalancer resume --by WHO --why TEXT"
    )


async def _orphans() -> list[Json]:
    """The rebalances under way whose workflow has ended or is unknown, oldest first."""
    from activities.orphans import is_over
    from storage.work.rebalances import utc

    with connections.books().transaction() as books:
        rows = books.rebalances.all_under_way()
    client, gate = await connections.temporal(), asyncio.Semaphore(AT_ONCE)

    async def gone(row: Any) -> bool:
        async with gate:
            return await is_over(client, row.start_key)

    over = await _answered([gone(row) for row in rows])
    return [
        {
            "rebalance_id": row.id,
            "account_id": row.account_id,
            "stage": row.stage,
            "workflow_id": row.workflow_id,
            "started_at": utc(row.started_at),
            "outcome": None,
        }
        for row, it_is in zip(rows, over, strict=True)
        if it_is
    ]


async def _end(found: list[Json], who: str) -> None:
    """Has each brought to its end by a workflow of its own; notes the status that it came to, or why it did not."""
    from datetime import timedelta

    client, gate = await connections.temporal(), asyncio.Semaphore(AT_ONCE)

    async def end(each: Json) -> None:
        async with gate:
            each["outcome"] = await _ended(client, each["rebalance_id"], who, timedelta(minutes=5))

    await _answered([end(each) for each in found])


async def _ended(client: Any, rebalance_id: str, who: str, patience: "timedelta") -> str | None:
    from temporalio.client import WorkflowFailureError
    from temporalio.common import WorkflowIDConflictPolicy
    from temporalio.service import RPCError

    from workflows.contract import TASK_QUEUE, recovery_workflow_id

    try:
        handle = await client.start_workflow(
            "RecoverRebalance",
            {"rebalance_id": rebalance_id, "requested_by": who},
            id=recovery_workflow_id(rebalance_id),
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        result: Json = await asyncio.wait_for(handle.result(), patience.total_seconds())
        return str(result["status"])
    except WorkflowFailureError as failure:
        say.message(f"rebalancer: {rebalance_id}: {getattr(failure.cause, 'cause', None) or failure.cause}")
    except (TimeoutError, RPCError):
        say.message(f"rebalancer: {rebalance_id} is not at its end yet: {recovery_workflow_id(rebalance_id)} goes on")
    return None


async def _answered(asked: list[Any]) -> list[Any]:
    from temporalio.service import RPCError

    try:
        return await asyncio.gather(*asked)
    except RPCError as flaw:
        raise Refused(f"Temporal does not answer ({flaw.message}): see `rebalancer status`") from flaw
