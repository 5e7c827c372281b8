"""Loading a book: all of it or nothing, and nothing twice.

Creates what is new, replaces by id what the book names and what differs; what it does not name stays. Accounts are
read, checked and stored in batches, so that a book of any size needs the memory of one batch; a problem found late
takes back what was stored early, as all is one transaction.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from psycopg.errors import NumericValueOutOfRange
from sqlalchemy import null, select, text, update

from domain.books.book import BookRefused, Problem, read_account, read_market, unknown_members
from domain.values.policy import Policy
from domain.values.snapshot import Account, Target
from storage import account_locks
from storage.actor import Actor
from storage.connection import Books, Transaction
from storage.intake.loading_accounts import AccountBatch
from storage.intake.target_edits import queue_served
from storage.market.business_day import Stays, newest
from storage.market.market import Changes, take_turn
from storage.market.reading import read_targets
from storage.record.audit import AuditEntry
from storage.schema.tables import accounts
from storage.values import among

BATCH = 2000  # accounts
MANY = 1000  # accounts from which the planner is told of the new rows at once
Progress = Callable[[int], None]
TOO_LARGE = "a quantity or an amount, or a sum of them, has more than 16 digits before the point"


@dataclass(slots=True)
class LoadReport:
    """What a load did. Accounts are counted; `queued` is by primary reason; `market` has the rest by kind."""

    as_of: date
    created: int = 0
    replaced: int = 0
    unchanged: int = 0
    queued: dict[str, int] = field(default_factory=dict)
    withdrawn: int = 0
    households: int = 0
    business_day: bool = False
    day_before: date | None = None
    day_now: date | None = None
    stays: tuple[Stays, ...] = ()  # why the book's day did not become the business day
    historical: bool = False
    stale_from: date | None = None  # the oldest date that a price may have, where all of the book's are older
    market: Changes = field(default_factory=Changes)

    @property
    def changed_anything(self) -> bool:
        """False where the database had all of it already."""
        counts = (self.created, self.replaced, self.households, self.withdrawn, *self.queued.values())
        return any(counts) or self.business_day or bool(self.market.created or self.market.replaced)

    def count_queued(self, entries: Mapping[str, str]) -> None:
        """Counts entries, as account -> primary reason."""
        for reason in entries.values():
            self.queued[reason] = self.queued.get(reason, 0) + 1


def load(
    books: Books,
    market_raw: object,
    accounts: Iterator[Any],
    policy: Policy,
    today: date,
    actor: Actor,
    progress: Progress | None = None,
    historical: bool = False,
    by_name: bool = False,
    overwrite_positions: bool = False,
) -> LoadReport:
    """Loads a book as raw values. Raises BookRefused with all its problems: then nothing has changed.

    `policy` is the firm's on the book's day; `progress` is told the number of accounts gone through. `historical` makes
    a historical book of one that does not say that it is (DAY-3); `by_name`: its day becomes the business day, though
    it lies before the present one, or its prices don't cover what is held (DAY-4); `overwrite_positions`:
    its positions are taken, though trades were executed since (LOAD-1).
    """
    with books.transaction(actor) as transaction:
        load_ = _Load(transaction, market_raw, policy, today, historical, by_name, overwrite_positions)
        return load_.run(accounts, progress or (lambda _: None))


class _Load:
    """One load in its transaction."""

    def __init__(
        self,
        transaction: Transaction,
        market_raw: object,
        policy: Policy,
        today: date,
        historical: bool,
        by_name: bool,
        overwrite_positions: bool,
    ) -> None:
        self.transaction = transaction
        self.connection = transaction.connection
        take_turn(self.connection)
        account_locks.in_any_order(self.connection)
        self.paths = _paths(market_raw)
        self.problems: list[Problem] = []
        try:
            self.market = read_market(market_raw, policy, transaction.market.market(date.max))
            self.problems += transaction.market.refusals(self.market, self.paths)
        except BookRefused as flaw:
            if flaw.market is None:
                raise
            self.market = flaw.market  # what could be read of it, so that the accounts' problems are told as well
            self.problems += flaw.problems
        self.report = LoadReport(self.market.as_of)
        self.today = today
        self.historical = historical or self.market.historical
        self.by_name = by_name
        self.overwrite_positions = overwrite_positions

    def run(self, raw_accounts: Iterator[Any], progress: Progress) -> LoadReport:
        known: dict[str, Target] = {}
        if not self.problems:
            before = self.transaction.market.book_day()
            self.report.day_before = before.as_of if before else None
            stands = before is not None and before.as_of != self.market.as_of and not self.by_name
            as_of, historical = (
                (before.as_of, before.historical)
                if before is not None and stands
                else (self.market.as_of, self.historical)
            )
            self.report.business_day = self.transaction.market.set_book_day(as_of, self.market.policy, historical)
            self.report.market = self.transaction.market.apply(self.market)
            self.report.queued, _ = queue_served(self.transaction, self.report.market.new_versions)
            known = read_targets(self.connection)
        seen: set[str] = set()
        self.numbers: dict[tuple[str, str], str] = {}
        batch: list[tuple[int, Account]] = []
        at = -1
        for at, raw in enumerate(raw_accounts):
            account = self._read(raw, at, seen)
            if account is not None and not self.problems:
                batch.append((at, account))
            if len(batch) == BATCH:
                self._store(batch, known)
                batch.clear()
                progress(at + 1)
        self._store(batch, known)
        progress(at + 1)
        self._check_members(seen)
        if self.problems:
            raise BookRefused(self.problems)
        self._apply_groups()
        self._move_day()
        self._finish()
        return self.report

    def _move_day(self) -> None:
        """A newer book's day becomes the business day, where its prices cover what is then held (DAY-4)."""
        market, report = self.transaction.market, self.report
        day = market.book_day()
        assert day is not None
        if self.market.as_of > day.as_of:
            found = newest(self.connection, [self.market.as_of], self.today, market.policy(day.as_of).price_coverage)
            report.stays = found.stays
            if found.day is not None:
                report.business_day |= market.set_book_day(found.day, self.market.policy, self.historical)
        day = market.book_day()
        assert day is not None
        report.day_now, report.historical, report.stale_from = day.as_of, day.historical, self._stale_from(day.as_of)

    def _stale_from(self, day: date) -> date | None:
        """The oldest date that a price may have, where those of the business day are older than that already."""
        allowed = self.transaction.market.policy(day).price_max_age_days
        oldest = self.transaction.market.fresh_from(day, self.today, False, allowed, day)
        return oldest if day < oldest else None

    def _read(self, raw: object, at: int, seen: set[str]) -> Account | None:
        try:
            account = read_account(raw, at, self.market)
        except BookRefused as flaw:
            self.problems += flaw.problems
            return None
        if account.id in seen:
            self.problems.append(Problem(f"accounts[{at}].id", f'"{account.id}" is there twice'))
        seen.add(account.id)
        if account.custodian_account is not None:
            there = self.numbers.setdefault((account.custodian, account.custodian_account), account.id)
            if there != account.id:
                self.problems.append(
                    Problem(f"accounts[{at}].custodian_account", f'"{account.custodian_account}" is that of {there}')
                )
        return account

    def _store(self, batch: list[tuple[int, Account]], known: Mapping[str, Target]) -> None:
        if not batch or self.problems:
            return
        work = AccountBatch(self.transaction, batch, known, self.market.as_of)
        self.problems += work.refused()
        if not self.overwrite_positions:
            self.problems += work.taken_back()
        if self.problems:
            return
        try:
            done = work.store()
        except NumericValueOutOfRange:
            first, last = batch[0][0], batch[-1][0]
            self.problems.append(Problem(f"accounts[{first}] to accounts[{last}]", TOO_LARGE))
            return
        self.report.created += done.created
        self.report.replaced += done.replaced
        self.report.unchanged += done.unchanged
        self.report.withdrawn += done.withdrawn
        self.report.count_queued(done.queued)

    def _check_members(self, seen: set[str]) -> None:
        if self.problems:  # an account that could not be read would seem unknown
            return
        members = {member for together in self.market.groups.values() for member in together}
        known = self.connection.scalars(select(accounts.c.id).where(among(accounts.c.id, members))).all()
        self.problems += unknown_members(self.market, seen.union(known))

    def _apply_groups(self) -> None:
        """Puts the members of the book's groups in their household, and takes out who is no longer one."""
        moved = []
        for household, members in self.market.groups.items():
            ours = accounts.c.household_id == household
            for who, to in (
                (ours & ~among(accounts.c.id, members), None),
                (among(accounts.c.id, members) & ours.is_not(True), household),
            ):
                moved += [
                    AuditEntry("household changed", account_id=each, after={"household": to})
                    for each in self.connection.scalars(
                        update(accounts).where(who).values(household_id=to or null()).returning(accounts.c.id)
                    )
                ]
        self.report.households = len(moved)
        self.transaction.audit.record_all(moved)

    def _finish(self) -> None:
        report = self.report
        if not report.changed_anything:
            return
        self.transaction.audit.record(
            "book loaded",
            after={
                "as_of": str(report.as_of),
                "accounts": {"created": report.created, "replaced": report.replaced, "unchanged": report.unchanged},
                "created": {kind: len(each) for kind, each in report.market.created.items()},
                "replaced": {kind: len(each) for kind, each in report.market.replaced.items()},
                "queued": report.queued,
            },
        )
        if report.created + report.replaced >= MANY:
            self.connection.execute(text("ANALYZE accounts, sleeves, holdings, lots, queue_entries"))


def _paths(raw: object) -> dict[tuple[str, str], str]:
    """Where in the file each security, model and target stands."""
    found = {}
    if isinstance(raw, Mapping):
        for kind, key in (("securities", "symbol"), ("models", "id"), ("targets", "id")):
            listed = raw.get(kind)
            for at, each in enumerate(listed if isinstance(listed, list) else ()):
                if isinstance(each, Mapping) and key in each:
                    found[kind, str(each[key])] = f"{kind}[{at}]"
    return found
