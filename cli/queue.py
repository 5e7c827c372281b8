"""`rebalancer queue`: the accounts that need a rebalance, each with its reasons and what was measured."""

from typing import Any

import click

from cli import say
from reading import words


@click.command()
@click.option("--reason", metavar="CODE", default=None, help="Only accounts with this reason among theirs.")
@say.format_option
def queue(reason: str | None, form: str) -> None:
    """The queue, by primary reason, then account. Being in it trades nothing: submit and approve do."""
    from cli import connections
    from reading.accounts.reasons import as_of
    from reading.work import evaluations
    from reading.work.queue import listing

    reason = _known(reason)
    with connections.books().transaction() as books:
        listed = [each.as_json() for each in listing(books, reason, connections.today())]
        measured = as_of(evaluations.last(books))
    if form == "json":
        say.as_json(listed)
    elif not listed:
        say.show(f"No account is in the queue{f' for {reason}' if reason else ''}. Evaluate now: rebalancer evaluate")
    else:
        say.show(as_table(listed), "", _next(len(listed), sum(bool(each["held_until"]) for each in listed), reason))
        say.show(measured)


def as_table(listed: list[dict[str, Any]]) -> object:
    """The queue for a person: one line an account and reason, the primary one first."""
    from rich.text import Text

    from reading.evidence import in_words

    made = say.table("", ("account", "reason", "evidence", "since"), [])
    for column in (0, 1, 3):
        made.columns[column].no_wrap = True
    for each in listed:
        lines = [(code, line) for code in each["reasons"] for line in in_words(code, each["evidence"][code], few=True)]
        for at, (code, line) in enumerate(lines):
            repeated = at > 0 and lines[at - 1][0] == code
            since = words.moment(each["queued_at"]) if at == 0 else ""
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


def _next(count: int, held: int, reason: str | None) -> str:
    kept_out = f", {held:,} of them held" if held else ""
    them = "the others" if held else "them"
    command = f"rebalancer submit --queue{f' --reason {reason}' if reason else ''}"
    return words.counted(count, "account") + kept_out + (f". Submit {them}: {command}" if count > held else ".")
