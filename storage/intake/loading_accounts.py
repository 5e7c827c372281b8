"""One batch of a book's accounts: told apart into new, different and unchanged, then stored with few statements."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import ColumnElement, MetaData, Table, delete, func, select, text, true
from sqlalchemy.dialects.postgresql import insert

from domain import queue as rules
from domain.books.book import LOAD_1, Problem
from domain.values.snapshot import Account, RebalancedTo, Sleeve, Snapshot, Target
from domain.values.snapshot_json import overrides_as_json
from storage import account_locks
from storage.accounts.positions import all_sleeves, sleeve_row
from storage.accounts.reading import read_accounts
from storage.connection import Transaction
from storage.copying import copy_rows
from storage.intake import loading_rows as rows_of
from storage.intake.loading_rows import comparable
from storage.packing import pack
from storage.record.audit import AuditEntry
from storage.schema.deliveries import custodian_statements
from storage.schema.execution import orders, paper_accounts, paper_positions, rebalances
from storage.schema.feeds import corporate_actions
from storage.schema.tables import accounts, holdings, lots, recent_sales, restrictions, sleeves, withdrawals
from storage.values import among, by_key
from storage.work.orders import TRADED_ON
from storage.work.queue import STANDING, Queued
from storage.work.rebalances import TRADING

PAPER_CUSTODIAN = "PAPER"
ACCOUNT_COLUMNS = (
    "id", "name", "custodian", "tax_status", "status", "lot_relief", "gain_budget", "rebalancing", "target_id",
    "rebalanced_target_id", "rebalanced_target_version", "first_rebalanced", "policy", "custodian_account",
)  # fmt: skip
TRUE = true()
LOADED = accounts.to_metadata(MetaData(), name="loaded_accounts")  # a temporary table of the transaction
MAKE_LOADED = text(
    "CREATE TEMPORARY TABLE IF NOT EXISTS loaded_accounts (LIKE accounts INCLUDING DEFAULTS) ON COMMIT DROP"
)
EMPTY_LOADED = text("TRUNCATE loaded_accounts")
NEW_SLEEVES = text("SELECT nextval(pg_get_serial_sequence('sleeves', 'id')) FROM generate_series(1, :number)")
CLEAR = text("DELETE FROM holdings WHERE sleeve_id = ANY(CAST(:sleeves AS bigint[]))")
CLOSE = text(
    "UPDATE sleeves SET status = 'closed', closed_at = now(), cash = 0 WHERE id = ANY(CAST(:sleeves AS bigint[]))"
)
SET_CASH = text(
    "UPDATE sleeves SET cash = given.cash"
    " FROM unnest(CAST(:sleeves AS bigint[]), CAST(:cash AS numeric[])) AS given (id, cash) WHERE sleeves.id = given.id"
)


@dataclass(slots=True)
class BatchDone:
    """What became of a batch. `queued` is account -> primary reason."""

    created: int
    replaced: int
    unchanged: int
    queued: Mapping[str, str] = field(default_factory=dict)
    withdrawn: int = 0


@dataclass(frozen=True, slots=True)
class Rebalanced:
    """What an account was last rebalanced to, and when first; all None where it never was."""

    target_id: str | None = None
    version: int | None = None
    first: date | None = None


class AccountBatch:
    """A batch of accounts, each with its place in the file, against what the database has of them."""

    def __init__(
        self,
        transaction: Transaction,
        batch: Sequence[tuple[int, Account]],
        targets: Mapping[str, Target],
        as_of: date,
    ) -> None:
        self.transaction = transaction
        self.connection = transaction.connection
        self.as_of = as_of
        self.targets = targets  # as the load leaves them, with their versions
        self.places = {account.id: at for at, account in batch}
        there = account_locks.locked(self.connection, self.places)
        self.stored = read_accounts(self.connection, there) if there else {}
        self.new = [account for _, account in batch if account.id not in self.stored]
        self.different = [
            account
            for _, account in batch
            if (stored := self.stored.get(account.id)) and comparable(stored.account) != comparable(account)
        ]

    def refused(self) -> list[Problem]:
        """Accounts that can't be replaced now, because a rebalance trades on them."""
        busy = self.connection.execute(
            select(rebalances.c.account_id, rebalances.c.id)
            .where(
                among(rebalances.c.account_id, [account.id for account in self.different]),
                rebalances.c.stage.in_(TRADING),
            )
            .order_by(rebalances.c.account_id)
        )
        return [
            Problem(
                f"accounts[{self.places[account_id]}]",
                f"account {account_id} can't be replaced while rebalance {rebalance_id} trades on it: load again when "
                "it has ended",
            )
            for account_id, rebalance_id in busy
        ]

    def taken_back(self) -> list[Problem]:
        """Accounts whose positions in the book are older than what the books have since then (LOAD-1): trades,
        corporate actions, a custodian's statement.
        """
        moved = [each.id for each in self.different if _held(each) != _held(self.stored[each.id].account)]
        found = [
            *self._trades_taken_back(moved),
            *self._actions_taken_back(moved),
            *self._statements_taken_back(moved),
        ]
        return list({each.path: each for each in reversed(found)}.values())[::-1]  # the first of each account says it

    def _trades_taken_back(self, moved: Sequence[str]) -> list[Problem]:
        newest = (
            select(rebalances.c.account_id, func.max(TRADED_ON).label("on"), func.max(rebalances.c.id).label("last"))
            .join(orders, orders.c.rebalance_id == rebalances.c.id)
            .where(among(rebalances.c.account_id, moved), orders.c.filled_quantity > 0, orders.c.booked_at.is_not(None))
            .group_by(rebalances.c.account_id)
            .order_by(by_key(rebalances.c.account_id))
        )
        return [
            Problem(
                f"accounts[{self.places[row.account_id]}]",
                f"account {row.account_id} has other positions, of {self.as_of}: they would take back trades of "
                f"{row.on}, last those of {row.last}. Load what the custodian says now, or with --overwrite-positions "
                f"({LOAD_1.code})",
            )
            for row in self.connection.execute(newest)
            if self.as_of <= row.on
        ]

    def _actions_taken_back(self, moved: Sequence[str]) -> Iterator[Problem]:
        """A split of the book's day or later is in the books, and not in the book."""
        of = corporate_actions.c
        applied = self.connection.execute(
            select(of.id, of.day, of.symbol, of.terms["to"].astext.label("to"))
            .where(of.day >= self.as_of)
            .order_by(of.id)
        ).all()
        stated = {account.id: account for account in self.different}
        for account_id in moved if applied else ():
            symbols = _symbols(stated[account_id]) | _symbols(self.stored[account_id].account)
            found = [each for each in applied if not symbols.isdisjoint({each.symbol, each.to})]
            if found:
                yield Problem(
                    f"accounts[{self.places[account_id]}]",
                    f"account {account_id} has other positions, of {self.as_of}: they would take back "
                    f"{', '.join(f'{each.id} of {each.day}' for each in found)}. Load what the custodian says now, or "
                    f"with --overwrite-positions ({LOAD_1.code})",
                )

    def _statements_taken_back(self, moved: Sequence[str]) -> Iterator[Problem]:
        """A statement of a day after the book's was compared with the books, and the book says otherwise. Of one day,
        whichever is loaded last says what is so.
        """
        of = custodian_statements.c
        later = select(of.account_id, of.as_of, of.source).where(among(of.account_id, moved), of.as_of > self.as_of)
        for row in self.connection.execute(later.order_by(by_key(of.account_id))):
            yield Problem(
                f"accounts[{self.places[row.account_id]}]",
                f"account {row.account_id} has other positions, of {self.as_of}: they would take back the custodian's "
                f"statement of {row.as_of} ({row.source}). Load what the custodian says now, or with "
                f"--overwrite-positions ({LOAD_1.code})",
            )

    def store(self) -> BatchDone:
        """Writes what is new and what differs, with its queue entries and audit records."""
        written = [*self.new, *self.different]
        done = BatchDone(len(self.new), len(self.different), len(self.places) - len(written))
        if not written:
            return done
        self._write_accounts(written)
        self._write_positions(written)
        pack(self.connection, [account.id for account in written])
        self._write_wishes(written)
        self._write_paper(written)
        self.transaction.audit.record_all(map(self._record, written))
        before = {each.id: self.stored[each.id].account for each in self.different}
        switched_off = [each.id for each in self.different if before[each.id].rebalancing and not each.rebalancing]
        done.withdrawn = self.transaction.queue.leave_all(switched_off, "rebalancing was switched off")
        for status in ("frozen", "closed"):  # such an account can't be planned (CHECK-1)
            now = [each.id for each in self.different if each.status == status != before[each.id].status]
            done.withdrawn += self.transaction.queue.leave_all(now, f"the account is {status}: a book says so")
        done.queued = self.transaction.queue.add_all(filter(None, map(self._to_queue, written)))
        return done

    def _write_accounts(self, written: Iterable[Account]) -> None:
        """New rows in one go; a row that is there keeps its household."""
        self.connection.execute(MAKE_LOADED)
        self.connection.execute(EMPTY_LOADED)
        rows = (
            (
                each.id, each.name, each.custodian, each.tax_status, each.status, each.lot_relief, each.gain_budget,
                each.rebalancing, each.target_id, last.target_id, last.version, last.first,
                json.dumps(overrides_as_json(each.policy)), each.custodian_account,
            )
            for each in written
            for last in [self._rebalanced(each)]
        )  # fmt: skip
        copy_rows(self.connection, LOADED, ACCOUNT_COLUMNS, rows)
        line = insert(accounts).from_select(ACCOUNT_COLUMNS, select(*(LOADED.c[name] for name in ACCOUNT_COLUMNS)))
        news = {name: line.excluded[name] for name in ACCOUNT_COLUMNS if name != "id"}  # else who refers to it waits
        self.connection.execute(line.on_conflict_do_update(index_elements=["id"], set_=news))

    def _rebalanced(self, account: Account) -> Rebalanced:
        """What the account was rebalanced to: a book says since when for its target, the database the version."""
        stored = self.stored.get(account.id)
        last = stored.rebalanced_to if stored else None
        target = account.target_id
        if target is not None and account.first_rebalanced is not None:
            version = last.version if last and last.target_id == target else self.targets[target].version
            return Rebalanced(target, version, account.first_rebalanced)
        if last is None or last.target_id == target or stored is None:
            return Rebalanced()
        return Rebalanced(last.target_id, last.version, stored.rebalanced_since)

    def _write_positions(self, written: Iterable[Account]) -> None:
        """Sleeves that differ: opened, closed, their cash and holdings replaced."""
        opened: list[tuple[str, Sleeve]] = []
        kept: list[tuple[int, Sleeve]] = []
        closed: list[int] = []
        for account in written:
            stored = self.stored.get(account.id)
            ids = dict(stored.sleeve_ids) if stored else {}
            before = {each.key: each for each in all_sleeves(comparable(stored.account))} if stored else {}
            for sleeve in all_sleeves(comparable(account)):
                number = ids.pop(sleeve.key, None)
                if number is None:
                    opened.append((account.id, sleeve))
                elif before.get(sleeve.key) != sleeve:
                    kept.append((number, sleeve))
            closed += ids.values()
        self._clear(closed, kept)
        numbers = self.connection.scalars(NEW_SLEEVES, {"number": len(opened)}).all() if opened else []
        copy_rows(
            self.connection,
            sleeves,
            ("id", "account_id", "kind", "model_id", "cash"),
            (
                (number, account_id, *sleeve_row(each.key), each.cash)
                for number, (account_id, each) in zip(numbers, opened, strict=True)
            ),
        )
        filled = [*zip(numbers, (each for _, each in opened), strict=True), *kept]
        copy_rows(
            self.connection,
            holdings,
            ("sleeve_id", "symbol", "quantity"),
            ((number, held.symbol, held.quantity) for number, each in filled for held in each.holdings),
        )
        copy_rows(
            self.connection,
            lots,
            ("sleeve_id", "symbol", "quantity", "cost_per_share", "acquired"),
            (
                (number, held.symbol, lot.quantity, lot.cost_per_share, lot.acquired)
                for number, each in filled
                for held in each.holdings
                for lot in held.lots
            ),
        )

    def _clear(self, closed: list[int], kept: list[tuple[int, Sleeve]]) -> None:
        if closed or kept:
            self.connection.execute(CLEAR, {"sleeves": [*closed, *(number for number, _ in kept)]})
        if closed:
            self.connection.execute(CLOSE, {"sleeves": closed})
        if kept:
            cash = [each.cash for _, each in kept]
            self.connection.execute(SET_CASH, {"sleeves": [number for number, _ in kept], "cash": cash})

    def _write_wishes(self, written: Sequence[Account]) -> None:
        """Restrictions, withdrawals and recent sales, replaced whole."""
        replaced = [account.id for account in self.different]
        self._rewrite(restrictions, replaced, rows_of.RESTRICTION_COLUMNS, rows_of.restriction_rows(written))
        self._rewrite(withdrawals, replaced, rows_of.WITHDRAWAL_COLUMNS, rows_of.withdrawal_rows(written))
        stated = recent_sales.c.rebalance_id.is_(None)  # what we sold ourselves stays noted, whatever a book says
        self._rewrite(recent_sales, replaced, rows_of.SALE_COLUMNS, rows_of.sale_rows(written), stated)

    def _write_paper(self, written: Sequence[Account]) -> None:
        """The paper custodian holds what the book says that its accounts hold, over all sleeves."""
        ours = [account for account in written if account.custodian == PAPER_CUSTODIAN]
        replaced = [account.id for account in self.different]
        cash = ((each.id, rows_of.total_cash(each)) for each in ours)
        held = ((each.id, *line) for each in ours for line in rows_of.total_holdings(each).items())
        self._rewrite(paper_accounts, replaced, ("account_id", "cash"), cash)  # its positions go with it
        self._rewrite(paper_positions, (), ("account_id", "symbol", "quantity"), held)

    def _rewrite(
        self,
        table: Table,
        replaced: Sequence[str],
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        which: ColumnElement[bool] = TRUE,
    ) -> None:
        if replaced:
            self.connection.execute(delete(table).where(among(table.c.account_id, replaced), which))
        copy_rows(self.connection, table, columns, rows)

    def _to_queue(self, account: Account) -> Queued | None:
        """Why a written account is in the queue when the load commits (QUEUE-1, QUEUE-2)."""
        if not account.rebalancing or account.status != "open":
            return None
        stored = self.stored.get(account.id)
        before = stored.account if stored else None
        target, last = account.target_id, self._rebalanced(account)
        reasons: dict[str, Mapping[str, object]] = {**rules.target_reasons(self._assignment(account, last))}
        moved_away = before is not None and before.target_id != target
        if before is not None and moved_away and (before.target_id is not None or not reasons):
            moved = {"from": before.target_id, "to": target}
            reasons["TARGET_CHANGED"] = {**reasons.get("TARGET_CHANGED", {}), **moved}
        if before is not None and not before.rebalancing and (target is not None or account.holds_securities):
            reasons["TOGGLED_ON"] = {"switched_by": self.transaction.audit.actor.who}
        return Queued(account.id, reasons, STANDING if moved_away else ()) if reasons else None

    def _assignment(self, account: Account, last: Rebalanced) -> Snapshot:
        """The account and its target, without the prices that the reasons of an assignment do not need."""
        rebalanced_to = None if last.version is None else RebalancedTo(last.target_id, last.version)
        return Snapshot(date.min, account, self.targets, {}, {}, date.min, rebalanced_to=rebalanced_to)

    def _record(self, account: Account) -> AuditEntry:
        stored = self.stored.get(account.id)
        return AuditEntry(
            "account replaced" if stored else "account created",
            account_id=account.id,
            before=rows_of.summary(stored.account) if stored else None,
            after=rows_of.summary(account),
        )


def _symbols(account: Account) -> set[str]:
    """What an account holds, in any sleeve, protected or not."""
    return {each.symbol for sleeve in account.sleeves for each in sleeve.holdings} | {
        each.symbol for each in account.protected
    }


def _held(account: Account) -> object:
    """What an account holds, by sleeve: cash and quantities; of how it came by them nothing."""
    sleeves_ = {
        each.key: (each.cash, {part.symbol: part.quantity for part in each.holdings}) for each in account.sleeves
    }
    return sleeves_, {each.symbol: each.quantity for each in account.protected}
