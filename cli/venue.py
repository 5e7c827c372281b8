"""`rebalancer venue`: what each venue may be asked, and how unkind the paper venue is."""

from dataclasses import replace
from datetime import time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import persons, say
from reading import words
from reading.refused import Refused

if TYPE_CHECKING:
    from storage.work.venues import SetBlocks

# When orders are sent (DAY-6), as the terms have it and as people read it.
SENDS = {"any_time": "at any time", "in_session": "in the session", "next_open": "to the next open"}


@click.group()
def venue() -> None:
    """The venues: terms, and the paper venue's scenario. Both hold for every worker at once."""


@venue.command()
@say.format_option
def show(form: str) -> None:
    """The venues that there are, with their terms."""
    from cli import connections
    from storage.work.rebalances import utc
    from venues.terms import own_sends

    books = connections.books()
    listed: list[dict[str, Any]] = []
    with books.transaction() as read:
        for name in connections.venues(books).names:
            terms = read.venues.terms(name)
            listed.append(
                {
                    "venue": name,
                    "orders_per_second": _text(terms.orders_per_second) if terms else None,
                    "patience_seconds": terms.patience_seconds if terms else None,
                    "sends": (terms.sends if terms else None) or own_sends(name),
                    **_desk(terms.desk if terms else None),
                    "set_by": terms.set_by if terms else None,
                    "set_at": utc(terms.set_at) if terms else None,
                }
            )
    if form == "json":
        say.as_json(listed)
        return
    rows = [
        (
            each["venue"],
            each["orders_per_second"] or "no limit",
            f"{each['patience_seconds']} s, at most to the close" if each["patience_seconds"] else "to the close",
            SENDS[each["sends"]],
            _in_blocks(each),
            f"{each['set_by']}, {words.moment(each['set_at'])}" if each["set_by"] else "–",
        )
        for each in listed
    ]
    say.show(say.table("", ("venue", "a second", "an order may work", "orders are sent", "in blocks", "set by"), rows))


@venue.command("set")
@click.argument("name", metavar="VENUE")
@click.option(
    "--orders-per-second", "rate", metavar="N|none", default=None, help="At most so many are sent, retries too."
)
@click.option(
    "--patience", metavar="SECONDS|none", default=None, help="How long an order may work before it is cancelled."
)
@click.option(
    "--sends",
    type=click.Choice([each.replace("_", "-") for each in SENDS]),
    help="When orders are sent: what is left at the close ends there, unless it is kept to the next open (DAY-6).",
)
@click.option("--blocks", type=click.Choice(["off", "window"]), help="Orders one by one, or gathered into blocks.")
@click.option("--window", metavar="SECONDS", default=None, help="How long the desk gathers orders into a block.")
@click.option(
    "--cut-off", metavar="HH:MM|none", default=None, help="The exchange's time after which a day forms no block."
)
@click.option("--leave", type=click.Choice(["allowed", "never"]), help="May an account leave a released block?")
@click.option("--unfilled", type=click.Choice(["end", "carry"]), help="What becomes of it at the day's end (BLOCK-6).")
@say.by_option
def set_(
    name: str, rate: str | None, patience: str | None, sends: str | None, by: str | None, **desk: str | None
) -> None:
    """Set the terms of VENUE; what is not given stays. `none` takes a limit away."""
    from cli import connections
    from storage.work.venues import ONE_BY_ONE

    given = {key: each for key, each in desk.items() if each is not None}
    if rate is None and patience is None and sends is None and not given:
        raise click.UsageError("nothing to set: give --orders-per-second, --patience, --sends or --blocks")
    books = connections.books()
    if name not in (names := connections.venues(books).names):
        raise Refused(f"{name} is no venue: there is {', '.join(names)}")
    wanted_rate, wanted_patience, wanted = _rate(rate), _patience(patience), _blocks(given)
    with books.transaction(persons.doing(by, "venue")) as change:
        now = change.venues.terms(name)
        change.venues.set_terms(
            name,
            wanted_rate if rate is not None else now.orders_per_second if now else None,
            wanted_patience if patience is not None else now.patience_seconds if now else None,
            sends.replace("-", "_") if sends is not None else now.sends if now else None,
            replace(now.desk if now else ONE_BY_ONE, **wanted),
        )
    click.echo(f"the terms of {name} are set; every worker sees them from now on")


@venue.group()
def scenario() -> None:
    """The paper venue's scenario: how it treats the orders that it gets. For trying out a bad day."""


@scenario.command("set")
@click.argument("file", type=click.Path(path_type=Path))
@say.by_option
def set_scenario(file: Path, by: str | None) -> None:
    """Set the scenario in FILE (YAML or JSON); it counts for orders from now on. Refused whole where it has a flaw."""
    from cli import connections
    from domain.books.book import BookRefused
    from reading.files.book_file import read_object
    from venues.scenario import ScenarioRefused, read

    with connections.books().transaction(persons.doing(by, "venue")) as books:
        try:
            raw = read_object(file, "is not an object with seed, close and orders")
            found = read(raw, *books.venues.paper_names())
        except BookRefused as flaw:
            raise Refused(f"{file} refused: {'; '.join(each.message for each in flaw.problems)}") from flaw
        except ScenarioRefused as flaw:
            lines = "\n".join(f"  {each}" for each in flaw.problems)
            told = f"{file} refused, {_count(len(flaw.problems), 'problem')}; nothing was changed"
            raise Refused(f"{told}. Correct the file and try again:\n{lines}") from flaw
        books.venues.set_scenario(found.model_dump(mode="json", exclude_defaults=True))
    click.echo(f"the paper venue follows {file}, {_count(len(found.orders), 'line')}")
    say.message("Make it kind again: rebalancer venue scenario clear")


