"""The listings that are commands: `account list`, `model list|show`, `target list`, `request list`, `signal list`."""

from typing import Any

import click

from cli import choosing, listing, say
from reading import words

Json = dict[str, Any]
ACCOUNT = ("account_id", "name", "household", "status", "rebalancing", "target", "managed_value", "cash", "queued")
MODEL = ("model_id", "name", "manager", "version", "investment_minimum", "holdings", "accounts", "signalled_at")
TARGET = ("target", "name", "version", "accounts")
REQUEST = ("request_id", "status", "requested_by", "kind", "amount", "accounts", "pending", "started_at", "ended_at")
SIGNAL = ("model_id", "name", "version", "status", "received_by", "received_at", "largest_change", "traded", "skipped",
          "failed")  # fmt: skip
STATUSES = ("COMPLETE", "COMPLETE_WITH_ERRORS", "FAILED", "EXPIRED", "CANCELED", "RUNNING", "PAUSED")


@click.command("list")
@choosing.account_filters
@listing.options
def account_list(
    status: str | None, target: str | None, household: str | None, rebalancing: str | None, page: int, size: int,
    form: str,
) -> None:  # fmt: skip
    """Accounts by id, with their managed value and total cash at the business day's prices."""
    from cli import connections
    from reading.accounts import accounts
    from reading.work.listings import accounts_of_page

    on = None if rebalancing is None else rebalancing == "on"
    with connections.books().transaction() as books:
        found = accounts_of_page(books, (page - 1) * size, size, status, target, household, on)
        listed = accounts.listed(books, found.rows, connections.today())
    listing.show(listed, form, ACCOUNT, "No account is like that.", right=(6, 7))
    listing.more(found.more, page)


@click.command("list")
@click.option("--manager", default=None, metavar="NAME", help="Only this manager's.")
@listing.options
def model_list(manager: str | None, page: int, size: int, form: str) -> None:
    """Models by id: version, minimum, how many accounts hold each, and when the newest signal came."""
    from reading.work.listings import models_of_page

    found = listing.read(lambda books, skip, most: models_of_page(books, skip, most, manager), page, size)
    listing.show(found.rows, form, MODEL, "No model is known: load a book that has some.", right=(3, 4, 5, 6))
    listing.more(found.more, page)


@click.command("show")
@click.argument("model_id", metavar="MODEL")
@say.format_option
def model_show(model_id: str, form: str) -> None:
    """MODEL as it is now: its manager, minimum and holdings, and how many accounts have a sleeve of it."""
    from cli import connections, plan_page
    from reading.market import models

    with connections.books().transaction() as books:
        told = models.show(books, model_id)
    if form == "json":
        say.as_json(told)
        return
    rows = [(each["symbol"], words.share(each["weight"])) for each in told["holdings"]]
    rows.append(("cash", words.share(told["cash_weight"])))
    minimum = words.amount(told["investment_minimum"])
    say.show(
        plan_page.title(told["model_id"], told["name"], f"version {told['version']}"),
        f"{told['manager']} · minimum {minimum} · held by {words.counted(told['accounts'], 'account')}",
        "",
        say.table("", ("holds", "weight"), rows, right=(1,)),
    )


@click.command("list")
@listing.options
def target_list(page: int, size: int, form: str) -> None:
    """Targets by id, with how many accounts have each."""
    from reading.work.listings import targets_of_page

    found = listing.read(targets_of_page, page, size)
    listing.show(found.rows, form, TARGET, "No target is known: load a book that has some.", right=(2, 3))
    listing.more(found.more, page)


@click.group()
def request() -> None:
    """Rebalance requests, listed; one of them whole: `rebalancer show Q-…`."""


@request.command("list")
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), default=None, help="Only such requests.")
@click.option("--requested-by", "by", default=None, metavar="WHO", help="Only this person's.")
@click.option("--since", metavar="DATE", default=None, help="Only those started on this day (UTC) or later.")
@listing.options
def request_list(status: str | None, by: str | None, since: str | None, page: int, size: int, form: str) -> None:
    """Requests, newest first, with how many of their rebalances wait for an approval."""
    from reading.work.listings import requests_of_page

    day = say.day("--since", since)
    found = listing.read(lambda books, skip, most: requests_of_page(books, skip, most, status, by, day), page, size)
    listing.show(
        found.rows, form, REQUEST, "No request is like that. Make one: rebalancer submit ACCOUNT", right=(4, 5, 6)
    )
    listing.more(found.more, page)


@click.group()
def signal() -> None:
    """Managers' signals, listed; one of them whole: `rebalancer show model-signal/MODEL/VERSION`."""


@signal.command("list")
@click.option("--model", "model_id", default=None, metavar="MODEL", help="Only of this model.")
@listing.options
def signal_list(model_id: str | None, page: int, size: int, form: str) -> None:
    """Model signals, newest first, with what they came to."""
    from reading.work.listings import signals_of_page

    found = listing.read(lambda books, skip, most: signals_of_page(books, skip, most, model_id), page, size)
    none = "No signal came yet. One comes by: rebalancer model signal FILE"
    listing.show(found.rows, form, SIGNAL, none, right=(2, 6, 7, 8, 9))
    listing.more(found.more, page)
