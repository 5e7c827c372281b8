"""Corporate actions: a delivered file applied to every account that holds the security, whole or not at all.

Each action is applied once, by its id. Prices of before a split are restated with it, so that the last close and the
number of shares always go together; a new symbol takes over what the old one had, and files may name either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, insert, select, text

from domain.books.action_files import from_terms, terms
from domain.books.book import BookRefused, Problem
from domain.books.corporate_actions import CorporateAction, apply
from domain.telling.plan_json import price_text
from domain.values.money import ZERO, cents
from storage import account_locks
from storage.accounts.reading import read_accounts
from storage.actor import Actor
from storage.connection import Books, Transaction
from storage.copying import copy_rows
from storage.intake.delivered_files import Source, keep
from storage.intake.loading_accounts import PAPER_CUSTODIAN
from storage.intake.loading_rows import total_cash, total_holdings
from storage.market.market import take_turn
from storage.schema.execution import orders, paper_accounts, paper_positions, rebalances
from storage.schema.feeds import corporate_actions
from storage.schema.tables import holdings, model_holdings, sleeves, target_components
from storage.values import among
from storage.work.orders import TRADED_ON
from storage.work.rebalances import TRADING

BATCH = 1000
SPLITS = ("split", "reverse_split")
NAMED = 5  # accounts or models in a problem
RESTATE = text("UPDATE prices SET price = round(price * :old / :new, 12) WHERE symbol = :symbol AND as_of < :day")
# The first close of a split's day or later, where it isn't near the last one of before it, which is restated.
UNLIKE = text(
    """
    SELECT trim_scale(p.price) AS price, p.as_of FROM prices p
    LEFT JOIN LATERAL (SELECT price FROM prices b WHERE b.symbol = p.symbol AND b.as_of < :day
      ORDER BY b.as_of DESC LIMIT 1) before ON true
    WHERE p.symbol = :symbol AND p.as_of >= :day
      AND (before.price IS NULL OR abs(p.price - before.price) > :limit * before.price)
    ORDER BY p.as_of LIMIT 1
    """
)
NAMING = text(  # whose restrictions and sales name it
    "SELECT account_id FROM restrictions WHERE :symbol IN (symbol, substitute) UNION"
    " SELECT account_id FROM recent_sales WHERE symbol = :symbol ORDER BY 1"
)
RENAMINGS = (
    "INSERT INTO prices (symbol, as_of, price) SELECT :to, as_of, price FROM prices WHERE symbol = :symbol"
    " ON CONFLICT DO NOTHING",
    "UPDATE restrictions SET symbol = :to WHERE symbol = :symbol",
    "UPDATE restrictions SET substitute = :to WHERE substitute = :symbol",
    "UPDATE recent_sales SET symbol = :to WHERE symbol = :symbol",
    "UPDATE model_holdings SET symbol = :to WHERE symbol = :symbol",
    "UPDATE target_components SET symbol = :to WHERE symbol = :symbol",
    "DELETE FROM identifiers AS old USING identifiers AS new WHERE old.symbol = :symbol AND new.symbol = :to"
    " AND old.scheme = new.scheme AND old.value = new.value",
    "UPDATE identifiers SET symbol = :to WHERE symbol = :symbol",
    # until the end of the calendar: a book that states the identifiers of the new one leaves it
    "INSERT INTO identifiers (scheme, value, until, symbol) VALUES ('alias', :symbol, '2199-12-31', :to)"
    " ON CONFLICT DO NOTHING",
)
# Who has had shares of it booked by a custodian's statement since the action's day: that statement had the action.
BOOKED_BY_STATEMENT = text(
    """
    SELECT r.account_id FROM custodian_statements c
    JOIN audit_records r ON r.account_id = c.account_id AND r.action = 'positions booked' AND r.at >= :day
    WHERE c.as_of >= :day AND c.account_id = ANY(:holders)
      AND (r.before -> 'managed' -> 'holdings' ->> :symbol) IS DISTINCT FROM
        (r.after -> 'managed' -> 'holdings' ->> :symbol)
      AND EXISTS (SELECT FROM audit_records s
        WHERE s.written_in = r.written_in AND s.action = 'statement loaded')
    """
)
NEW_SECURITY = text(
    "INSERT INTO securities (symbol, name, quantity_increment, type, asset_class, identical_group, worthless)"
    " SELECT :to, name, quantity_increment, type, asset_class, identical_group, worthless FROM securities"
    " WHERE symbol = :symbol ON CONFLICT DO NOTHING"
)


@dataclass(slots=True)
class ActionDone:
    """What an action did: accounts changed, cash that came, fractions that were sold; or that it was applied before."""

    id: str
    kind: str
    symbol: str
    already: bool = False
    accounts: int = 0
    cash: str = "0.00"
    fractions: int = 0
    price: str | None = None  # a close of its day or later, taken for one of after it, that looks like one of before


@dataclass(slots=True)
class ActionsReport:
    """What a file of actions did, action by action."""

    done: list[ActionDone] = field(default_factory=list)

    @property
    def changed_anything(self) -> bool:
        """False where every action had been applied before."""
        return any(not each.already for each in self.done)


def apply_actions(books: Books, actions: Sequence[CorporateAction], source: Source, actor: Actor) -> ActionsReport:
    """Applies the actions in their order. Raises BookRefused with all problems: then nothing has changed."""
    with books.transaction(actor) as transaction:
        take_turn(transaction.connection)
        account_locks.in_any_order(transaction.connection)  # one action after the other, each over its own holders
        report, problems = ActionsReport(), list[Problem]()
        for at, action in enumerate(actions):
            work = _Action(transaction, action)
            found = list(work.problems(f"actions[{at}]"))
            problems += found
            if not found and not problems:
                report.done.append(work.run())
        if problems:
            raise BookRefused(problems)
        if report.changed_anything:
            keep(transaction, source, "actions")
        return report


def applied_since(connection: Connection, day: date) -> list[CorporateAction]:
    """The actions that the books have and that count from after a day, in the order in which they were applied."""
    query = select(corporate_actions).where(corporate_actions.c.day > day)
    rows = connection.execute(query.order_by(corporate_actions.c.day, corporate_actions.c.applied_at))
    return [from_terms(row.id, row.kind, row.symbol, row.day, row.terms) for row in rows]


class _Action:
    """One action in its transaction."""

    def __init__(self, transaction: Transaction, action: CorporateAction) -> None:
        self.transaction = transaction
        self.connection = transaction.connection
        self.action = action
        self.before = self.connection.execute(
            select(corporate_actions).where(corporate_actions.c.id == action.id)
        ).one_or_none()

    def problems(self, path: str) -> Iterator[Problem]:
        """Why it can't be applied: unknown, given before with other terms, or in the way of trades."""
        action = self.action
        if self.before is not None:
            stated = action.kind, action.symbol, action.day, terms(action)
            if stated != (self.before.kind, self.before.symbol, self.before.day, self.before.terms):
                yield Problem(f"{path}.id", f"{action.id} was applied with other terms: a new action needs a new id")
            return
        if not self.transaction.market.is_security(action.symbol):
            yield Problem(f"{path}.symbol", f'unknown symbol "{action.symbol}"')
            return
        if action.kind == "symbol_change":
            yield from self._both(path)
        holders = self._holders()
        holding = among(rebalances.c.account_id, holders)
        # of who buys it the custodian may hold some already that the books don't have yet: blocks go on for days
        ordered = select(orders.c.leg).where(orders.c.rebalance_id == rebalances.c.id, orders.c.symbol == action.symbol)
        in_trade = rebalances.c.stage.in_(TRADING)
        trading = select(rebalances.c.account_id).where(in_trade, holding | ordered.exists())
        if busy := self._named(trading):
            yield Problem(path, f"rebalances trade on {busy} now: give the file again when they have ended")
        since = (
            select(rebalances.c.account_id)
            .join(orders, orders.c.rebalance_id == rebalances.c.id)
            .where(orders.c.symbol == action.symbol, orders.c.filled_quantity > 0, action.day <= TRADED_ON)
        )
        if action.kind != "symbol_change" and (late := self._named(since)):
            yield Problem(
                path,
                f"{late} traded {action.symbol} on {action.day} or later, and the action is of what was held before. "
                "Load the custodian's statement instead, and resolve its breaks",
            )

        if action.kind in SPLITS:
            already = BOOKED_BY_STATEMENT.bindparams(symbol=action.symbol, day=action.day, holders=holders)
            if taken := self._named(already):
                yield Problem(
                    path,
                    f"a statement of {action.day} or later has booked {action.symbol} of {taken} already: the action "
                    "would count twice. Their lots come by a book (rebalancer load --overwrite-positions)",
                )

    def _both(self, path: str) -> Iterator[Problem]:
        """A model or target that names both symbols: it would name one twice."""
        action = self.action
        for table, key in (
            (model_holdings, model_holdings.c.model_id),
            (target_components, target_components.c.target_id),
        ):
            other = table.alias()
            both = (
                select(key)
                .join(other, (other.c[key.name] == key) & (other.c.version == table.c.version))
                .where(table.c.symbol == action.symbol, other.c.symbol == action.to)
            )
            if names := self._named(both):
                yield Problem(f"{path}.to", f"{names} names both {action.symbol} and {action.to}: edit it first")

    def _named(self, query: Any) -> str:
        found = sorted(set(self.connection.scalars(query)))
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        return ", ".join(found[:NAMED]) + more

    def _holders(self) -> list[str]:
        query = (
            select(sleeves.c.account_id)
            .join(holdings, holdings.c.sleeve_id == sleeves.c.id)
            .where(sleeves.c.status == "open", holdings.c.symbol == self.action.symbol)
        )
        return sorted(set(self.connection.scalars(query)))

    def run(self) -> ActionDone:
        """Applies it, unless it was."""
        action = self.action
        done = ActionDone(action.id, action.kind, action.symbol, self.before is not None)
        if done.already:
            return done
        self.connection.execute(
            insert(corporate_actions).values(
                id=action.id,
                kind=action.kind,
                symbol=action.symbol,
                day=action.day,
                terms=terms(action),
                applied_at=func.clock_timestamp(),  # by which those of one file have their order
                applied_by=self.transaction.audit.actor.who,
            )
        )
        if action.kind == "symbol_change":
            self.connection.execute(NEW_SECURITY, {"symbol": action.symbol, "to": action.to})
        cash = ZERO
        holders = self._holders()
        for at in range(0, len(holders), BATCH):
            cash += self._accounts(holders[at : at + BATCH], done)
        if action.kind == "symbol_change":
            told = {"symbol": action.symbol}, {"symbol": action.to, "corporate_action": action.id}
            for account_id in self.connection.scalars(NAMING, {"symbol": action.symbol}).all():
                self.transaction.audit.record("symbol renamed", account_id=account_id, before=told[0], after=told[1])
            for statement in RENAMINGS:
                self.connection.execute(text(statement), {"symbol": action.symbol, "to": action.to})
        if action.new is not None and action.old is not None:
            of_ratio = {"new": action.new, "old": action.old, "symbol": action.symbol, "day": action.day}
            self.connection.execute(RESTATE, of_ratio)
            done.price = self._doubtful_price()
        done.cash = cents(cash)
        self.transaction.audit.record(
            "corporate action applied",
            after={
                "id": action.id, "kind": action.kind, "symbol": action.symbol, "day": str(action.day), **terms(action),
                "accounts": done.accounts, "cash": done.cash, "fractions": done.fractions,
            },
        )  # fmt: skip
        return done

    def _doubtful_price(self) -> str | None:
        """A close that is valued as of after the split, though it may be of before it: a person has to look."""
        limit = self.transaction.market.policy(self.action.day).price_jump
        asked = {"symbol": self.action.symbol, "day": self.action.day, "limit": limit}
        row = self.connection.execute(UNLIKE, asked).one_or_none()
        return None if row is None else f"{price_text(row.price)} of {row.as_of}"

    def _accounts(self, ids: Sequence[str], done: ActionDone) -> Any:
        """Applies it to a batch of accounts; returns the cash that came."""
        account_locks.locked(self.connection, ids)
        cash, papers = ZERO, []
        for account_id, stored in read_accounts(self.connection, ids).items():
            applied = apply(stored.account, self.action)
            self.transaction.accounts.store_positions(account_id, stored.account, applied.account)
            if stored.account.tax_status == "taxable":
                self.transaction.accounts.note_sales(account_id, None, applied.sales)
            if stored.account.custodian == PAPER_CUSTODIAN:
                papers.append(applied.account)
            cash += applied.cash
            done.accounts += 1
            done.fractions += len(applied.sales)
        self._write_paper(papers)
        return cash

    def _write_paper(self, papers: Sequence[Any]) -> None:
        """The paper custodian's ledger goes along: it sees the same actions."""
        ids = [each.id for each in papers]
        self.connection.execute(paper_accounts.delete().where(among(paper_accounts.c.account_id, ids)))
        copy_rows(
            self.connection, paper_accounts, ("account_id", "cash"), ((each.id, total_cash(each)) for each in papers)
        )
        copy_rows(
            self.connection,
            paper_positions,
            ("account_id", "symbol", "quantity"),
            ((each.id, *line) for each in papers for line in total_holdings(each).items()),
        )
