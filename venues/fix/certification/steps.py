"""The steps of a certification: each does one thing, and says in a sentence what was seen, or what was not."""

import itertools
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Engine, select

from domain.values.money import plain
from storage.actor import Actor
from storage.connection import Books
from storage.schema.fix import fix_executions, fix_messages, fix_orders, fix_sessions
from venues.fix import standing
from venues.fix.adapter import FixVenue
from venues.fix.certification.tap import Tap, until
from venues.fix.sessions import Session, Trial
from venues.fix.wire import Fields
from venues.port import WORKING, VenueOrder

T = TypeVar("T")
WAIT = 30.0  # seconds for what a broker answers at once
WHO = "certification"


class Failed(Exception):
    """Something did not happen, in a sentence."""


class LeftOut(Exception):
    """A step that this session has no use for, and why."""


@dataclass(frozen=True, slots=True)
class Result:
    """A step's outcome: passed, failed or left out."""

    step: str
    outcome: str
    seen: str


class Run:
    """One certification: the session as its gateway has it, and what passes on its wire."""

    def __init__(self, session: Session, database: Engine, tap: Tap) -> None:
        self.session = session
        self.database = database
        self.tap = tap
        self.venue = FixVenue(database, session)
        self.pause = session.heartbeat
        self._names = (f"C-{secrets.token_hex(3)}-{number:03d}" for number in itertools.count(1))

    def results(self) -> Iterator[Result]:
        """Every step, one after the other; what can't go on without the logon ends with it."""
        for title, step in STEPS:
            try:
                yield Result(title, "passed", step(self))
            except Failed as flaw:
                yield Result(title, "failed", str(flaw))
                if step is logon:
                    return
            except LeftOut as why:
                yield Result(title, "left out", str(why))

    # --- what steps are made of --------------------------------------------------------------------------------------

    def await_(self, what: str, found: Callable[[], T | None], seconds: float = WAIT) -> T:
        """What is found. Raises Failed."""
        got = until(found, seconds)
        if not got:
            raise Failed(f"{what} did not come within {seconds:.0f} seconds{self._trouble()}")
        return got

    def heard(self, mark: int, kind: str, **tags: str) -> Fields | None:
        """A message of the broker since a mark, with these tags (`t112="x"`)."""
        return next((each for each in self.tap.since(mark, "theirs", kind) if _has(each, tags)), None)

    def said(self, mark: int, kind: str, **tags: str) -> Fields | None:
        """A message of ours since a mark."""
        return next((each for each in self.tap.since(mark, "ours", kind) if _has(each, tags)), None)

    @property
    def mark(self) -> int:
        """Where the wire is now."""
        return len(self.tap.passed)

    def trial(self, which: str) -> VenueOrder:
        """An order of the session's certification, under a new name. Raises LeftOut."""
        told: Trial | None = getattr(self.session.certification, which)
        if told is None:
            raise LeftOut(f"certification.{which} of {self.session.session}.yaml names no order for it")
        account = self.session.certification.account
        return VenueOrder(next(self._names), account, told.side, told.symbol, told.quantity, told.price)

    def submitted(self, which: str) -> VenueOrder:
        """The same, handed over and acknowledged, or refused."""
        order = self.trial(which)
        mark = self.mark
        self.venue.submit(order)
        self.await_("the order's way to the wire", lambda: self.said(mark, "D", t11=order.client_order_id))
        self.await_("an answer to the order", lambda: self.row(order).said or None)
        return order

    def row(self, order: VenueOrder) -> Any:
        """How an order stands; `said`: the broker said something of it."""
        messages = select(fix_messages.c.state == "ANSWERED").where(
            fix_messages.c.order_id == fix_orders.c.client_order_id, fix_messages.c.kind == "D"
        )
        with self.database.connect() as connection:
            return connection.execute(
                select(fix_orders, messages.scalar_subquery().label("said")).where(
                    fix_orders.c.client_order_id == order.client_order_id
                )
            ).one()

    def ended(self, order: VenueOrder, *statuses: str, seconds: float = WAIT) -> Any:
        """The order's last word, one of these. Raises Failed."""
        row = self.await_(f"the last word of {order.client_order_id}", lambda: self._last(order), seconds)
        if row.status not in statuses:
            why = f": {row.reason}" if row.reason else ""
            raise Failed(f"{order.client_order_id} ended {row.status}, and {' or '.join(statuses)} was expected{why}")
        return row

    def executions(self, order: VenueOrder) -> int:
        """The fills of an order that were heard."""
        which = select(fix_executions.c.exec_id).where(fix_executions.c.order_id == order.client_order_id)
        with self.database.connect() as connection:
            return len(connection.execute(which).all())

    def logged_on(self) -> bool:
        """True where the gateway says so."""
        with self.database.connect() as connection:
            return bool(connection.scalar(select(fix_sessions.c.logged_on)))

    def wish(self, wish: standing.Wish | None) -> None:
        """What `rebalancer fix logout`, `logon` and `reset` ask for."""
        with Books(self.database).transaction(Actor(WHO)) as work:
            standing.want(work, self.session.session, wish, "certification")

    def _last(self, order: VenueOrder) -> Any:
        row = self.row(order)
        return None if row.status == WORKING else row

    def _trouble(self) -> str:
        with self.database.connect() as connection:
            says = connection.scalar(select(fix_sessions.c.says))
        return f"; the gateway says: {says}" if says else ""


