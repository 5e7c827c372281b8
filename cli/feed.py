"""`rebalancer feed`: which files are understood as they come, what one of them gives, a draft for one that isn't."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import connections, say
from reading import words
from reading.files import feed_file, feeds
from reading.refused import Refused

if TYPE_CHECKING:
    from feeds.catalogue import Chosen
    from feeds.reading import FeedReading, Names

COLUMNS = ("feed", "gives", "format", "since")  # of the list, and the names of its files


@click.group()
def feed() -> None:
    """The shapes of files that are known; try a file, or draft a feed for it."""


@feed.command(name="list")
@say.format_option
def listed(form: str) -> int:
    """List the feeds, shipped ones and the firm's own (REBALANCER_FEEDS names their folder)."""
    known = feeds.known(connections.today())
    if form == "json":
        say.as_json(known)
        return 0
    rows = [[*(str(each[key]) for key in COLUMNS), "\n".join(each["files"])] for each in known]
    say.show(say.table("", [*COLUMNS, "files"], rows))
    return 0


@feed.command(name="try")
@click.argument("file", type=click.Path(path_type=Path))
@say.feed_option
@say.format_option
def tried(file: Path, feed: str | None, form: str) -> int:
    """Show what FILE gives by its feed; names are as the file has them. No database is needed, nothing is stored."""
    from domain.books.deliveries import Problems
    from feeds.reading import MAIN_KIND

    problems = Problems()
    found = feed_file.found_feed(file, None, feed, connections.today())
    if found is None:
        raise Refused(
            f"{file} is of no feed by its name and header (rebalancer feed list). Name one with --feed, or make one: "
            f"rebalancer feed draft {file}"
        )
    reading = feed_file.taken_apart(file, *found, problems)
    if not (problems.count or reading.positions or reading.prices or reading.weights):
        problems.add(0, f"there is no {MAIN_KIND[found[0].feed.gives]} in it")
    if form == "json":
        say.as_json(feeds.as_json(found[0], reading, problems))
    else:
        if reading.positions or reading.prices or reading.weights:
            _show(file, found[0], reading)
        for each in problems.shown:
            click.echo(f"  problem         {each}")
    if problems.count:
        raise Refused(f"{file} would be refused: {words.counted(problems.count, 'problem')}")
    return 0


def _show(file: Path, chosen: "Chosen", reading: "FeedReading") -> None:
    columns, rows, right = _table(reading)
    of_day = f", of {reading.as_of}" if reading.as_of else ""
    click.echo(f"{file} is of feed {chosen.feed.name} ({chosen.feed.gives}){of_day}")
    say.show(say.table("", columns, list(rows), right))
    for note in reading.notes:
        click.echo(f"  besides         {note}")
    if reading.unknown_columns:
        click.echo(f"  left out        columns {', '.join(reading.unknown_columns)}")


def _table(reading: "FeedReading") -> tuple[tuple[str, ...], Iterator[tuple[str, ...]], tuple[int, ...]]:
    from domain.values.money import money, plain

    if reading.prices:
        lines = ((_shown(each.names), each.day, each.close) for each in reading.prices)
        return ("symbol", "date", "close"), lines, (2,)
    if reading.weights:
        weights = ((_shown(each.names), f"{plain(each.weight * 100)} %") for each in reading.weights)
        return ("symbol", "weight"), weights, (1,)
    held = (
        (
            each.account,
            _shown(each.names),
            "" if each.stop else plain(each.quantity) if each.names else money(each.quantity),
            "stops the account: " + each.stop if each.stop else _lots(len(each.lots)),
        )
        for each in reading.positions
    )
    return ("account", "symbol", "quantity", ""), held, (2,)


def _shown(names: "Names") -> str:
    """A security's names as the file has them, each once; cash has none."""
    return " ".join(dict.fromkeys(value for _, value in names)) or "cash"


def _lots(number: int) -> str:
    return words.counted(number, "lot") if number else ""


@feed.command(name="draft")
@click.argument("file", type=click.Path(path_type=Path))
def drafted(file: Path) -> int:
    """Propose a feed for FILE, a table that none knows, on standard output: a start for a person to check.

    The dialect is found by clevercsv, columns by their names. Nothing is loaded by a draft.
    """
    from feeds.draft import draft
    from feeds.rows import MAX_BYTES, NotThisFeed

    content = feed_file.contents(file)
    try:
        if len(content) > MAX_BYTES:
            raise NotThisFeed(f"it has {len(content):,} bytes; a feed reads at most {MAX_BYTES:,}")
        click.echo(draft(file.name, content, connections.today()), nl=False)
    except NotThisFeed as flaw:
        raise Refused(f"no draft for {file}: {flaw}") from flaw
    return 0
