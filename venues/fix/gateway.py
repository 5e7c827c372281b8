"""The gateway of one session: holds its lease, owns its socket, sends what is in the outbox, writes down what comes.

waits for the lease ──► restores the numbers ──► logs on ──► asks after each open order ──► sends and hears
"""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
from sqlalchemy import Engine as Database
from sqlalchemy import func

from domain.values.rules import Rule
from policy.clock import Clock, machine_now
from storage.actor import Actor
from storage.connection import Books
from venues.fix import afterwards, books, lease, outbox, outgoing
from venues.fix.engine import Engine, numbers, renumber
from venues.fix.hearing import Hearing
from venues.fix.lease import RENEW, Lease, Taken
from venues.fix.numbers import expected, going_on
from venues.fix.sessions import Session
from venues.fix.wire import Fields, Outgoing
from venues.pacing import Turns
from venues.port import VenueBusy, VenueOrder

FIX_5 = Rule(
    "FIX-5",
    "After every logon and every gap fill of the broker each open order is asked after; after a gap fill also what was "
    "filled that day, as a bust may have been passed over.",
)
WHO = "fix gateway"
LOOK = 0.25  # seconds between looks where nobody wakes it
LOOK_BACK = 60.0  # seconds between looks at fills that were changed behind an order's last word
BACK = timedelta(days=5)  # so old a fill is
SILENCE = 1.0  # seconds between looks at what was not answered of
ASK_AGAIN = 10.0  # seconds after which what was not answered of is asked after, then twice as long
log = logging.getLogger("fix")