@scenario.command("show")
@say.format_option
def show_scenario(form: str) -> None:
    """The scenario in force."""
    from cli import connections
    from storage.work.rebalances import utc

    with connections.books().transaction() as books:
        found = books.venues.scenario()
    if form == "json":
        say.as_json(None if found is None else {**found.told, "set_by": found.set_by, "set_at": utc(found.set_at)})
    elif found is None:
        say.show("The paper venue follows no scenario: every order is filled whole at its price.")
    else:
        rows = [(str(at), _orders(each), _fate(each)) for at, each in enumerate(found.told["orders"], start=1)]
        told = f"set by {found.set_by}, {words.moment(utc(found.set_at))} · seed {found.told.get('seed', 0)}"
        say.show(
            told,
            "",
            say.table("", ("line", "orders", "what becomes of them"), rows),
            "",
            "The first line that matches counts.",
        )


@scenario.command("clear")
@say.by_option
def clear_scenario(by: str | None) -> None:
    """Make the paper venue kind again. Orders that work there already keep their fate."""
    from cli import connections

    with connections.books().transaction(persons.doing(by, "venue")) as books:
        books.venues.set_scenario(None)
    click.echo("the paper venue fills every order whole at its price again")


def _rate(given: str | None) -> Decimal | None:
    if given is None or given == "none":
        return None
    try:
        rate = Decimal(given)
    except InvalidOperation as flaw:
        raise click.UsageError(f"--orders-per-second needs a number like 20, or none, not {given}") from flaw
    if not rate.is_finite() or not Decimal("0.001") <= rate <= 100_000:
        raise click.UsageError("--orders-per-second goes from 0.001 to 100000")
    return rate


def _patience(given: str | None) -> int | None:
    if given is None or given == "none":
        return None
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= 1_000_000:
        raise click.UsageError(f"--patience needs whole seconds like 600, or none, not {given}")
    return int(given)


def _blocks(given: dict[str, str]) -> dict[str, Any]:
    """The terms of blocks as they were typed. Raises UsageError."""
    wanted: dict[str, Any] = {key: each for key, each in given.items() if key in ("blocks", "leave", "unfilled")}
    window, cut_off = given.get("window"), given.get("cut_off")
    if window is not None:
        if not window.isascii() or not window.isdigit() or int(window) > 86_400:
            raise click.UsageError(f"--window needs whole seconds up to 86400, like 60, not {window}")
        wanted["window_seconds"] = int(window)
    if cut_off is not None:
        try:
            wanted["cut_off"] = None if cut_off == "none" else time.fromisoformat(cut_off)
        except ValueError as flaw:
            raise click.UsageError(f"--cut-off needs the exchange's time like 15:30, or none, not {cut_off}") from flaw
    return wanted


def _desk(terms: "SetBlocks | None") -> dict[str, Any]:
    if terms is None or terms.blocks == "off":
        return {"blocks": "off"}
    cut_off = None if terms.cut_off is None else f"{terms.cut_off:%H:%M}"
    return {
        "blocks": terms.blocks,
        "window_seconds": terms.window_seconds,
        "cut_off": cut_off,
        "leave": terms.leave,
        "unfilled": terms.unfilled,
    }


def _in_blocks(each: dict[str, Any]) -> str:
    if each["blocks"] == "off":
        return "no"
    gathered = 60 if each["window_seconds"] is None else each["window_seconds"]
    told = [f"gathered {gathered} s"]
    told += [f"until {each['cut_off']}"] if each["cut_off"] else []
    told += ["nobody leaves"] if each["leave"] == "never" else []
    told += ["the rest is carried on" if each["unfilled"] == "carry" else "the rest ends with the day"]
    return ", ".join(told)


def _text(number: Decimal | None) -> str | None:
    from domain.values.money import plain

    return None if number is None else plain(number)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _orders(line: dict[str, Any]) -> str:
    told = [f"{key} {line[key]}" for key in ("account", "symbol", "side") if key in line]
    chance = [f"by chance {line['chance']}"] if "chance" in line else []
    return ", ".join((told or ["all"]) + chance)


def _fate(line: dict[str, Any]) -> str:
    told = [f"rejected: {line['reject']}"] if "reject" in line else []
    told += ["never filled"] if line.get("never_fills") else []
    told += [f"{line['fill']} of it filled"] if "fill" in line else []
    told += [f"at {line['price']} times its price"] if "price" in line else []
    told += [f"{line['late']} s late"] if "late" in line else []
    told += ["what is open is cancelled at the close"] if line.get("cancel_at_close") else []
    told += ["answered twice"] if line.get("twice") else []
    if "lose_connection" in line:
        often = f", {line['times']} times" if line.get("times", 1) > 1 else ""
        told.append(f"connection lost {line['lose_connection'].replace('_', ' ')}{often}")
    return ", ".join(told) or "filled whole at its price"
