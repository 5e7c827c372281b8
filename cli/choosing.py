"""What a person means by several: ids, a file of ids, or a filter; said the same way by every command that takes many.

Ids are taken once each. All of a command are done, or none.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from cli import connections
from reading import words
from reading.refused import Refused
from reading.work import choosing as work

LISTED = 40  # lines of a person's page; a dry run and the real thing print the same


def ids(noun: str) -> Callable[[Any], Any]:
    """`NOUN...` and `--file`."""

    def take(function: Any) -> Any:
        file = click.option("--file", "file", type=click.File(), help="A file of ids, one a line; - is standard input.")
        return file(click.argument("ids", nargs=-1, metavar=f"{noun}...")(function))

    return take


def account_filters(function: Any) -> Any:
    """Which accounts: by status, target, household, and whether their rebalancing is on."""
    for option in (
        click.option(
            "--rebalancing", type=click.Choice(["on", "off"]), default=None, help="Only those where it is so."
        ),
        click.option("--household", default=None, metavar="ID", help="Only those of this household."),
        click.option("--target", default=None, metavar="TARGET", help="Only those with this target."),
        click.option("--status", type=click.Choice(["open", "frozen", "closed"]), default=None, help="Only such ones."),
    ):
        function = option(function)
    return function


def named(given: Sequence[str], file: Any, digests: bool = False) -> list[str]:
    """The ids of a command and of its file, once each; with `digests`, one may have behind it what was shown."""
    return list(dict.fromkeys([*given, *_lines(file, digests)]))


def waiting_or_named(
    given: Sequence[str], file: Any, accounts: Sequence[str], requested_by: str | None
) -> list[work.Item]:
    """Rebalances and requests: by id, or by a filter over what waits for an approval. Refused where nothing does."""
    asked = {"--account": accounts or None, "--requested-by": requested_by}
    one_by_one = _named(given, file, asked, digests=True)
    if one_by_one is None:
        return work.waiting(connections.books(), accounts, requested_by)
    return [work.named(connections.books(), each) for each in one_by_one]


def accounts(
    given: Sequence[str],
    file: Any,
    status: str | None = None,
    target: str | None = None,
    household: str | None = None,
    rebalancing: str | None = None,
) -> list[str]:
    """Accounts: by id, or by a filter, which is refused where no account is like that."""
    asked = {"--status": status, "--target": target, "--household": household, "--rebalancing": rebalancing}
    one_by_one = _named(given, file, asked)
    if one_by_one is not None:
        return one_by_one
    from reading.accounts.accounts import ids

    on = None if rebalancing is None else rebalancing == "on"
    with connections.books().transaction() as books:
        found = ids(books, status, target, household, on)
    if not found:
        raise Refused(f"no account is like that ({_filter(asked)}): nothing changes")
    return found


def breaks(
    given: Sequence[str], file: Any, account: str | None, symbol: str | None, statement: str | None
) -> list[int]:
    """Open breaks: by number, or by a filter, which is refused where no open break is like that."""
    asked = {"--account": account, "--symbol": symbol, "--statement": statement}
    one_by_one = _named(given, file, asked)
    if one_by_one is not None:
        wrong = [each for each in one_by_one if not (each.isascii() and each.isdigit())]
        if wrong:
            raise click.UsageError(f"a break is a number, like 3, not {wrong[0]}: rebalancer breaks lists them")
        return [int(each[:18]) for each in one_by_one]
    from reading.accounts.breaks import open_like

    of = "" if (symbol or "").upper() == "CASH" else symbol
    with connections.books().transaction() as books:
        found = open_like(books, account, of, statement)
    if not found:
        raise Refused(f"no open break is like that ({_filter(asked)}): nothing changes. See `rebalancer breaks`")
    return found


def agreed(by_filter: bool, count: int, noun: str, what: str) -> None:
    """Asks, on a terminal, whether all that a filter found are meant. Refused where they are not."""
    from cli.seeing import on_a_terminal

    found = words.counted(count, noun)
    if by_filter and on_a_terminal() and not click.confirm(f"{found}: {what}?", default=False):
        raise Refused("nothing was changed")


def tell(lines: Sequence[str]) -> None:
    """What was done, or would be, of each; the first of many."""
    for line in lines[:LISTED]:
        click.echo(line)
    if len(lines) > LISTED:
        click.echo(f"and {len(lines) - LISTED:,} more")


def _named(given: Sequence[str], file: Any, asked: Mapping[str, Any], digests: bool = False) -> list[str] | None:
    """The ids, once each; None where a filter says what is meant. Wrong usage where it is both, or nothing."""
    options = " or ".join(asked)
    listed = named(given, file, digests)
    if any(asked.values()):
        if listed or file is not None:
            raise click.UsageError(f"name ids, or say by {options} what is meant; one of them")
        return None
    if not listed:
        raise click.UsageError(f"name what is meant: ID…, --file, {options}")
    return listed


def _filter(asked: Mapping[str, Any]) -> str:
    return ", ".join(f"{option} {value}" for option, value in asked.items() if value)


def _lines(file: Any, digests: bool) -> list[str]:
    """The ids of a file: one a line; the digest of what was shown behind it, where it is to be approved."""
    if file is None:
        return []
    try:
        lines = [line.split("#", 1)[0].split() for line in file]
    except UnicodeDecodeError as flaw:
        raise Refused(f"{file.name} is no file of ids: {flaw}") from flaw
    wrong = [str(at) for at, parts in enumerate(lines, start=1) if len(parts) > 1 + digests]
    if wrong:
        behind = ", and the digest of its plan behind it" if digests else ", and nothing behind it"
        raise Refused(f"{file.name}, line {', '.join(wrong[:5])}: an id is needed{behind}")
    found = ["@".join(parts) for parts in lines if parts]
    if not found:
        raise Refused(f"{file.name} has no id in it: one a line")
    return found
