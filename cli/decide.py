"""`approve` and `cancel`, `pause` and `resume`: what a person decides about pending rebalances and running requests."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click

from cli import connections, say
from cli.say import Refused

ANSWER = timedelta(seconds=20)  # how long a worker may take to answer
ALL_OF_IT = timedelta(minutes=10)  # how long it may take over a request of many accounts
DONE = {"approve": "approved", "cancel": "cancelled", "pause": "paused", "resume": "resumed"}


@dataclass(frozen=True, slots=True)
class Pending:
    """A rebalance that was named, and where its workflow is."""

    rebalance_id: str
    account_id: str
    workflow_id: str
    round: int
    ended: str | None


@click.command()
@click.argument("id_", metavar="ID")
@say.by_option
@say.format_option
def approve(id_: str, by: str | None, form: str) -> int:
    """Approve a rebalance (R-…), or all that is pending in a request (Q-…)."""
    return _decide("approve", id_, {"by": say.who(by)}, form)


@click.command()
@click.argument("id_", metavar="ID")
@click.option("--why", default=None, help="The reason, kept with the rebalance.")
@say.by_option
@say.format_option
def cancel(id_: str, why: str | None, by: str | None, form: str) -> int:
    """Cancel a rebalance (R-…), or all that is pending in a request (Q-…). Nothing of it trades."""
    said = {"by": say.who(by)} | ({"reason": why} if why else {})
    return _decide("cancel", id_, said, form)


@click.command()
@click.argument("id_", metavar="ID")
@say.by_option
@say.format_option
def pause(id_: str, by: str | None, form: str) -> int:
    """Pause a request (Q-…): no more accounts are started, and none goes from approval to execution."""
    return _steer("pause", id_, {"by": say.who(by)}, form)


@click.command()
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--why", default=None, metavar="TEXT", help="Without an ID: why sending may go on; kept for good.")
@say.by_option
@say.format_option
def resume(id_: str | None, why: str | None, by: str | None, form: str) -> int:
    """Let a paused request (Q-…) go on; without an ID, all sending that was halted, which takes another person."""
    if id_ is None:
        from cli.halt import resume_sending

        if why is None:
            raise click.UsageError("--why is needed to let sending go on; a paused request is named: resume Q-…")
        resume_sending(by, why, form)
        return 0
    if why is not None:
        raise click.UsageError("--why goes with resuming sending, without an ID")
    return _steer("resume", id_, {"by": say.who(by)}, form)


def _decide(update: str, id_: str, said: dict[str, str], form: str) -> int:
    rebalances, request = _named(id_)
    if request is not None:
        answer = connections.run(_ask(request, update, said))
        if answer is not None:
            return _told(update, id_, said["by"], answer, form)
    if not rebalances and not _is_known(id_):
        raise Refused(f"{id_} is no rebalance and no request: see `rebalancer history` for the ids")
    open_ones = [each for each in rebalances if each.ended is None]
    if not open_ones:
        states = ", ".join(f"{each.rebalance_id} ended {each.ended}" for each in rebalances[:5])
        raise Refused(f"nothing of {id_} is pending: {states or 'it has no rebalances'}. See `rebalancer show {id_}`")
    answers = connections.run(_send(update, open_ones, said))
    if form == "json":
        say.as_json(answers)
    else:
        for each in answers:
            line = f"{each['rebalance_id']}  {each['account_id']}  {each['answer']}"
            click.echo(line) if each["ok"] else say.message(f"rebalancer: {line}")
    return 0 if all(each["ok"] for each in answers) else 1


def _steer(update: str, id_: str, said: dict[str, str], form: str) -> int:
    _, request = _named(id_)
    answer = None if request is None else connections.run(_ask(request, update, said))
    if answer is None:
        what = f"request {id_} is not running" if request else f"{id_} is a rebalance: only a request is {DONE[update]}"
        raise Refused(f"{what}. See `rebalancer show {id_}`")
    if form == "json":
        say.as_json({"request_id": id_, **answer})
    else:
        click.echo(f"{id_}  {DONE[update]} by {said['by']}")
    return 0


def _told(update: str, id_: str, by: str, answer: dict[str, Any], form: str) -> int:
    """What came of a decision about a request."""
    count, refused = answer["accounts"], answer["refused"]
    if form == "json":
        say.as_json({"request_id": id_, **answer})
    else:
        if count:
            click.echo(f"{id_}  {count} {'account' if count == 1 else 'accounts'} {DONE[update]} by {by}")
        for each in refused:
            say.message(f"rebalancer: account {each['account_id']}: {each['reason']}")
    return 1 if refused else 0


def _named(id_: str) -> tuple[list[Pending], str | None]:
    """The rebalance of an id; or all of a request, and the id of the request's workflow."""
    from storage.rebalances import UnknownRebalance
    from storage.requests import UnknownRequest
    from workflows.contract import request_workflow_id

    with connections.books().transaction() as books:
        try:
            row = books.rebalances.get(id_)
            return [Pending(row.id, row.account_id, row.workflow_id, row.round, row.status)], None
        except UnknownRebalance:
            rows = books.rebalances.listing(request_id=id_, limit=None)
        try:
            request = str(books.requests.get(id_).workflow_id)
        except UnknownRequest:  # no worker has taken it up yet, or its rebalances were started one by one
            request = request_workflow_id(id_)
    return [Pending(row.id, row.account_id, row.workflow_id, row.round, row.status) for row in rows], request


