"""`python -m venues.fix.paper_broker SESSION`: the paper venue behind a FIX acceptor, for demos, trials and tests.

Listens where the session's file says that the broker is, under the broker's name. It keeps the paper venue's promises
(a repeated ClOrdID is the same order) and its scenario, and reports fills as they come.
"""

import logging
import os
import signal
import sys
import threading
import traceback
from decimal import Decimal
from pathlib import Path
from typing import Any

import quickfix
from sqlalchemy import Engine, select

from domain.values.money import ZERO, plain
from policy.clock import Clock, the_clock
from storage.engine import DATABASE_URL, connect
from storage.schema.execution import paper_orders
from venues.fix.outgoing import SIDES, TYPES
from venues.fix.sessions import Session, SessionRefused, named
from venues.paper import PaperVenue
from venues.port import WORKING, VenueAnswer, VenueOrder, VenueUnreachable

CRASHED = 70
LOOK = 0.1  # seconds between looks at what is open
WORDS = {"WORKING": "0", "FILLED": "2", "PARTIALLY_FILLED": "4", "CANCELED": "4", "EXPIRED": "C", "REJECTED": "8"}
OURS = {code: side for side, code in SIDES.items()}


class PaperBroker(quickfix.Application):  # type: ignore[misc]
    """The broker's side of one session."""

    def __init__(self, session: Session, database: Engine, clock: Clock) -> None:
        super().__init__()
        self.session = session
        self.venue = PaperVenue(database, clock)
        self.database = database
        self.clock = clock
        self.id = quickfix.SessionID(session.version, session.target, session.sender)
        self.accounts = {theirs: account for account, theirs in session.accounts.items()}
        self.symbols = {theirs: symbol for symbol, theirs in session.symbols.items()}
        self.reported: dict[str, tuple[str, Decimal, Decimal, Decimal]] = {}  # order → what was reported last
        self.lock = threading.RLock()

    def onCreate(self, session_id: Any) -> None:
        """Nothing to do."""

    def onLogon(self, session_id: Any) -> None:
        """Nothing to do."""

    def onLogout(self, session_id: Any) -> None:
        """Nothing to do."""

    def toAdmin(self, message: Any, session_id: Any) -> None:
        """Nothing to do."""

    def toApp(self, message: Any, session_id: Any) -> None:
        """Nothing to do."""

    def fromAdmin(self, message: Any, session_id: Any) -> None:
        """Nothing to do."""

    def fromApp(self, message: Any, session_id: Any) -> None:
        """An order, a cancellation or a question."""
        try:
            kind = message.getHeader().getField(35)
            do = {"D": self._order, "F": self._cancel, "H": self._question, "J": self._allocation}.get(kind)
            with self.lock:
                if do is not None:
                    do(message)
                else:
                    self._send("j", {372: kind, 380: "3", 58: "the paper broker does not do that"})
        except BaseException:
            traceback.print_exc(file=sys.stderr)
            sys.stderr.flush()
            os._exit(CRASHED)

    def look(self) -> None:
        """Reports what became of open orders since."""
        with self.lock:
            for name, (status, *_) in list(self.reported.items()):
                if status == WORKING:
                    order = self._known(name)
                    if order is not None:
                        self._report(order, self.venue.look(order))

    def _order(self, message: Any) -> None:
        if message.getField(40) != TYPES["limit"]:
            self._send("j", self._about(message) | {380: "0", 58: "the paper broker takes limit orders only"})
            return
        order = VenueOrder(
            message.getField(11),
            self.accounts.get(message.getField(1), message.getField(1)),
            OURS[message.getField(54)],  # type: ignore[arg-type]
            self.symbols.get(message.getField(55), message.getField(55)),
            Decimal(message.getField(38)),
            Decimal(message.getField(44)),
        )
        if self._known(order.client_order_id) is not None:
            self._execution(
                order, VenueAnswer("REJECTED", Decimal(0), Decimal(0), "duplicate order"), {150: "8", 103: "6"}
            )
            return
        try:
            answers = self.venue.submit(order)
        except VenueUnreachable:  # its scenario loses this one, or the answer to it: nothing is said, and it is asked
            return
        self._execution(order, VenueAnswer(WORKING, Decimal(0), Decimal(0)), {150: "0"})
        self._report(order, answers)

    def _cancel(self, message: Any) -> None:
        name, order = message.getField(11), self._known(message.getField(41))
        if order is None:
            self._send(
                "9", {37: "NONE", 11: name, 41: message.getField(41), 39: "8", 434: "1", 102: "1", 58: "unknown order"}
            )
            return
        before = self.venue.look(order)[-1]
        if before.status != WORKING:
            why = {434: "1", 102: "0", 58: "too late to cancel"}
            known = {37: name, 11: name, 41: order.client_order_id, 39: WORDS[before.status]}
            self._send("9", known | why)
            self._report(order, [before])
            return
        self._report(order, self.venue.cancel(order), {11: name, 41: order.client_order_id})

    def _question(self, message: Any) -> None:
        order = self._known(message.getField(11))
        asked = {150: "I", 17: "0"} | ({790: message.getField(790)} if message.isSetField(790) else {})
        if order is None:
            told = VenueOrder(message.getField(11), "", "buy", message.getField(55), Decimal(0), Decimal(0))
            self._execution(told, VenueAnswer("REJECTED", Decimal(0), Decimal(0), "unknown order"), asked | {103: "5"})
            return
        answer = self.venue.look(order)[-1]
        if message.getField(11) not in self.reported:  # a run before this one may not have got round to its fills
            self._report(order, [answer])
        self._execution(order, answer, asked)

    def _allocation(self, message: Any) -> None:
        """Every instruction is received, then accepted."""
        for status in ("3", "0"):
            self._send("P", {70: message.getField(70), 87: status, 60: self._now()})

    def _report(self, order: VenueOrder, answers: Any, more: dict[int, str] | None = None) -> None:
        for answer in answers:
            now = (answer.status, answer.filled_quantity, answer.filled_amount, answer.costs)
            before = self.reported.get(order.client_order_id, (WORKING, ZERO, ZERO, ZERO))
            self.reported[order.client_order_id] = now
            if now == before and not more:
                continue
            step = answer.filled_quantity - before[1]
            if step:
                part = VenueAnswer("FILLED" if answer.status == "FILLED" else WORKING, *now[1:3])
                money = {150: "F", 32: plain(step), 31: plain((answer.filled_amount - before[2]) / step)}
                if answer.costs != before[3]:
                    money |= {12: plain(answer.costs - before[3]), 13: "3"}
                self._execution(order, part, money)
                if answer.status in ("FILLED", WORKING):
                    continue
            if answer.status != WORKING:
                self._execution(order, answer, {150: WORDS[answer.status]} | (more or {}))

    def _execution(self, order: VenueOrder, answer: VenueAnswer, more: dict[int, str]) -> None:
        cumulative, status = answer.filled_quantity, WORDS[answer.status]
        average = answer.filled_amount / cumulative if cumulative else Decimal(0)
        fields = {
            1: self.session.accounts.get(order.account_id, order.account_id),
            6: plain(average),
            11: order.client_order_id,
            14: plain(cumulative),
            17: f"{order.client_order_id}:{plain(cumulative)}:{status}{more.get(150, '')}",
            37: order.client_order_id,
            38: plain(order.quantity),
            39: "1" if status == "0" and cumulative else status,
            54: SIDES[order.side],
            55: self.session.symbols.get(order.symbol, order.symbol),
            60: self._now(),
            151: plain(order.quantity - cumulative if answer.status == WORKING else Decimal(0)),
        }
        if answer.reason:
            fields[58] = answer.reason
        if answer.traded_on:
            fields[75] = f"{answer.traded_on:%Y%m%d}"
        if self.session.version == "FIX.4.2":
            fields[20] = "3" if more.get(150) == "I" else "0"
            more = {tag: ("2" if answer.status == "FILLED" else "1") if (tag, value) == (150, "F") else value
                    for tag, value in more.items()}  # fmt: skip
            if more.get(150) == "I":
                more[150] = fields[39]
        self._send("8", fields | more)

    def _known(self, name: str) -> VenueOrder | None:
        with self.database.connect() as connection:
            row = connection.execute(select(paper_orders).where(paper_orders.c.client_order_id == name)).one_or_none()
        return None if row is None else VenueOrder(name, row.account_id, row.side, row.symbol, row.quantity, row.price)

    def _about(self, message: Any) -> dict[int, str]:
        """Which message of theirs a refusal is about."""
        return {45: message.getHeader().getField(34), 372: message.getHeader().getField(35), 379: message.getField(11)}

    def _now(self) -> str:
        return self.clock.now().strftime("%Y%m%d-%H:%M:%S.%f")[:-3]

    def _send(self, kind: str, fields: dict[int, str]) -> None:
        message = quickfix.Message()
        message.getHeader().setField(35, kind)
        for tag, value in fields.items():
            if value:  # a tag without a value is refused by whoever hears it
                message.setField(tag, value)
        quickfix.Session.sendToTarget(message, self.id)


