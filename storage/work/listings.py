"""Listings: accounts, models, targets, requests and signals by filter, a page at a time, in the order of their keys."""

from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, desc, func, literal, or_, select, tuple_

from storage.schema.deliveries import model_signals
from storage.schema.execution import rebalances
from storage.schema.feeds import delivered_files
from storage.schema.requests import rebalance_requests, request_accounts
from storage.schema.tables import accounts, model_holdings, models, queue_entries, sleeves, targets
from storage.values import by_key, exact, moment_of


class Page(NamedTuple):
    """Rows of a listing, and whether there are more behind them."""

    rows: list[Any]
    more: bool


class Listings:
    """The listings of one transaction. `skip` rows are left out before the page, which has at most `size`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def accounts(
        self,
        skip: int,
        size: int,
        status: str | None = None,
        target: str | None = None,
        household: str | None = None,
        rebalancing: bool | None = None,
    ) -> Page:
        """Accounts by id, each with the primary reason for which it is in the queue."""
        queued = queue_entries.c
        reason = (
            select(queued.primary_reason)
            .where(queued.account_id == accounts.c.id, queued.left_at.is_(None))
            .scalar_subquery()
        )
        query = select(accounts, reason.label("queued")).order_by(by_key(accounts.c.id))
        return self._page(query.where(*_accounts(status, target, household, rebalancing)), skip, size)

    def account_ids(
        self,
        status: str | None = None,
        target: str | None = None,
        household: str | None = None,
        rebalancing: bool | None = None,
    ) -> list[str]:
        """The ids of all the accounts that are like that, in order."""
        query = select(accounts.c.id).where(*_accounts(status, target, household, rebalancing))
        return list(self.connection.scalars(query.order_by(by_key(accounts.c.id))))

    def accounts_like(self, prefix: str, after: str, size: int) -> Page:
        """Accounts by id whose id or name begins with a text, behind the id `after`, with the reason they are queued.

        By keyset: a page of the last accounts of a million is as fast as the first.
        """
        queued = queue_entries.c
        reason = (
            select(queued.primary_reason)
            .where(queued.account_id == accounts.c.id, queued.left_at.is_(None))
            .scalar_subquery()
        )
        key = by_key(accounts.c.id)
        query = select(accounts, reason.label("queued")).where(key > after).order_by(key)
        if prefix:
            starts = [key.startswith(each, autoescape=True) for each in {prefix, prefix.upper()}]
            query = query.where(or_(*starts, accounts.c.name.istartswith(prefix, autoescape=True)))
        return self._page(query, 0, size)

    def models(self, skip: int, size: int, manager: str | None = None, after: str = "") -> Page:
        """Models by id, behind the id `after`, with how many accounts have an open sleeve of each and when its newest
        signal came.
        """
        held = select(func.count()).where(sleeves.c.model_id == models.c.id, sleeves.c.status == "open")
        lines = select(func.count()).where(
            model_holdings.c.model_id == models.c.id, model_holdings.c.version == models.c.version
        )
        newest = select(func.max(model_signals.c.received_at)).where(model_signals.c.model_id == models.c.id)
        query = select(
            models.c.id,
            models.c.name,
            models.c.manager,
            models.c.version,
            exact(models.c.investment_minimum).label("minimum"),
            held.scalar_subquery().label("accounts"),
            lines.scalar_subquery().label("lines"),
            newest.scalar_subquery().label("signalled"),
        )
        key, given = by_key(models.c.id), _given((models.c.manager, manager))
        return self._page(query.where(*given, key > after).order_by(key), skip, size)

    def targets(self, skip: int, size: int, after: str = "") -> Page:
        """Targets by id, behind the id `after`, with how many accounts have each."""
        assigned = select(func.count()).where(accounts.c.target_id == targets.c.id).scalar_subquery()
        query = select(targets.c.id, targets.c.name, targets.c.version, assigned.label("accounts"))
        key = by_key(targets.c.id)
        return self._page(query.where(key > after).order_by(key), skip, size)

    def requests(
        self, skip: int, size: int, status: str | None = None, by: str | None = None, since: date | None = None
    ) -> Page:
        """Requests, newest first, each with how many of its rebalances wait for approval. `since` is a day in UTC."""
        where = []
        if since is not None:
            where.append(rebalance_requests.c.started_at >= datetime.combine(since, time(), UTC))
        return self._requests(where, skip, size, status, by)

    def request_count(self, status: str) -> int:
        """How many requests stand like that."""
        standing = func.coalesce(rebalance_requests.c.status, rebalance_requests.c.stage)
        return self.connection.scalar(select(func.count()).where(standing == status)) or 0

    def requests_before(
        self, before: tuple[str, str] | None, size: int, status: str | None = None, by: str | None = None
    ) -> Page:
        """Requests, newest first, behind the place `before`: when one was started, in ISO 8601, and its id.

        Raises ValueError where that is no place.
        """
        of, where = rebalance_requests.c, []
        if before is not None:
            where.append(tuple_(of.started_at, of.id) < tuple_(literal(moment_of(before[0])), literal(before[1])))
        return self._requests(where, 0, size, status, by)

    def _requests(
        self, where: list[ColumnElement[bool]], skip: int, size: int, status: str | None, by: str | None
    ) -> Page:
        of = rebalance_requests.c
        decided = select(request_accounts.c.position).where(
            request_accounts.c.request_id == of.id,
            request_accounts.c.account_id == rebalances.c.account_id,
            request_accounts.c.decided_round == rebalances.c.round,
        )
        waiting = select(func.count()).where(
            rebalances.c.request_id == of.id, rebalances.c.stage == "PENDING_APPROVAL", ~decided.exists()
        )
        query = select(rebalance_requests, waiting.scalar_subquery().label("pending"))
        given = _given((func.coalesce(of.status, of.stage), status), (of.requested_by, by))
        return self._page(query.where(*given, *where).order_by(desc(of.started_at), desc(of.id)), skip, size)

    def signals_before(self, before: tuple[str, str] | None, size: int, model: str) -> Page:
        """A model's signals, newest first, behind the place `before`: when one was received, and its version.

        Raises ValueError where that is no place.
        """
        of, where = model_signals.c, []
        if before is not None:
            where.append(tuple_(of.received_at, of.version) < tuple_(moment_of(before[0]), int(before[1])))
        return self._signals([of.model_id == model, *where], 0, size)

    def signals(self, skip: int, size: int, model: str | None = None) -> Page:
        """Model signals, newest first."""
        return self._signals(_given((model_signals.c.model_id, model)), skip, size)

    def _signals(self, where: list[ColumnElement[bool]], skip: int, size: int) -> Page:
        of = model_signals.c
        query = select(model_signals, models.c.name).join(models, models.c.id == of.model_id)
        newest = (desc(of.received_at), by_key(of.model_id), desc(of.version))
        return self._page(query.where(*where).order_by(*newest), skip, size)

    def delivered(self, before: int | None, size: int) -> Page:
        """The files that were loaded, the newest first, behind a number, without what they hold."""
        of = delivered_files.c
        query = select(*(each for each in of if each.name != "content")).order_by(desc(of.id))
        return self._page(query if before is None else query.where(of.id < before), 0, size)

    def _page(self, query: Select[Any], skip: int, size: int) -> Page:
        rows = list(self.connection.execute(query.offset(skip).limit(size + 1)))
        return Page(rows[:size], len(rows) > size)


def _given(*asked: tuple[ColumnElement[Any], Any]) -> list[ColumnElement[bool]]:
    """The filters that were asked for."""
    return [column == value for column, value in asked if value is not None]


def _accounts(
    status: str | None, target: str | None, household: str | None, rebalancing: bool | None
) -> list[ColumnElement[bool]]:
    of = accounts.c
    return _given(
        (of.status, status), (of.target_id, target), (of.household_id, household), (of.rebalancing, rebalancing)
    )