def _has(fields: Fields, tags: dict[str, str]) -> bool:
    return all(fields.get(int(tag[1:])) == value for tag, value in tags.items())


# --- the session ---------------------------------------------------------------------------------------------------


def logon(run: Run) -> str:
    """Both Logons pass, numbers at 1."""
    run.await_("our Logon", lambda: run.said(0, "A"))
    answer = run.await_("the broker's Logon", lambda: run.heard(0, "A"))
    run.await_("the session", run.logged_on)
    return (
        f"both Logons, ours with 141=Y; the broker's is number {answer.get(34)}, heartbeats every {answer.get(108)} s"
    )


def heartbeats(run: Run) -> str:
    """Both sides, with nothing else to say."""
    mark = run.mark
    run.await_("a heartbeat of ours", lambda: run.said(mark, "0"), run.pause * 2 + 5)
    run.await_("a heartbeat of the broker", lambda: run.heard(mark, "0"), run.pause * 2 + 5)
    return f"one of each side within {run.pause * 2} seconds"


def test_request(run: Run) -> str:
    """Its heartbeats are kept from us until we ask whether it is there."""
    mark = run.mark
    run.tap.swallow("theirs", "0", None)
    try:
        asked = run.await_("our TestRequest", lambda: run.said(mark, "1"), run.pause * 4 + 5)
    finally:
        run.tap.let()
    name = asked.get(112) or ""

    def answer() -> Fields | None:
        both = (each for kept in (False, True) for each in run.tap.since(mark, "theirs", "0", swallowed=kept))
        return next((each for each in both if each.get(112) == name), None)

    run.await_("the Heartbeat that answers it", answer)
    run.await_("the session, up again", run.logged_on)
    return f'silence for more than {run.pause} s: we asked (35=1, 112={name}), and "{name}" came back'


def our_gap(run: Run) -> str:
    """A heartbeat of ours is lost: the broker asks, and we fill the gap."""
    mark = run.mark
    run.tap.swallow("ours", "0")
    lost = run.await_("a heartbeat to lose", lambda: next(run.tap.since(mark, "ours", "0", swallowed=True), None),
                      run.pause * 2 + 5)  # fmt: skip
    number = int(lost.get(34) or 0)
    asked = run.await_("the broker's ResendRequest", lambda: run.heard(mark, "2"), run.pause * 3 + 5)
    run.await_("our SequenceReset", lambda: run.said(mark, "4", t123="Y"))
    return f"our {number} was lost: the broker asked from {asked.get(7)}, and we filled the gap (35=4, 123=Y)"


def their_gap(run: Run) -> str:
    """The acknowledgement of an order is lost: we ask, and the order ends as it should."""
    order = run.trial("fills")
    mark = run.mark
    run.tap.swallow("theirs", "8")
    run.venue.submit(order)
    lost = run.await_("a report to lose", lambda: next(run.tap.since(mark, "theirs", "8", swallowed=True), None))
    asked = run.await_("our ResendRequest", lambda: run.said(mark, "2"), run.pause * 3 + 5)

    def again_() -> Fields | None:
        return run.heard(mark, "8", t43="Y") or run.heard(mark, "4", t123="Y")

    again = run.await_("what was lost, once more, or its gap filled", again_)
    run.ended(order, "FILLED")
    how = "sent it again (43=Y)" if again.get(43) == "Y" and again.get(35) == "8" else "filled the gap"
    return f"its {lost.get(34)} was lost: we asked from {asked.get(7)}, it {how}, and the order is FILLED"


