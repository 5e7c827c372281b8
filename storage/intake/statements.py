"""Custodians' statements: a delivered file against the books, all of it or nothing.

The lines go by COPY into a table of the transaction; one query finds the accounts that differ, and only those are read,
settled (`domain/executing/statements.py`) and written.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Select, case, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from domain.books.corporate_actions import CorporateAction
from domain.books.deliveries import PositionLine, Problems
from domain.days import DAY_5
from domain.executing.reconciliation import BREAK_1, COMPARED, RECON_1, Break
from domain.executing.statements import Settled, Statement, Traded, brought_forward, settle
from domain.targets.cash_needs import CASH_1
from domain.values.money import ZERO, plain
from domain.values.snapshot import Account
from policy.trading_days import last_session
from storage import account_locks
from storage.accounts.reading import StoredAccount, read_accounts
from storage.actor import Actor
from storage.connection import Books, Transaction
from storage.copying import copy_rows
from storage.intake.corporate_actions import applied_since
from storage.intake.delivered_files import Source, keep
from storage.intake.stated_positions import STATED, StatedPositions
from storage.schema.deliveries import custodian_statements
from storage.schema.execution import breaks, orders, paper_accounts, paper_positions, rebalances
from storage.schema.tables import accounts, securities, withdrawals
from storage.values import among, exact
from storage.work.orders import TRADED_ON
from storage.work.rebalances import TRADING

BATCH = 1000  # accounts that differ, read and settled together


@dataclass(slots=True)
class StatementReport:
    """What a statement changed. Accounts are counted; `left_out` says of an account why it was.

    `unknown_accounts` and `unknown_symbols` are what nobody here knows, with their lines.
    """

    lines: int = 0
    accounts: int = 0
    changed: int = 0
    cash: int = 0  # accounts whose cash was booked
    positions: int = 0  # holdings that were booked
    paid: int = 0  # withdrawals
    breaks: int = 0  # opened, or with new figures
    still_open: int = 0  # breaks that are open as before: the books differ, and nothing was changed
    closed: int = 0  # breaks whose figures agree again
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  # what a feed tells besides
    unknown_accounts: dict[str, int] = field(default_factory=dict)
    unknown_symbols: dict[str, int] = field(default_factory=dict)

    @property
    def is_equal(self) -> bool:
        """True where the books have all that the statement says: who was left out is never called equal (DAY-5)."""
        return not (self.changed or self.breaks or self.still_open or self.closed or self.left_out)


def load_statement(
    books: Books,
    lines: Iterable[PositionLine],
    problems: Problems,
    source: Source,
    today: date,
    actor: Actor,
    sender: str = "",
    without_cash: bool = False,
) -> StatementReport:
    """Compares a statement with the books and books what is beyond doubt.

    `sender` is the custodian whose account numbers the lines may name; `without_cash`: it says nothing of cash. Raises
    DeliveryRefused with all problems of the file: then nothing has changed.
    """
    with books.transaction(actor) as transaction:
        return _Load(transaction, source, today, sender, without_cash).run(lines, problems)


class _Load:
    """One statement in its transaction."""

    def __init__(self, transaction: Transaction, source: Source, today: date, sender: str, without_cash: bool) -> None:
        self.transaction = transaction
        self.connection = transaction.connection
        self.source = source
        self.sender = sender
        self.without_cash = without_cash
        self.today = today
        self.report = StatementReport()
        self.stated = StatedPositions(self.connection)
        self.unlike_paper: set[str] = set()
        self.since: dict[str, list[Traded]] = {}
        self.actions: list[CorporateAction] = []  # that the books have, from the day after the first statement's

    def run(self, lines: Iterable[PositionLine], problems: Problems) -> StatementReport:
        self.stated.take(lines, problems)
        for as_of, line in self.stated.all_days().items():
            if as_of > self.today:
                problems.add(line, f"the statement is of {as_of}, after today, {self.today} ({DAY_5.code})")
            elif last_session(as_of) != as_of:
                problems.add(line, f"the statement is of {as_of}, on which the exchange did not trade ({DAY_5.code})")
        several = self.stated.name_accounts(self.sender)
        self._count(problems, several)
        self.report.left_out |= self.stated.take_out_stopped()
        self.stated.contradictions(problems, self.without_cash)
        problems.refuse()
        keep(self.transaction, self.source, "positions")
        unlike, self.unlike_paper = self.stated.differing()
        named = self.stated.accounts()
        self.since = self._traded_since(named)
        self.actions = applied_since(self.connection, min(self.stated.all_days()))
        doubtful = self._open_breaks(named)
        ids = sorted(unlike | self.unlike_paper | self.since.keys() | doubtful.keys())
        account_locks.by_rising_ids(self.connection)
        for at in range(0, len(ids), BATCH):
            self._settle(ids[at : at + BATCH])
        self._note_statements()
        report = self.report
        if report.changed or report.breaks or report.closed:
            self.transaction.audit.record(
                "statement loaded",
                rule=RECON_1.code,
                after={
                    "source": self.source.name, "sha256": self.source.sha256,
                    "accounts": report.accounts, "changed": report.changed,
                    "cash": report.cash, "positions": report.positions, "withdrawals_paid": report.paid,
                    "breaks": report.breaks, "breaks_closed": report.closed, "left_out": len(report.left_out),
                },
            )  # fmt: skip
        return report

    def _count(self, problems: Problems, several: Mapping[str, list[str]]) -> None:
        report = self.report
        report.lines, report.accounts = self.stated.count()
        unknown = self.stated.unknown_accounts()
        report.unknown_accounts = {each: lines for each, lines in unknown.items() if each not in several}
        report.left_out |= {given: f"could be {' or '.join(ids)}" for given, ids in several.items()}
        report.unknown_symbols = self.stated.unknown_symbols()
        if not problems.count and not report.accounts:
            shown = ", ".join([*report.unknown_accounts, *several][:10])
            problems.add(
                0, f"no account is known ({shown}): load a book first" if shown else "there is no position in it"
            )

    def _settle(self, ids: Sequence[str]) -> None:
        account_locks.locked(self.connection, ids)
        self.report.left_out |= (out := self._left_out(ids))
        ids = [each for each in ids if each not in out]
        stated = self.stated.of(ids)
        stored = read_accounts(self.connection, ids)
        stated |= self._brought_forward(ids, stated, stored)
        doubted = self._open_breaks(ids)
        symbols = {symbol for each in stated.values() for symbol in each.positions}
        known = set(self.connection.scalars(select(securities.c.symbol).where(among(securities.c.symbol, symbols))))
        for account_id, each in stored.items():
            in_doubt = doubted.get(account_id, {})
            self._write(each.account, settle(each.account, stated[account_id], in_doubt.keys(), known), in_doubt)
        self._write_paper([each.account for each in stored.values()], stated)

    def _left_out(self, ids: Sequence[str]) -> dict[str, str]:
        """The accounts whose books are newer than the statement, or about to be."""
        trading = select(rebalances.c.account_id, rebalances.c.id).where(
            among(rebalances.c.account_id, ids), rebalances.c.stage.in_(TRADING)
        )
        out = {
            row.account_id: f"{row.id} trades on it now: load again when it has ended" for row in self._rows(trading)
        }
        before = select(custodian_statements.c.account_id, custodian_statements.c.as_of).where(
            among(custodian_statements.c.account_id, ids)
        )
        loaded = {row.account_id: row.as_of for row in self._rows(before)}
        for account_id, as_of in self.stated.days(ids).items():
            if account_id not in out and account_id in loaded and as_of < loaded[account_id]:
                out[account_id] = f"the statement is of {as_of}, and one of {loaded[account_id]} was loaded"
        return out

    def _brought_forward(
        self, ids: Sequence[str], stated: Mapping[str, Statement], stored: Mapping[str, StoredAccount]
    ) -> dict[str, Statement]:
        """The statements of accounts of which something happened since their day, as they would be today (DAY-5)."""
        days = self.stated.days(ids)
        found = {}
        for account_id, each in stored.items():
            acted = [action for action in self.actions if days[account_id] < action.day]
            since = [*self.since.get(account_id, ()), *acted]
            if since:
                found[account_id] = brought_forward(stated[account_id], since, each.account)
        return found

    def _traded_since(self, ids: Sequence[str]) -> dict[str, list[Traded]]:
        """What accounts traded since the end of the day of their statement, as far as it is in the books."""
        day = select(STATED.c.account_id, func.min(STATED.c.as_of).label("as_of")).group_by(STATED.c.account_id)
        of_day = day.subquery()
        sign = case((orders.c.side == "buy", 1), else_=-1)
        traded_on = TRADED_ON.label("day")
        query = (
            select(
                rebalances.c.account_id,
                traded_on,
                orders.c.symbol,
                func.sum(sign * exact(orders.c.filled_quantity)).label("quantity"),
                func.sum(-sign * exact(orders.c.filled_amount) - exact(orders.c.costs)).label("cash"),
            )
            .join(orders, orders.c.rebalance_id == rebalances.c.id)
            .join(of_day, of_day.c.account_id == rebalances.c.account_id)
            .where(among(rebalances.c.account_id, ids), orders.c.filled_quantity > 0, orders.c.booked_at.is_not(None))
            .where(of_day.c.as_of < TRADED_ON)
            .group_by(rebalances.c.account_id, traded_on, orders.c.symbol)
        )
        found: dict[str, list[Traded]] = {}
        for row in self._rows(query):
            found.setdefault(row.account_id, []).append(Traded(row.day, row.symbol, row.quantity, row.cash))
        return found

    def _rows(self, query: Select[Any]) -> Iterator[Any]:
        return iter(self.connection.execute(query))

    def _open_breaks(self, ids: Sequence[str]) -> dict[str, dict[str | None, Any]]:
        found: dict[str, dict[str | None, Any]] = {}
        open_now = select(breaks).where(
            among(breaks.c.account_id, ids), breaks.c.resolved_at.is_(None), breaks.c.kind.in_(COMPARED)
        )
        for row in self._rows(open_now):
            found.setdefault(row.account_id, {})[row.symbol] = row
        return found

    def _write(self, before: Account, done: Settled, in_doubt: Mapping[str | None, Any]) -> None:
        report = self.report
        if done.booked:
            self.transaction.accounts.store_positions(before.id, before, done.account)
            report.changed += 1
            report.cash += any(each.symbol is None for each in done.booked)
            report.positions += sum(each.symbol is not None for each in done.booked)
        if done.paid is not None:
            report.paid += 1
            self._pay(before.id, done)
        self._open(before.id, done.breaks, in_doubt)

    def _open(self, account_id: str, found: Iterable[Break], in_doubt: Mapping[str | None, Any]) -> None:
        """Opens breaks; one that is open takes the new figures, or is closed where they agree again (BREAK-1)."""
        new = [each for each in found if each.symbol not in in_doubt]
        self.transaction.breaks.open(account_id, None, new)
        self.report.breaks += len(new)
        for each in found:
            row = in_doubt.get(each.symbol)
            if row is not None and (row.expected, row.actual) != (each.expected, each.actual):
                self.transaction.breaks.renew(row, each)
                self.report.breaks += 1
            elif row is not None:
                self.report.still_open += 1
        differing = {each.symbol for each in found}
        for symbol, row in in_doubt.items():
            if symbol not in differing:
                note = f"the statement {self.source.name} agrees with the books again ({BREAK_1.code})"
                self.transaction.breaks.resolve(row, note, booked=False)
                self.report.closed += 1

    def _pay(self, account_id: str, done: Settled) -> None:
        """Takes a withdrawal that was paid out of what is reserved (CASH-1)."""
        paid = done.paid
        assert paid is not None
        one = (
            select(withdrawals.c.id)
            .where(
                withdrawals.c.account_id == account_id,
                withdrawals.c.amount == paid.amount,
                withdrawals.c.due == paid.due,
            )
            .order_by(withdrawals.c.id)
            .limit(1)
        )
        self.connection.execute(delete(withdrawals).where(withdrawals.c.id == one.scalar_subquery()))
        self.transaction.audit.record(
            "withdrawal paid",
            account_id=account_id,
            rule=CASH_1.code,
            before={"amount": plain(paid.amount), "due": str(paid.due)},
        )

    def _write_paper(self, settled: Iterable[Account], stated: Mapping[str, Statement]) -> None:
        """What the paper custodian states is what its ledger holds."""
        ours = [each.id for each in settled if each.id in self.unlike_paper]
        held = select(paper_accounts.c.account_id, paper_accounts.c.cash).where(
            among(paper_accounts.c.account_id, ours)
        )
        cash = {row.account_id: row.cash for row in self._rows(held)}
        cash |= {each: given for each in ours if (given := stated[each].cash) is not None}
        self.connection.execute(delete(paper_accounts).where(among(paper_accounts.c.account_id, ours)))
        copy_rows(
            self.connection, paper_accounts, ("account_id", "cash"), ((each, cash.get(each, ZERO)) for each in ours)
        )
        copy_rows(
            self.connection,
            paper_positions,
            ("account_id", "symbol", "quantity"),
            (
                (each, symbol, quantity)
                for each in ours
                for symbol, quantity in stated[each].positions.items()
                if quantity
            ),
        )

    def _note_statements(self) -> None:
        """Keeps of which day each account's newest statement is."""
        rows = (
            select(STATED.c.account_id, func.min(STATED.c.as_of), literal(self.source.name))
            .join(accounts, accounts.c.id == STATED.c.account_id)
            .where(~among(STATED.c.account_id, list(self.report.left_out)))
            .group_by(STATED.c.account_id)
        )
        line = insert(custodian_statements).from_select(["account_id", "as_of", "source"], rows)
        self.connection.execute(
            line.on_conflict_do_update(
                index_elements=["account_id"],
                set_={"as_of": line.excluded.as_of, "source": line.excluded.source, "loaded_at": func.now()},
                where=custodian_statements.c.as_of < line.excluded.as_of,
            )
        )
