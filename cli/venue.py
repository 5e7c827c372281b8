"""`rebalancer venue`: what each venue may be asked, and how unkind the paper venue is."""

from datetime import time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from cli import persons, say
from reading import words
from reading.refused import Refused

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
    from reading.work import venues

    books = connections.books()
    listed = venues.terms(books, connections.venues(books).names)
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
@click.option(
    "--de-minimis", metavar="SHARES|none", default=None, help="Blocks are allocated in lots of so many (ALLOC-6)."
)
@say.by_option
def set_(
    name: str, rate: str | None, patience: str | None, sends: str | None, by: str | None, **desk: str | None
) -> None:
    """Set the terms of VENUE; what is not given stays. `none` takes a limit away."""
    from acting import venues
    from cli import connections

    given = {key: each for key, each in desk.items() if each is not None}
    if rate is None and patience is None and sends is None and not given:
        raise click.UsageError("nothing to set: give --orders-per-second, --patience, --sends or --blocks")
    books = connections.books()
    there = connections.venues(books)
    if name not in there.names:
        raise Refused(f"{name} is no venue: there is {', '.join(there.names)}")
    limits = {"orders_per_second": (rate, _rate(rate)), "patience_seconds": (patience, _patience(patience))}
    wanted: dict[str, Any] = {key: each for key, (typed, each) in limits.items() if typed is not None}
    blocks = _blocks(given)
    if sends is not None:
        wanted["sends"] = sends.replace("-", "_")
    venues.set_terms(books, persons.doing(by, "venue"), there, name, wanted, blocks)
    click.echo(f"the terms of {name} are set; every worker sees them from now on")


@venue.group()
def scenario() -> None:
    """The paper venue's scenario: how it treats the orders that it gets. For trying out a bad day."""


@scenario.command("set")
@click.argument("file", type=click.Path(path_type=Path))
@say.by_option
def set_scenario(file: Path, by: str | None) -> None:
    """Set the scenario in FILE (YAML or JSON); it counts for orders from now on. Refused whole where it has a flaw."""
    from acting import venues
    from cli import connections

    books = connections.books()
    lines = venues.set_scenario(books, persons.doing(by, "venue"), file)
    click.echo(f"the paper venue follows {file}, {words.counted(lines, 'line')}")
    say.message("Make it kind again: rebalancer venue scenario clear")


@scenario.command("show")
@say.format_option
def show_scenario(form: str) -> None:
    """The scenario in force."""
    from cli import connections
    from reading.work import venues

    found = venues.scenario(connections.books())
    if form == "json":
        say.as_json(found)
    elif found is None:
        say.show("The paper venue follows no scenario: every order is filled whole at its price.")
    else:
        rows = [(str(at), _orders(each), _fate(each)) for at, each in enumerate(found["orders"], start=1)]
        told = f"set by {found['set_by']}, {words.moment(found['set_at'])} · seed {found.get('seed', 0)}"
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
    from acting import venues
    from cli import connections

    books = connections.books()
    venues.clear_scenario(books, persons.doing(by, "venue"))
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
    lot = given.get("de_minimis")
    if lot is not None:
        if lot != "none" and not (lot.isascii() and lot.isdigit() and 2 <= int(lot) <= 1_000_000):
            raise click.UsageError(f"--de-minimis needs whole shares from 2 to 1000000, or none, not {lot}")
        wanted["de_minimis"] = None if lot == "none" else int(lot)
    if cut_off is not None:
        try:
            wanted["cut_off"] = None if cut_off == "none" else time.fromisoformat(cut_off)
        except ValueError as flaw:
            raise click.UsageError(f"--cut-off needs the exchange's time like 15:30, or none, not {cut_off}") from flaw
    return wanted


def _in_blocks(each: dict[str, Any]) -> str:
    if each["blocks"] == "off":
        return "no"
    gathered = 60 if each["window_seconds"] is None else each["window_seconds"]
    told = [f"gathered {gathered} s"]
    told += [f"until {each['cut_off']}"] if each["cut_off"] else []
    told += ["nobody leaves"] if each["leave"] == "never" else []
    told += [f"allocated in lots of {each['de_minimis']}"] if each["de_minimis"] else []
    told += ["the rest is carried on" if each["unfilled"] == "carry" else "the rest ends with the day"]
    return ", ".join(told)


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
    told += [f"at costs: {_costs(line['costs'])}"] if line.get("costs") else []
    told += ["what is open is cancelled at the close"] if line.get("cancel_at_close") else []
    told += ["answered twice"] if line.get("twice") else []
    if "lose_connection" in line:
        often = f", {line['times']} times" if line.get("times", 1) > 1 else ""
        told.append(f"connection lost {line['lose_connection'].replace('_', ' ')}{often}")
    return ", ".join(told) or "filled whole at its price"


def _costs(given: dict[str, Any]) -> str:
    parts = (("a_fill", "a fill"), ("a_share", "a share"), ("of_amount", "of the amount"))
    return " and ".join(f"{given[key]} {words_}" for key, words_ in parts if key in given)