def acceptor(broker: PaperBroker, store: Path) -> Any:
    """The listening side, which is to be kept, started and stopped."""
    session = broker.session
    dictionary, settings = quickfix.Dictionary(), quickfix.SessionSettings()
    told = {
        "ConnectionType": "acceptor",
        "SocketAcceptPort": session.port,
        "SocketReuseAddress": "Y",
        "SocketNodelay": "Y",
        "FileStorePath": store,
        "DataDictionary": session.dictionary_path,
        "UseDataDictionary": "Y",
        "AllowUnknownMsgFields": "Y",
        "ValidateFieldsOutOfOrder": "N",
        "CheckLatency": "N",
        "NonStopSession": "Y",
    }
    for key, value in told.items():
        dictionary.setString(key, str(value))
    settings.set(broker.id, dictionary)
    broker.store = quickfix.FileStoreFactory(str(store))
    broker.settings = settings
    return quickfix.ThreadedSocketAcceptor(broker, broker.store, settings)


def main(arguments: list[str]) -> int:
    """Runs until it is told to stop."""
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        session = named(arguments[0])
    except (SessionRefused, IndexError) as flaw:
        print(f"paper broker: {flaw}", file=sys.stderr)  # noqa: T201
        return 1
    broker = PaperBroker(session, connect(os.environ[DATABASE_URL]), the_clock())
    store = session.store / "broker"
    store.mkdir(parents=True, exist_ok=True)
    listening = acceptor(broker, store)
    stop = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    listening.start()
    logging.getLogger("fix").info("the paper broker listens at %s", session.port)
    while not stop.wait(LOOK):
        broker.look()
    listening.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
