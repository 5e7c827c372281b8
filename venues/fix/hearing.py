"""What the gateway does with a message that came: each in one transaction, committed before it counts as received."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, case, func, select, text

from storage.schema.fix import fix_messages, fix_sessions
from venues.fix import allocations, books, lease, outbox
from venues.fix.reports import is_answer, report
from venues.fix.sessions import Session
from venues.fix.wire import SOH, Fields, Unreadable

S = fix_sessions.c
# The journal of a report, which is most of what comes.
RECEIVED = text(
    "UPDATE fix.sessions SET heard_at = clock_timestamp(), target_next = CASE WHEN target_next >= :number"
    " THEN greatest(target_next, :number + 1) ELSE target_next END WHERE session = :of"
)
UNKNOWN_ID = "1"  # BusinessRejectReason (380)


@dataclass
class Hearing:
    """Messages of one session, one at a time. `ask` is told which order to ask after, or None for all."""

    engine: Engine
    session: Session
    ask: Callable[[str | None], None]
    changed: threading.Event = field(default_factory=threading.Event)  # a bust, a correction or costs came
    passed_over: threading.Event = field(default_factory=threading.Event)  # one may have been, by a gap fill
    questions: dict[int, str] = field(default_factory=dict)  # number of a 35=H → its OrdStatusReqID, or order

    def message(self, kind: str, raw: str) -> None:
        """One message of the broker."""
        fields = Fields.of(raw)
        do = {
            "8": self._report,
            "9": self._cancel_reject,
            "3": self._reject,
            "j": self._business_reject,
            "4": self._sequence_reset,
            "5": self._logout,
            "P": self._allocation,
            "AS": self._allocation,
            "AK": self._allocation,
        }.get(kind)
        if do is None:
            self._count(kind, fields)
            return
        do(kind, fields, raw)

    def _count(self, kind: str, fields: Fields, **more: Any) -> None:
        with self.engine.begin() as connection:
            self._received(connection, kind, fields, **more)

    def _received(self, connection: Connection, kind: str, fields: Fields, **more: Any) -> None:
        """Journals the number of a message (FIX-7): never one behind which another is missing."""
        number = int(fields.get(34) or 0)
        if kind == "8" and not more:
            connection.execute(RECEIVED, {"of": self.session.session, "number": number})
            return
        following = int(fields.get(36) or 0) if kind == "4" else number + 1
        if kind == "A" and fields.get(141) == "Y":
            more["target_next"] = number + 1
        else:
            more["target_next"] = _reached(number, following)
        lease.note(connection, self.session.session, heard_at=func.clock_timestamp(), **more)

    def _report(self, kind: str, fields: Fields, raw: str) -> None:
        try:
            said = report(fields)
        except Unreadable as flaw:
            self._count(kind, fields, says=f"an execution report can't be read, and was passed over: {flaw}")
            if not is_answer(fields):  # else what can't be read would be asked for again and again
                self.ask(None)
            return
        with self.engine.begin() as connection:
            self._received(connection, kind, fields)
            heard = books.take(connection, self.session, said, raw.replace(SOH, "|"))
            if heard.says is not None:
                lease.note(connection, self.session.session, says=heard.says)
            elif said.unknown and heard.order_id is not None:
                outbox.unknown(connection, self.session, heard.order_id, said.question)
        if heard.new and (said.kind in ("bust", "correction") or said.calculated):
            self.changed.set()
        if heard.ask:
            self.ask(heard.order_id)

    def _cancel_reject(self, kind: str, fields: Fields, raw: str) -> None:
        with self.engine.begin() as connection:
            self._received(connection, kind, fields)
            outbox.not_done(connection, self.session.session, fields.get(11) or "", fields.get(58) or "refused")

    def _reject(self, kind: str, fields: Fields, raw: str) -> None:
        """35=3: the session layer refused a message of ours, by its number."""
        number, what = int(fields.get(45) or 0), fields.get(372)
        told = _words(fields, "the broker's engine refused it (35=3")
        self._refused(kind, fields, told, None, number, what)

    def _business_reject(self, kind: str, fields: Fields, raw: str) -> None:
        """35=j: its gate refused a message of ours, by name or number."""
        number = int(fields.get(45)) if fields.get(45) else None  # type: ignore[arg-type]
        told = _words(fields, f"the broker refused it (35=j, reason {fields.get(380)}")
        self._refused(kind, fields, told, fields.get(379), number, fields.get(372))

    def _refused(
        self, kind: str, fields: Fields, told: str, name: str | None, number: int | None, what: str | None
    ) -> None:
        with self.engine.begin() as connection:
            self._received(connection, kind, fields)
            asked = self.questions.get(number or 0) if what in (None, "H") else None
            if what == "H" and asked is None and name is not None:
                asked = connection.scalar(
                    select(fix_messages.c.order_id).where(
                        fix_messages.c.session == self.session.session, fix_messages.c.name == name
                    )
                )
            if what == "H" or asked is not None:
                if asked is not None and fields.get(380) == UNKNOWN_ID:
                    outbox.unknown(connection, self.session, asked.partition("?")[0], asked)
                elif asked is not None:
                    outbox.unasked(connection, self.session, asked.partition("?")[0])
                lease.note(connection, self.session.session, says=f"a question after an order: {told}")
                return
            if outbox.refused(connection, self.session.session, told, name=name, sequence=number) is None:
                lease.note(connection, self.session.session, says=f"a message ({what or '?'}): {told}")

    def _sequence_reset(self, kind: str, fields: Fields, raw: str) -> None:
        """35=4: messages of the broker are passed over: executions may be among them, and busts (FIX-5)."""
        self._count(kind, fields)
        self.passed_over.set()
        self.ask(None)

    def _logout(self, kind: str, fields: Fields, raw: str) -> None:
        told = fields.get(58)
        self._count(kind, fields, **({"says": f"the broker logged us out: {told}"} if told else {}))

    def _allocation(self, kind: str, fields: Fields, raw: str) -> None:
        with self.engine.begin() as connection:
            self._received(connection, kind, fields)
            allocations.heard(connection, self.session, kind, fields)


def _reached(number: int, following: int) -> Any:
    return case((S.target_next >= number, func.greatest(S.target_next, following)), else_=S.target_next)


def _words(fields: Fields, opening: str) -> str:
    tag = f", tag {fields.get(371)}" if fields.get(371) else ""
    text = f": {fields.get(58)}" if fields.get(58) else ""
    return f"{opening}{tag}){text}"
