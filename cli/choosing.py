"""Which rebalances and requests a person means: by id, by a file of ids, or by a filter over what waits."""

from collections.abc import Sequence
from typing import Any

import click

from cli import connections
from reading.refused import Refused
from reading.work.choosing import Item, named, waiting


def chosen(ids: Sequence[str], file: Any, accounts: Sequence[str], requested_by: str | None) -> list[Item]:
    """What is meant. Wrong usage where that is nothing, or ids and a filter; refused where a filter finds nothing."""
    given = [*ids, *_lines(file)]
    if accounts or requested_by:
        if given or file is not None:
            raise click.UsageError("name ids, or say by --account and --requested-by what is meant; one of them")
        return waiting(connections.books(), accounts, requested_by)
    if not given:
        raise click.UsageError("name what is meant: ID…, --file, --account or --requested-by")
    return [named(connections.books(), each) for each in dict.fromkeys(given)]


def _lines(file: Any) -> list[str]:
    """The ids of a file: one a line, the digest of what was shown behind it where it is to be approved."""
    if file is None:
        return []
    try:
        lines = [line.split("#", 1)[0].split() for line in file]
    except UnicodeDecodeError as flaw:
        raise Refused(f"{file.name} is no file of ids: {flaw}") from flaw
    wrong = [str(at) for at, words in enumerate(lines, start=1) if len(words) > 2]
    if wrong:
        raise Refused(
            f"{file.name}, line {', '.join(wrong[:5])}: an id is needed, and the digest of its plan behind it"
        )
    return ["@".join(words) for words in lines if words]