def cut(run: Run) -> str:
    """The connection breaks with an order open: we log on again, ask after it, and it is there once."""
    order = run.submitted("rests")
    mark = run.mark
    run.tap.cut()
    run.await_("our Logon", lambda: run.said(mark, "A"), run.session.reconnect * 3 + 30)
    run.await_("the session", lambda: run.heard(mark, "A") and run.logged_on(), 30)
    told = "is as it was"
    if run.session.rules.answers_status:
        run.await_("our question after it", lambda: run.said(mark, "H", t11=order.client_order_id))
        run.await_("its answer", lambda: run.heard(mark, "8", t11=order.client_order_id))
        told = "was asked after (35=H) and answered"
    if run.said(mark, "D") is not None:
        raise Failed("an order was sent again after the connection broke")
    run.venue.cancel(order)
    run.ended(order, "CANCELED")
    return f"logged on again without a reset; the open order {told}, and was not sent twice"


def reset(run: Run) -> str:
    """As agreed with the desk: both numbers begin at 1."""
    mark = run.mark
    run.wish("reset")
    ours = run.await_("our Logon with 141=Y", lambda: run.said(mark, "A", t141="Y"))
    theirs = run.await_("the broker's Logon", lambda: run.heard(mark, "A"))
    if theirs.get(34) != "1":
        raise Failed(f"we began at {ours.get(34)}, and the broker went on with {theirs.get(34)}: it has to reset too")
    run.await_("the session", run.logged_on)
    return "Logon with 141=Y; both sides began at 1"


def logout(run: Run) -> str:
    """In order, and it stays out."""
    mark = run.mark
    run.wish("logout")
    run.await_("our Logout", lambda: run.said(mark, "5"))
    run.await_("the broker's Logout", lambda: run.heard(mark, "5"))
    run.await_("the end of the session", lambda: not run.logged_on())
    return "both Logouts; nothing was sent after them"


# --- orders --------------------------------------------------------------------------------------------------------


def fills(run: Run) -> str:
    """A new order, acknowledged and filled."""
    order = run.submitted("fills")
    row = run.ended(order, "FILLED")
    return f"{_words(order)}: acknowledged, FILLED for {plain(row.filled_amount)} on {row.traded_on}"


def parts(run: Run) -> str:
    """An order that is filled in several parts."""
    order = run.submitted("parts")
    row = run.ended(order, "FILLED", seconds=WAIT * 2)
    heard = run.executions(order)
    if heard < 2:
        raise Failed(f"it was filled in {heard} part: certification.parts should name an order that takes several")
    return f"{_words(order)}: {heard} executions, FILLED for {plain(row.filled_amount)}, which is their sum"


def rejected(run: Run) -> str:
    """An order that the broker refuses."""
    order = run.submitted("rejected")
    row = run.ended(order, "REJECTED")
    return f"{_words(order)}: REJECTED, {row.reason or 'without a reason'}"


def canceled(run: Run) -> str:
    """An order that rests, cancelled."""
    order = run.submitted("rests")
    run.venue.cancel(order)
    run.ended(order, "CANCELED", "PARTIALLY_FILLED")
    return f"{_words(order)}: rested, 35=F, CANCELED"


def reduced(run: Run) -> str:
    """An order that rests, made smaller (35=G), then cancelled."""
    if not run.session.rules.replaces:
        raise LeftOut("rules.replaces is false")
    order = run.submitted("rests")
    to = order.quantity // 2
    if not to:
        raise LeftOut("certification.rests is too small to be halved")
    run.venue.reduce(order, to)
    decided = run.await_("an answer to 35=G", lambda: {True: "yes", False: "no"}.get(run.venue.reduction(order, to)))  # type: ignore[arg-type]
    if decided == "no":
        raise Failed("the broker refused the reduction")
    run.venue.cancel(order)
    run.ended(order, "CANCELED", "PARTIALLY_FILLED")
    return f"{_words(order)}: reduced to {plain(to)}, confirmed, then cancelled under its new name"


def _words(order: VenueOrder) -> str:
    return f"{order.side} {plain(order.quantity)} {order.symbol}"


STEPS: tuple[tuple[str, Callable[[Run], str]], ...] = (
    ("logon", logon),
    ("heartbeats", heartbeats),
    ("test request", test_request),
    ("new order, filled", fills),
    ("partial fills", parts),
    ("reject", rejected),
    ("cancel", canceled),
    ("reduce (35=G)", reduced),
    ("gap of ours: resend request", our_gap),
    ("gap of theirs: resend", their_gap),
    ("connection lost with an order open", cut),
    ("sequence reset", reset),
    ("order after the reset", fills),
    ("logout", logout),
)
