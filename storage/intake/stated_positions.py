"""What a custodian's file states, beside the books: the lines in a table of the transaction, and what differs."""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Date,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    delete,
    except_,
    func,
    literal,
    select,
    text,
    union_all,
)

from domain.books.deliveries import MAX_PROBLEMS, STATEMENT_DAY, PositionLine, Problems
from domain.days import DAY_5
from domain.executing.statements import Statement
from domain.values.snapshot import Lot
from storage.copying import copy_rows
from storage.intake.loading_accounts import PAPER_CUSTODIAN
from storage.schema.execution import paper_accounts, paper_positions
from storage.schema.tables import MONEY, accounts, holdings, securities, sleeves
from storage.values import among, by_key, exact, lots_as_json, lots_from_json

CASH = ""  # the symbol of cash among the lines
STATED = Table(
    "stated_positions",
    MetaData(),
    Column("line", Integer),
    Column("account_id", Text),
    Column("symbol", Text),
    Column("quantity", MONEY),
    Column("as_of", Date),
    Column("lots", Text),  # JSON; null where the file states none
    Column("stop", Text),  # why its account is left out
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)


REASONS = 5  # for which an account is left out, that are told
# Account numbers at the custodian that the file names, and every account that each could be.
NUMBERED = text(
    r"""
    WITH given AS (
      SELECT DISTINCT s.account_id AS number FROM stated_positions s
      LEFT JOIN accounts a ON a.id = s.account_id WHERE a.id IS NULL
    ), masked AS (
      SELECT number, substr(number, 4) AS ending FROM given WHERE number ~ '^\.\.\.[0-9A-Za-z]+$'
    ), candidates AS (
      SELECT id, custodian_account AS number FROM accounts
      WHERE custodian_account IS NOT NULL AND (:sender = '' OR custodian = :paper
        OR strpos(regexp_replace(lower(custodian), '[^a-z]', '', 'g'), :sender) > 0)
    )
    SELECT g.number, c.id FROM given g JOIN candidates c ON c.number = g.number
    UNION
    SELECT m.number, c.id FROM masked m JOIN candidates c ON right(c.number, length(m.ending)) = m.ending
    ORDER BY 1, 2
    """
)
RENAME = text(
    "UPDATE stated_positions SET account_id = meant.id"
    " FROM unnest(CAST(:given AS text[]), CAST(:ids AS text[])) AS meant (number, id)"
    " WHERE stated_positions.account_id = meant.number"
)