class Gateway:
    """One run of a session's gateway."""

    def __init__(self, session: Session, database: Database, clock: Clock) -> None:
        self.session = session
        self.database = database
        self.books = Books(database)
        self.clock = clock
        self.lease = Lease.wanted(session.session)
        self.turns = Turns(session.venue, database)
        self.hearing = Hearing(database, session, self._wanted)
        self.stopping = threading.Event()
        self._up = False
        self._refused = False  # something of the broker's, since the logon
        self._asking: set[str | None] = set()
        self._lock = threading.Lock()
        self._look_back_at = 0.0
        self._renewed = float("-inf")  # when the lease was
        self._renumber: int | None = None
        self._marked: dict[str, int] = {}  # ClOrdID or AllocID → the number that it is marked to go out under
        self._looked_at_silence = float("-inf")
        self._asked: dict[str, tuple[float, float]] = {}  # order → when it may be asked after again, and the pause then

    # --- told by the engine, in its threads --------------------------------------------------------------------------

    def logged_on(self) -> None:
        """The session is up: everything open is asked after (FIX-5)."""
        with self.database.begin() as connection:
            lease.note(connection, self.session.session, logged_on=True, logged_on_at=func.clock_timestamp(), says=None)
            outbox.again(connection, self.session.session)
        self._asked.clear()
        self._refused = False
        self._wanted(None)
        self._up = True
        log.info("%s is logged on", self.session.session)

    def logged_out(self) -> None:
        """The session is down."""
        self._up = False
        with self.database.begin() as connection:
            lease.note(connection, self.session.session, logged_on=False)
        log.info("%s is logged out", self.session.session)

    def sending(self, kind: str, raw: str) -> bool:
        """Journals the number of what goes out; what the engine would repeat by itself is kept back."""
        fields = Fields.of(raw)
        if fields.get(43) == "Y" and kind in "DFGHJ":
            return False
        number = int(fields.get(34) or 0)
        name = fields.get(70) if kind == "J" else fields.get(11)
        if self._marked.pop(name or "", None) == number:
            return True  # as it was marked; the journal follows with the batch
        anew: dict[str, Any] = {"numbered_since": machine_now(), "target_next": 1} if number == 1 else {}
        if kind == "4":
            return True  # fills a gap under old numbers
        if kind == "3":
            self._refusing(fields)
        with self.database.begin() as connection:
            lease.note(connection, self.session.session, sender_next=number + 1, **anew)
            if anew:
                outbox.not_numbered(connection, self.session.session, 1)
            if kind in ("D", "F", "G", "J"):
                outbox.numbered(connection, self.session.session, name or "", number)
        if kind == "H":
            self.hearing.questions[number] = fields.get(790) or self._about(fields.get(11) or "")
        return True

    def _about(self, name: str) -> str:
        """The order that a ClOrdID of ours names."""
        with self.database.connect() as connection:
            return books.named(connection, self.session.session, [name]) or name

    def _refusing(self, fields: Fields) -> None:
        """The engine can't read a message of the broker, and counts it as received: what it told is asked after.

        Once a logon, as the answer may be what can't be read.
        """
        tag = f", tag {fields.get(371)}" if fields.get(371) else ""
        what = f"a {fields.get(372)} of the broker (number {fields.get(45)}{tag}) can't be read, and was refused"
        says = f"{what}: {fields.get(58)}: compare the session's dictionary with theirs"
        with self.database.begin() as connection:
            lease.note(connection, self.session.session, says=says)
        log.warning("%s: %s", self.session.session, says)
        if not self._refused:
            self._refused = True
            self._wanted(None)

    def heard(self, kind: str, raw: str) -> None:
        """What came is committed when this returns (FIX-3)."""
        self.hearing.message(kind, raw)
        if kind == "5":
            with self.database.connect() as connection:
                row = lease.standing(connection, self.session.session)
            wanted = expected(Fields.of(raw).get(58), row.sender_next if row else 1)
            self._renumber = wanted or self._renumber

    # --- the loop ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Works until it is told to stop. Raises LeaseLost, and whatever the database raises."""
        taken = self._held()
        if taken is None or not self._looked_at(taken):
            return
        with self._listening() as wake:
            while not self.stopping.is_set():
                if not self._invited():
                    time.sleep(LOOK)
                    continue
                self._session(taken, wake)
                with self.database.begin() as connection:
                    self.lease.renew(connection)
                    again = self.lease.take(connection)
                assert again is not None
                taken = again
        with self.database.begin() as connection:
            self.lease.give_back(connection)

    def _session(self, taken: Taken, wake: "Wake") -> None:
        """From the restored numbers to the end of the connection."""
        reset = self._restore(taken)
        engine = Engine(self.session, self, dict(os.environ), reset=reset)
        engine.start()
        while not self.stopping.is_set() and self._renumber is None:
            if self._keep() and (not self._invited() or self._reset_wanted()):
                break
            busy = self._up and self._work(engine)
            if not busy:
                wake.wait(LOOK)
        engine.stop()  # in order only: who must not go on says nothing more
        self._up = False

    def _keep(self) -> bool:
        """Renews the lease where it is time, also in the middle of long work. True where it did. Raises LeaseLost."""
        if time.monotonic() - self._renewed < RENEW:
            return False
        with self.database.begin() as connection:
            self.lease.renew(connection)
        self._renewed = time.monotonic()
        return True

    def _work(self, engine: Engine) -> bool:
        """One round: questions first, then what is in the outbox. True where there may be more at once."""
        self._ask(engine)
        self._look_back()
        return self._send(engine)

    def _send(self, engine: Engine) -> bool:
        """Marks what is due, commits, and hands it over while nobody can halt (FIX-2, and the kill switch)."""
        limit = outbox.BATCH
        try:
            with self.database.connect() as connection:
                waiting = outbox.due(connection, self.session.session)
            if not waiting:
                return False
            if "D" in waiting and self.turns.limited():
                limit = 1
        except VenueBusy:
            return False
        with self.books.transaction(Actor(WHO)) as transaction:
            halted = transaction.halts.told() is not None
            marked = outbox.mark(
                transaction.connection, self.session, self.lease, halted=halted, first=engine.next_number(), limit=limit
            )
        if not marked:
            return False
        self._marked = {each.name: each.sequence for each in marked}
        with self.books.transaction(Actor(WHO)) as transaction:  # the switch stays as it is until all are handed over
            halted = transaction.halts.hold() is not None
            back = [each.number for each in marked if halted and each.kind in outbox.SENDING]
            outbox.take_back(transaction.connection, back)
            for each in marked:
                self._keep()
                if each.number not in back:
                    engine.send(self._dated(Outgoing.kept(each.kind, each.body), again=each.times > 1))
            lease.sent(transaction.connection, self.session.session, engine.next_number())
        return not back

    def _look_back(self) -> None:
        """Breaks for what the broker changed of orders that had their last word; the worker may be about to note it."""
        if not self.hearing.changed.is_set() and time.monotonic() < self._look_back_at:
            return
        self.hearing.changed.clear()
        self._look_back_at = time.monotonic() + LOOK_BACK
        with self.books.transaction(Actor(WHO)) as transaction:
            since = self.clock.now().date() - BACK
            for number in afterwards.look(transaction, self.session.session, since):
                log.warning("%s changed a fill that was written down: break %s", self.session.session, number)
            for number in afterwards.differing(transaction, self.session.session, since):
                log.warning("%s has another allocation than was booked: break %s", self.session.session, number)
            if marked := afterwards.mark(transaction, self.session.session, since):
                log.warning("%s changed fills of %s orders of blocks", self.session.session, marked)

    def _ask(self, engine: Engine) -> None:
        """Asks after what has to be asked after, and after what was handed over and not answered of for a while."""
        with self._lock:
            asked, self._asking = self._asking, set()
        if not self.session.rules.answers_status:
            if None in asked:
                self._doubts()
            return
        now = time.monotonic()
        if not asked and now - self._looked_at_silence < SILENCE:
            return
        self._looked_at_silence = now
        filled_on = self.clock.today() if None in asked and self.hearing.passed_over.is_set() else None
        if None in asked:
            self.hearing.passed_over.clear()
        named = [each for each in asked if each is not None]
        with self.database.connect() as connection:
            rows = books.open_orders(
                connection, self.session.session, unanswered=not asked, named=named, filled_on=filled_on
            )
        for row in rows:
            self._keep()  # a thousand questions take longer than the lease
            name = row.client_order_id
            due, pause = self._asked.get(name, (0.0 if asked else now + ASK_AGAIN, ASK_AGAIN))
            if None in asked or name in asked or now >= due:
                self._asked[name] = (now + pause, pause * 2)
                order = VenueOrder(name, row.account_id, row.side, row.symbol, row.quantity, row.price)
                engine.send(outgoing.question(self.session, order, row.name, f"{name}?{row.times}"))
            else:
                self._asked.setdefault(name, (due, pause))

    def _doubts(self) -> None:
        """Where the broker takes no questions, what it has not answered of is a person's to clear up."""
        with self.database.begin() as connection:
            for row in outbox.unanswered(connection, self.session.session):
                if row.kind == "D" and row.order_id:
                    outbox.unasked(connection, self.session, row.order_id)

    def _wanted(self, order_id: str | None) -> None:
        with self._lock:
            self._asking.add(order_id)

    def _dated(self, message: Outgoing, *, again: bool) -> Outgoing:
        fields = {**message.fields, 60: self.clock.now().strftime("%Y%m%d-%H:%M:%S")}
        return Outgoing(message.kind, fields | {97: "Y"} if again else fields, message.groups)

    # --- who holds it, and from where it goes on ---------------------------------------------------------------------

    def _held(self) -> Taken | None:
        """Waits until the session is ours; None where it is told to stop before."""
        told = False
        while not self.stopping.is_set():
            with self.database.begin() as connection:
                taken = self.lease.take(connection)
            if taken is not None:
                return taken
            if not told:
                log.info("%s is held by another gateway: waiting", self.session.session)
                told = True
            self.stopping.wait(1.0)
        return None

    def _looked_at(self, taken: Taken) -> bool:
        """Says nothing to the broker from a restored or copied database until somebody has looked, and resumed."""
        told = False
        while not self.stopping.is_set():
            with self.books.transaction(Actor(WHO)) as transaction:
                epoch = transaction.epochs.current()
                halted = transaction.halts.told()
                held = taken.epoch is not None and taken.epoch != epoch and halted is not None
                self.lease.renew(transaction.connection)
                says = f"a new epoch, {epoch}, and {halted}: nothing is said to the broker before it is resumed"
                values = {"says": says} if held else {"epoch": epoch}
                lease.note(transaction.connection, self.session.session, **values)
            if not held:
                return True
            if not told:
                log.warning("%s: %s", self.session.session, says)
                told = True
            self.stopping.wait(1.0)
        return False

    def _restore(self, taken: Taken) -> bool:
        """Writes the engine's numbers where they are not what the journal says; True where the session begins anew."""
        ours, self._renumber = self._renumber, None
        self.session.store.mkdir(parents=True, exist_ok=True)
        if self._reset_wanted():
            renumber(self.session, 1, 1, machine_now())
            with self.database.begin() as connection:
                lease.note(connection, self.session.session, sender_next=1, target_next=1, wanted=None, wanted_by=None)
                outbox.not_numbered(connection, self.session.session, 1)
            log.warning("%s begins anew at 1, as it was asked to", self.session.session)
            return True
        found = going_on(numbers(self.session), (taken.sender_next, taken.target_next), in_order=taken.in_order)
        if ours is not None and ours > found.ours:
            found = type(found)(ours, found.theirs, True)
        if found.restored:
            log.warning("%s goes on at %s, and expects %s", self.session.session, found.ours, found.theirs)
            renumber(self.session, found.ours, found.theirs, taken.numbered_since)
        with self.database.begin() as connection:
            outbox.not_numbered(connection, self.session.session, found.ours)
        return False

    def _standing(self) -> Any:
        with self.database.connect() as connection:
            return lease.standing(connection, self.session.session)

    def _invited(self) -> bool:
        """False while an operator wants it logged out. Keeps the lease meanwhile."""
        row = self._standing()
        if row is not None and row.wanted == "logout":
            with self.database.begin() as connection:
                self.lease.renew(connection)
            return False
        return True

    def _reset_wanted(self) -> bool:
        row = self._standing()
        return row is not None and row.wanted == "reset"

    @contextmanager
    def _listening(self) -> Iterator["Wake"]:
        url = self.database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True, application_name=f"fix-{self.session.session}") as connection:
            connection.execute("LISTEN fix_outbox")
            yield Wake(connection)


class Wake:
    """Waits until somebody put something into the outbox."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.connection = connection

    def wait(self, seconds: float) -> None:
        """Waits so long at most."""
        for _ in self.connection.notifies(timeout=seconds, stop_after=1):
            return