def _is_known(request_id: str) -> bool:
    from storage.requests import UnknownRequest

    with connections.books().transaction() as books:
        try:
            books.requests.get(request_id)
        except UnknownRequest:
            return False
    return True


async def _ask(workflow_id: str, update: str, said: dict[str, str]) -> dict[str, Any] | None:
    """The answer of a request's workflow; None where it does not run any more. Refused with its reason."""
    from temporalio.client import (
        WorkflowExecutionStatus,
        WorkflowUpdateFailedError,
        WorkflowUpdateRPCTimeoutOrCancelledError,
        WorkflowUpdateStage,
    )
    from temporalio.service import RPCError, RPCStatusCode

    handle = (await connections.temporal()).get_workflow_handle(workflow_id)
    try:
        if (await handle.describe(rpc_timeout=ANSWER)).status != WorkflowExecutionStatus.RUNNING:
            return None
        asked = await handle.start_update(update, said, wait_for_stage=WorkflowUpdateStage.ACCEPTED, rpc_timeout=ANSWER)
        answer: dict[str, Any] = await asked.result(rpc_timeout=ALL_OF_IT)
        return answer
    except WorkflowUpdateFailedError as refused:
        raise Refused(str(getattr(refused.cause, "message", None) or refused.cause)) from refused
    except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError) as flaw:
        if isinstance(flaw, RPCError) and flaw.status == RPCStatusCode.NOT_FOUND:
            return None
        raise Refused(f"its workflow {workflow_id} does not answer ({flaw}): see `rebalancer status`") from flaw


async def _send(update: str, pending: list[Pending], said: dict[str, str]) -> list[dict[str, Any]]:
    from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
    from temporalio.service import RPCError

    client = await connections.temporal()
    answers = []
    for each in pending:
        ok, answer = True, f"{DONE[update]} by {said['by']}"
        try:
            meant = {"rebalance_id": each.rebalance_id, "round": each.round}
            handle = client.get_workflow_handle(each.workflow_id)
            await handle.execute_update(update, said | meant, rpc_timeout=ANSWER)
        except WorkflowUpdateFailedError as refused:
            ok, answer = False, str(getattr(refused.cause, "message", None) or refused.cause)
        except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError) as flaw:
            ok, answer = False, f"its workflow {each.workflow_id} does not answer ({flaw}): see `rebalancer status`"
        answers.append({"rebalance_id": each.rebalance_id, "account_id": each.account_id, "ok": ok, "answer": answer})
    return answers
