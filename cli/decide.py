"""`approve` and `cancel`, `pause` and `resume`: what a person decides about pending rebalances and running requests."""

from typing import TYPE_CHECKING, Any

import click

from cli import choosing, connections, persons, say

if TYPE_CHECKING:
    from identity.roles import Act

NOT_ANSWERED = 3  # exit status: sent, and nobody knows yet what came of it (DECIDE-2)
EXIT = {"done": 0, "refused": 1, "unanswered": NOT_ANSWERED}


def _which(function: Any) -> Any:
    """What `approve` and `cancel` are about: ids, a file of them, or a filter; and an earlier decision's answer."""
    for option in (
        click.option("--again", metavar="UPDATE", help="Decide nothing: ask what came of a decision that was sent."),
        click.option("--requested-by", metavar="WHO", help="What waits of all that somebody asked for."),
        click.option("--account", "accounts", multiple=True, metavar="ACCOUNT", help="What waits on an account."),
        choosing.ids("ID"),
    ):
        function = option(function)
    return function


@click.command()
@_which
@click.option("--plan", metavar="DIGEST", help="What was shown, as `show` prints it; 8 characters do.")
@click.option("--unseen", is_flag=True, help="Nobody looked; recorded so, and never for a liquidation.")
@say.by_option
@say.format_option
def approve(
    ids: tuple[str, ...],
    file: Any,
    accounts: tuple[str, ...],
    requested_by: str | None,
    again: str | None,
    plan: str | None,
    unseen: bool,
    by: str | None,
    form: str,
) -> int:
    """Approve the plan of a rebalance (R-…), or those that a request's page shows as pending (Q-…).

    On a terminal each is shown and asked about. Else --plan names what was shown; with several, each as ID@DIGEST. A
    liquidation is approved by its own id.
    """
    from cli.seeing import Seen, on_a_terminal

    if plan and unseen:
        raise click.UsageError("--plan names what was seen, --unseen says that nothing was: one of them")
    items = choosing.waiting_or_named(ids, file, accounts, requested_by)
    if plan and len(items) != 1:
        raise click.UsageError("--plan names one plan: with several, write each as ID@DIGEST")
    seen = Seen(plan, unseen, ask=form == "table" and not unseen and on_a_terminal())
    return _decide("approve", items, by, again, form, seen.of)


@click.command()
@_which
@click.option("--why", default=None, help="The reason, kept with the rebalance.")
@say.by_option
@say.format_option
def cancel(
    ids: tuple[str, ...],
    file: Any,
    accounts: tuple[str, ...],
    requested_by: str | None,
    again: str | None,
    why: str | None,
    by: str | None,
    form: str,
) -> int:
    """Cancel a rebalance (R-…), or all of a request that has not begun to trade (Q-…).

    Nothing of what waits trades then; of one whose orders are out, what is open is cancelled, what was filled stays.
    """
    items = choosing.waiting_or_named(ids, file, accounts, requested_by)
    said = {"reason": why} if why else {}
    return _decide("cancel", items, by, again, form, lambda item: said)


@click.command()
@click.argument("id_", metavar="ID")
@say.by_option
@say.format_option
def pause(id_: str, by: str | None, form: str) -> int:
    """Pause a request (Q-…): no more accounts are started, and none goes from approval to execution."""
    return _steer("pause", id_, by, form)


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
    return _steer("resume", id_, by, form)


def _decide(update: "Act", items: list[Any], by: str | None, again: str | None, form: str, said: Any) -> int:
    """Decides about one after the other; what came of each is said, and the worst is the exit status."""
    from acting.deciding import Decision
    from cli import commands

    if again is not None and len(items) != 1:
        raise click.UsageError("--again asks about one decision: name the one ID that it was about")
    person, told, code = persons.person(by, update), [], 0
    tell = persons.teller(person)
    for item in items:
        decision = Decision(update, item, person, connections.temporal, tell)
        asked = decision.ask_again(again) if again is not None else decision.send(said(item))
        for each in connections.run(asked):
            told.append(each.as_json(commands.line))
            code = max(code, EXIT[each.ended])
            if form == "table":
                click.echo(each.done) if each.done else None
                for line in each.troubles:
                    say.message(f"rebalancer: {commands.line(line)}")
    if form == "json":
        say.as_json(told[0] if len(items) == 1 and items[0].is_request and len(told) == 1 else told)
    return code


def _steer(update: "Act", id_: str, by: str | None, form: str) -> int:
    from acting.deciding import DONE, steer
    from reading.work.choosing import named

    person = persons.person(by, update)
    asked = steer(update, named(connections.books(), id_), person, connections.temporal, persons.teller(person))
    reply = connections.run(asked)
    if reply.answer is None:
        say.message(f"rebalancer: {id_}: {reply.why}. Look whether it took effect: rebalancer show {id_}")
        return NOT_ANSWERED
    if form == "json":
        say.as_json({"request_id": id_, **reply.answer})
    else:
        click.echo(f"{id_}  {DONE[update]} by {person.name}")
    return 0
