"""`rebalancer queue`: the accounts that need a rebalance, each with its reasons and what was measured."""

from typing import Any

import click

from cli import say


@click.command()
@click.option("--reason", metavar="CODE", default=None, help="Only accounts with this reason among theirs.")
@say.format_option
def queue(reason: str | None, form: str) -> None:
    """The queue, by primary reason, then account. Being in it trades nothing: submit and approve do."""
    from cli import connections
    from storage.work.rebalances import utc

    reason = _known(reason)
    with connections.books().transaction() as books:
        entries = books.queue.entries(reason)
        held = books.account_states.holds(connections.today())
    listed = [
        {
            "account_id": each.account_id,
            "primary_reason": each.primary_reason,
            "reasons": each.reasons,
            "evidence": each.evidence,
            "queued_at": utc(each.queued_at),
            "last_issue": each.last_issue,
            "held_until": str(held[each.account_id]) if each.account_id in held else None,
        }
        for each in entries
    ]
    if form == "json":
        say.as_json(listed)
    elif not listed:
        say.show(f"No account is in the queue{f' for {reason}' if reason else ''}. Evaluate now: rebalancer evaluate")
    else:
        say.show(as_table(listed), "", _next(len(listed), reason))


def as_table(listed: list[dict[str, Any]]) -> object:
    """The queue for a person: one line an account and reason, the primary one first."""
    from rich.text import Text

    from cli.evidence import in_words

    made = say.table("", ("account", "reason", "evidence", "since"), [])
    for column in (0, 1, 3):
        made.columns[column].no_wrap = True
    for each in listed:
        lines = [(code, line) for code in each["reasons"] for line in in_words(code, each["evidence"][code], few=True)]
        for at, (code, line) in enumerate(lines):
            repeated = at > 0 and lines[at - 1][0] == code
            since = say.moment(each["queued_at"]) if at == 0 else ""
            made.add_row(each["account_id"] if at == 0 else "", "" if repeated else code, line, since)
        if each["last_issue"]:
            made.add_row("", Text("last issue", style="yellow"), Text(each["last_issue"], style="yellow"), "")
        if each["held_until"]:
            made.add_row("", Text("held", style="yellow"), f"left out of --queue until {each['held_until']}", "")
    return made


def _known(reason: str | None) -> str | None:
    from domain.queue import REASONS

    if reason is not None and reason.upper() not in REASONS:
        raise click.UsageError(f"--reason {reason} is no reason: there are {', '.join(REASONS)}")
    return reason.upper() if reason else None


def _next(count: int, reason: str | None) -> str:
    noun = "account" if count == 1 else "accounts"
    return f"{count} {noun}. Submit them: rebalancer submit --queue{f' --reason {reason}' if reason else ''}"
