"""`rebalancer approve` and `rebalancer cancel`: what a person decides about pending rebalances."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click

from cli import connections, say
from cli.say import Refused

ANSWER = timedelta(seconds=20)  # how long a worker may take to answer


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


def _decide(update: str, id_: str, said: dict[str, str], form: str) -> int:
    named = _named(id_)
    open_ones = [each for each in named if each.ended is None]
    if not open_ones:
        states = ", ".join(f"{each.rebalance_id} ended {each.ended}" for each in named)
        raise Refused(f"nothing of {id_} is pending: {states}")
    answers = connections.run(_send(update, open_ones, said))
    if form == "json":
        say.as_json(answers)
    else:
        for answer in answers:
            line = f"{answer['rebalance_id']}  {answer['account_id']}  {answer['answer']}"
            click.echo(line) if answer["ok"] else say.message(f"rebalancer: {line}")
    return 0 if all(answer["ok"] for answer in answers) else 1


def _named(id_: str) -> list[Pending]:
    """The rebalance of an id, or all of a request."""
    from storage.rebalances import UnknownRebalance

    with connections.books().transaction() as books:
        try:
            rows = [books.rebalances.get(id_)]
        except UnknownRebalance:
            rows = list(books.rebalances.of_request(id_))
    if not rows:
        raise Refused(f"{id_} is no rebalance and no request: see `rebalancer history` for the ids")
    return [Pending(row.id, row.account_id, row.workflow_id, row.round, row.status) for row in rows]


async def _send(update: str, pending: list[Pending], said: dict[str, str]) -> list[dict[str, Any]]:
    from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
    from temporalio.service import RPCError

    client = await connections.temporal()
    done = {"approve": f"approved by {said['by']}", "cancel": f"cancelled by {said['by']}"}[update]
    answers = []
    for each in pending:
        ok, answer = True, done
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
