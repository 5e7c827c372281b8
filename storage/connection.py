"""The way in: the books, and one transaction over all repositories."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, text

from storage.accounts.accounts import Accounts
from storage.accounts.breaks import Breaks
from storage.accounts.snapshots import Snapshots
from storage.accounts.states import AccountStates
from storage.actor import Actor
from storage.desk.allocations import Allocations
from storage.desk.blocks import Blocks
from storage.desk.legs import DeskLegs
from storage.market.market import MarketRecords
from storage.people.calls import Calls
from storage.people.passkeys import Passkeys
from storage.people.people import People
from storage.people.proof import Proof
from storage.people.sessions import Sessions
from storage.people.sign_ins import SignIns
from storage.people.webhooks import Webhooks
from storage.record.audit import Audit
from storage.record.histories import Histories
from storage.record.seals import Seals
from storage.work.attention import Attention
from storage.work.epochs import Epochs
from storage.work.evaluations import Evaluations
from storage.work.halts import Halts
from storage.work.listings import Listings
from storage.work.model_signals import ModelSignals
from storage.work.orders import Orders
from storage.work.queue import Queue
from storage.work.queue_pages import QueuePages
from storage.work.rebalances import Rebalances
from storage.work.requests import Requests
from storage.work.venues import VenueSettings
from storage.work.waiting import Waiting


class Books:
    """The database as the rest of the program sees it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def transaction(self, actor: Actor | None = None) -> Iterator["Transaction"]:
        """One transaction: committed where the block ends, rolled back where it raises."""
        with self.engine.begin() as connection:
            work = Transaction(connection, actor or Actor("unknown"))
            yield work
            work.audit.write()

    @contextmanager
    def reading(self) -> Iterator["Transaction"]:
        """A transaction that changes nothing, and sees the database as it was at its first statement."""
        reading = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with reading.begin() as connection:
            yield Transaction(connection, Actor("nobody: reads only"))


class Rehearsal(Books):
    """The books where nothing is kept: each transaction does all its checks, deferred ones too, and is rolled back."""

    @contextmanager
    def transaction(self, actor: Actor | None = None) -> Iterator["Transaction"]:
        """One transaction, rolled back at its end; raises what a commit would have raised."""
        with self.engine.connect() as connection, connection.begin() as begun:
            work = Transaction(connection, actor or Actor("unknown"))
            yield work
            work.audit.write()
            connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
            begun.rollback()


class Within(Books):
    """The books as one transaction that is open has them: what comes behind is part of it."""

    def __init__(self, work: "Transaction", engine: Engine) -> None:
        super().__init__(engine)
        self.work = work

    @contextmanager
    def transaction(self, actor: Actor | None = None) -> Iterator["Transaction"]:
        """The open one, which goes on behind the block."""
        yield self.work


class Transaction:
    """All repositories over one database transaction."""

    def __init__(self, connection: Connection, actor: Actor) -> None:
        self.connection = connection
        self.audit = Audit(connection, actor)
        self.attention = Attention(connection)
        self.listings = Listings(connection)
        self.seals = Seals(connection, actor)
        self.market = MarketRecords(connection, self.audit)
        self.queue = Queue(connection, self.audit)
        self.queue_pages = QueuePages(connection)
        self.snapshots = Snapshots(connection)
        self.accounts = Accounts(connection, self.audit, self.queue, self.snapshots)
        self.rebalances = Rebalances(connection, self.audit)
        self.account_states = AccountStates(connection, self.audit, self.queue, self.accounts, self.rebalances)
        self.requests = Requests(connection)
        self.waiting = Waiting(connection)
        self.halts = Halts(connection, self.audit)
        self.epochs = Epochs(connection, self.audit, self.halts)
        self.orders = Orders(connection, self.audit)
        self.desk = DeskLegs(connection, self.audit)
        self.blocks = Blocks(connection, self.audit)
        self.allocations = Allocations(connection, self.audit)
        self.breaks = Breaks(connection, self.audit)
        self.evaluations = Evaluations(connection)
        self.venues = VenueSettings(connection, self.audit)
        self.histories = Histories(connection, self.audit)
        self.signals = ModelSignals(connection, self.audit)
        self.people = People(connection, self.audit)
        self.sessions = Sessions(connection, self.audit)
        self.passkeys = Passkeys(connection, self.audit)
        self.sign_ins = SignIns(connection)
        self.proof = Proof(connection, self.audit)
        self.calls = Calls(connection)
        self.webhooks = Webhooks(connection, self.audit)

    def execute(self, statement: Any, *arguments: Any) -> Any:
        """A statement of a caller with its own tables (the paper venue)."""
        return self.connection.execute(statement, *arguments)