class StatedPositions:
    """The lines of one file, in the transaction that loads it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        STATED.create(connection)

    def take(self, lines: Iterable[PositionLine], problems: Problems) -> None:
        """Copies the lines. Of one that does not say of which day it is, that is a problem (DAY-5)."""
        columns = ("line", "account_id", "symbol", "quantity", "as_of", "lots", "stop")
        rows = (
            (
                each.line, each.account_id, each.symbol or CASH, each.quantity, each.as_of or date.min,
                lots_as_json(each.lots) if each.lots else None, each.stop,
            )
            for each in lines
        )  # fmt: skip
        copy_rows(self.connection, STATED, columns, rows)
        undated = self.connection.scalar(select(func.min(STATED.c.line)).where(STATED.c.as_of == date.min))
        if undated is not None:
            problems.add(
                undated, f"of which day is the statement? Give {STATEMENT_DAY} in the file, or --date ({DAY_5.code})"
            )

    def all_days(self) -> dict[date, int]:
        """The days of which accounts are stated, each with its first line."""
        query = select(STATED.c.as_of, func.min(STATED.c.line)).where(STATED.c.as_of != date.min)
        return {row[0]: row[1] for row in self.connection.execute(query.group_by(STATED.c.as_of))}

    def accounts(self) -> list[str]:
        """The accounts that are named and known."""
        query = select(STATED.c.account_id).join(accounts, accounts.c.id == STATED.c.account_id).distinct()
        return list(self.connection.scalars(query))

    def name_accounts(self, sender: str) -> dict[str, list[str]]:
        """Puts ids in the place of account numbers at the custodian; returns those that could be several accounts.

        An id is an id first. A masked number (`...123`) is the one account of that custodian whose number ends so;
        accounts at the paper custodian may stand for any other's.
        """
        letters = re.sub("[^a-z]", "", sender.lower())
        meant: dict[str, list[str]] = {}
        for given, account_id in self.connection.execute(NUMBERED, {"sender": letters, "paper": PAPER_CUSTODIAN}):
            meant.setdefault(given, []).append(account_id)
        one = {given: ids[0] for given, ids in meant.items() if len(ids) == 1}
        if one:
            self.connection.execute(RENAME, {"given": list(one), "ids": list(one.values())})
        return {given: ids for given, ids in meant.items() if len(ids) > 1}

    def take_out_stopped(self) -> dict[str, str]:
        """The accounts that can't be compared, each with why; their lines are not looked at further."""
        query = select(STATED.c.account_id, STATED.c.stop).where(STATED.c.stop.is_not(None)).order_by(STATED.c.line)
        found: dict[str, list[str]] = {}
        for account_id, why in self.connection.execute(query):
            found.setdefault(account_id, []).append(why)
        if found:
            self.connection.execute(delete(STATED).where(among(STATED.c.account_id, list(found))))
        return {
            account_id: "; ".join(why[:REASONS]) + (f" and {len(why) - REASONS} more" if len(why) > REASONS else "")
            for account_id, why in found.items()
        }

    def count(self) -> tuple[int, int]:
        """How many lines there are, and how many known accounts they are of."""
        lines = self.connection.scalar(select(func.count()).select_from(STATED)) or 0
        stated = select(func.count(STATED.c.account_id.distinct())).join(accounts, accounts.c.id == STATED.c.account_id)
        return lines, self.connection.scalar(stated) or 0

    def unknown_accounts(self) -> dict[str, int]:
        """The accounts that nobody knows, each with its number of lines."""
        return self._unknown(STATED.c.account_id, accounts.c.id)

    def unknown_symbols(self) -> dict[str, int]:
        """The symbols that no security has, each with its number of lines."""
        found = self._unknown(STATED.c.symbol, securities.c.symbol)
        return {symbol: lines for symbol, lines in found.items() if symbol != CASH}

    def _unknown(self, given: Any, known: Any) -> dict[str, int]:
        query = (
            select(given, func.count())
            .select_from(STATED.outerjoin(known.table, known == given))
            .where(known.is_(None))
            .group_by(given)
            .order_by(by_key(given))
        )
        return {row[0]: row[1] for row in self.connection.execute(query)}

    def contradictions(self, problems: Problems, without_cash: bool) -> None:
        """Adds what only the whole file shows: a line twice, an account without cash or of several days.

        A file `without_cash` is of a custodian whose statements never say anything of it.
        """
        absent = literal(without_cash)
        first = func.min(STATED.c.line).over(partition_by=(STATED.c.account_id, STATED.c.symbol))
        numbered = select(STATED, first.label("first")).subquery()
        repeated = select(numbered).where(numbered.c.line > numbered.c.first).order_by(numbered.c.line)
        for row in self.connection.execute(repeated.limit(MAX_PROBLEMS + 1)):
            what = row.symbol or "cash"
            problems.add(row.line, f"{what} of account {row.account_id} is on line {row.first} already")
        cash_lines = func.count().filter(STATED.c.symbol == CASH)
        days = func.count(STATED.c.as_of.distinct())
        of_account = (
            select(
                STATED.c.account_id, func.min(STATED.c.line).label("line"), cash_lines.label("cash"), days.label("days")
            )
            .group_by(STATED.c.account_id)
            .having(((cash_lines == 0) & ~absent) | (days > 1))
            .order_by(func.min(STATED.c.line))
        )
        for row in self.connection.execute(of_account.limit(MAX_PROBLEMS + 1)):
            if not row.cash and not without_cash:
                problems.add(
                    row.line, f"account {row.account_id} has no line for its cash: give one, 0 where it has none"
                )
            if row.days > 1:
                problems.add(row.line, f"account {row.account_id} is stated as of {row.days} different days")

    def differing(self) -> tuple[set[str], set[str]]:
        """The accounts whose books are not as stated, and those whose ledger at the paper custodian is not."""
        named = select(STATED.c.account_id).distinct()
        with_cash = select(STATED.c.account_id).where(STATED.c.symbol == CASH)
        stated = select(STATED.c.account_id, STATED.c.symbol, STATED.c.quantity).where(
            (STATED.c.symbol == CASH) | (STATED.c.quantity != 0)
        )
        is_open = (sleeves.c.status == "open") & sleeves.c.account_id.in_(named)
        kept = union_all(
            select(sleeves.c.account_id, literal(CASH).label("symbol"), func.sum(sleeves.c.cash).label("quantity"))
            .where(is_open & sleeves.c.account_id.in_(with_cash))
            .group_by(sleeves.c.account_id),
            select(sleeves.c.account_id, holdings.c.symbol, func.sum(holdings.c.quantity))
            .join(holdings, holdings.c.sleeve_id == sleeves.c.id)
            .where(is_open)
            .group_by(sleeves.c.account_id, holdings.c.symbol),
        )
        paper = union_all(
            select(
                paper_accounts.c.account_id, literal(CASH).label("symbol"), paper_accounts.c.cash.label("quantity")
            ).where(paper_accounts.c.account_id.in_(with_cash)),
            select(paper_positions.c.account_id, paper_positions.c.symbol, paper_positions.c.quantity).where(
                paper_positions.c.account_id.in_(named)
            ),
        )
        at_paper = accounts.c.custodian == PAPER_CUSTODIAN
        return self._unlike(stated, kept, literal(True)), self._unlike(stated, paper, at_paper)

    def _unlike(self, stated: Select[Any], ours: CompoundSelect[Any], whose: ColumnElement[bool]) -> set[str]:
        found: set[str] = set()
        for one, other in ((stated, ours), (ours, stated)):
            rows = except_(one, other).subquery()
            query = select(accounts.c.id).join(rows, rows.c.account_id == accounts.c.id).where(whose)
            found.update(self.connection.scalars(query.distinct()))
        return found

    def of(self, ids: Sequence[str]) -> dict[str, Statement]:
        """What is stated of some accounts, each of which is named."""
        cash: dict[str, Decimal] = {}
        positions: dict[str, dict[str, Decimal]] = {each: {} for each in ids}
        lots: dict[str, dict[str, tuple[Lot, ...]]] = {each: {} for each in ids}
        query = select(STATED.c.account_id, STATED.c.symbol, exact(STATED.c.quantity), STATED.c.lots).where(
            among(STATED.c.account_id, ids)
        )
        for account_id, symbol, quantity, stated in self.connection.execute(query):
            if symbol == CASH:
                cash[account_id] = quantity
            else:
                positions[account_id][symbol] = quantity
                if stated is not None:
                    lots[account_id][symbol] = lots_from_json(stated)
        return {each: Statement(cash.get(each), positions[each], lots[each]) for each in ids}

    def days(self, ids: Sequence[str]) -> dict[str, date]:
        """Of which day each of some accounts is stated."""
        query = select(STATED.c.account_id, func.min(STATED.c.as_of)).where(among(STATED.c.account_id, ids))
        return {row[0]: row[1] for row in self.connection.execute(query.group_by(STATED.c.account_id))}
