"""Listings a page at a time, by keyset: the last page is as fast as the first, and no row is told twice."""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

from reading.places import Listed, Lost, cursor, number, parts
from reading.words import utc
from reading.work import listed
from reading.work.shown import Page

if TYPE_CHECKING:
    from storage.connection import Transaction

Json = dict[str, Any]
# Who needs somebody first: failures, then what waits for a person, what is under way, what is done.
FIRST = (
    "FAILED",
    "BUSY",
    "COMPLETE_WITH_ERRORS",
    "PENDING_APPROVAL",
    "EXPIRED",
    "CANCELED",
    "NOT_STARTED",
    "CHECKING",
    "APPROVED",
    "EXECUTING",
    "RECONCILING",
    "COMPLETE",
)


def accounts(books: "Transaction", prefix: str, place: str | None, size: int) -> Listed:
    """Accounts by id whose id or name begins with a text. Raises Lost."""
    (after,) = parts(place, 1) or ("",)
    found = books.listings.accounts_like(prefix, after, size)
    return Listed([listed.account(row) for row in found.rows], cursor(found.rows[-1].id) if found.more else None)


def targets(books: "Transaction", place: str | None, size: int) -> Listed:
    """Targets by id. Raises Lost."""
    (after,) = parts(place, 1) or ("",)
    found = books.listings.targets(0, size, after)
    return Listed([listed.target(row) for row in found.rows], cursor(found.rows[-1].id) if found.more else None)


def models(books: "Transaction", place: str | None, size: int) -> Listed:
    """Models by id. Raises Lost."""
    (after,) = parts(place, 1) or ("",)
    found = books.listings.models(0, size, after=after)
    return Listed([listed.model(row) for row in found.rows], cursor(found.rows[-1].id) if found.more else None)


def signals(books: "Transaction", model_id: str, place: str | None, size: int) -> Listed:
    """A model's signals, newest first. Raises Lost."""
    before = parts(place, 2)
    try:
        found = books.listings.signals_before(None if before is None else (before[0], before[1]), size, model_id)
    except ValueError as flaw:
        raise Lost(place) from flaw
    last = found.rows[-1] if found.more else None
    after = None if last is None else cursor(last.received_at.isoformat(), str(last.version))
    began = [{"begun_at": utc(row.begun_at), "ended_at": utc(row.ended_at)} for row in found.rows]
    return Listed([listed.signal(row) | times for row, times in zip(found.rows, began, strict=True)], after)


def delivered(books: "Transaction", place: str | None, size: int) -> Listed:
    """The files that were loaded, the newest first. Raises Lost."""
    at = parts(place, 1)
    found = books.listings.delivered(None if at is None else number(at[0]), size)
    after = cursor(str(found.rows[-1].id)) if found.more else None
    return Listed([listed.delivered(row) for row in found.rows], after)


def requests(books: "Transaction", status: str | None, by: str | None, place: str | None, size: int) -> Listed:
    """Requests, newest first. Raises Lost."""
    before = parts(place, 2)
    try:
        found = books.listings.requests_before(None if before is None else (before[0], before[1]), size, status, by)
    except ValueError as flaw:
        raise Lost(place) from flaw
    last = found.rows[-1] if found.more else None
    after = None if last is None else cursor(last.started_at.isoformat(), last.id)
    return Listed([listed.request(row) for row in found.rows], after)


def rebalances(
    books: "Transaction",
    account_id: str | None,
    status: str | None,
    request_id: str | None,
    place: str | None,
    size: int,
) -> Listed:
    """Rebalances, newest first. Raises Lost."""
    at = parts(place, 2)
    before = None if at is None else (at[0], at[1])
    try:
        rows = books.rebalances.listing(account_id, status, None, size + 1, request_id, before=before)
    except ValueError as flaw:
        raise Lost(place) from flaw
    last = rows[size - 1] if len(rows) > size else None
    after = None if last is None else cursor(last.started_at.isoformat(), last.id)
    return Listed([listed.rebalance(row) for row in rows[:size]], after)


def accounts_of(books: "Transaction", request_id: str, status: str | None, place: str | None, size: int) -> Listed:
    """The accounts of a request, those first that need somebody. Raises Lost."""
    at = parts(place, 2)
    after = None if at is None else (number(at[0]), at[1])
    found, behind = books.requests.page(request_id, status, FIRST, after, size)
    return Listed(
        [listed.request_account(each) for each in found], None if behind is None else cursor(str(behind[0]), behind[1])
    )


def in_their_order(books: "Transaction", request_id: str, place: str | None, size: int) -> Listed:
    """The accounts of a request in the order in which they are started. Raises Lost."""
    at = parts(place, 1)
    found = books.requests.behind(request_id, -1 if at is None else number(at[0]), size + 1)
    after = cursor(str(found[size - 1].position)) if len(found) > size else None
    return Listed([listed.request_account(each) for each in found[:size]], after)


# --- by number of page, as commands have them


def accounts_of_page(
    books: "Transaction",
    skip: int,
    size: int,
    status: str | None,
    target: str | None,
    household: str | None,
    rebalancing: bool | None,
) -> Page:
    """Rows of accounts that are like that, by id."""
    return books.listings.accounts(skip, size, status, target, household, rebalancing)


def models_of_page(books: "Transaction", skip: int, size: int, manager: str | None) -> Page:
    """Models by id, of one manager or of all."""
    return _told(books.listings.models(skip, size, manager), listed.model)


def targets_of_page(books: "Transaction", skip: int, size: int) -> Page:
    """Targets by id."""
    return _told(books.listings.targets(skip, size), listed.target)


def requests_of_page(
    books: "Transaction", skip: int, size: int, status: str | None, by: str | None, since: date | None
) -> Page:
    """Requests, newest first, of those started on a day (UTC) or later."""
    return _told(books.listings.requests(skip, size, status, by, since), listed.request)


def signals_of_page(books: "Transaction", skip: int, size: int, model_id: str | None) -> Page:
    """Signals, newest first, of one model or of all."""
    return _told(books.listings.signals(skip, size, model_id), listed.signal)


def _told(page: Page, told: Callable[[Any], Json]) -> Page:
    return Page([told(row) for row in page.rows], page.more)
