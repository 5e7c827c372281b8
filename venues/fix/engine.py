"""QuickFIX, kept at arm's length: its settings, its files, and callbacks that never let an exception pass.

Only the `Threaded…` classes are used: the others never connect again after a broker's Logout, and crash when they are
stopped. An exception in a callback would leave a live process with a dead session: so whatever is caught there ends
the process with 70, and the broker sends again what was not committed.
"""

import os
import sys
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from policy.clock import machine_now
from venues.fix.sessions import Session
from venues.fix.wire import GROUPS, Outgoing

NOT_INSTALLED = "FIX needs QuickFIX, which is an extra of its own: pip install 'rebalancer[fix]'"
CRASHED = 70  # EX_SOFTWARE
STAMP = "%Y%m%d-%H:%M:%S"

try:
    import quickfix
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(NOT_INSTALLED) from missing

INITIATORS = {"plain": "ThreadedSocketInitiator", "tls": "ThreadedSSLSocketInitiator"}


class Listener(Protocol):
    """Who is told what happens on a session; each in a thread of the engine, messages in their order."""

    def logged_on(self) -> None:
        """The broker's Logon came."""

    def logged_out(self) -> None:
        """The session is down, whoever ended it."""

    def sending(self, kind: str, raw: str) -> bool:
        """A message is about to go out under its number; False keeps it back."""
        ...

    def heard(self, kind: str, raw: str) -> None:
        """A message came; when this returns, it counts as received."""


class Guarded(quickfix.Application):  # type: ignore[misc]
    """The callbacks of one session."""

    def __init__(self, listener: Listener, secrets: dict[int, str]) -> None:
        super().__init__()
        self.listener = listener
        self.secrets = secrets

    def onCreate(self, session_id: Any) -> None:
        """Nothing to do: the numbers were restored before."""

    def onLogon(self, session_id: Any) -> None:
        """Tells the listener."""
        _or_die(self.listener.logged_on)

    def onLogout(self, session_id: Any) -> None:
        """Tells the listener."""
        _or_die(self.listener.logged_out)

    def toAdmin(self, message: Any, session_id: Any) -> None:
        """A session message goes out; a Logon with what it needs to be let in."""

        def tell() -> None:
            kind = message.getHeader().getField(35)
            if kind == "A":
                for tag, value in self.secrets.items():
                    message.setField(tag, value)
            self.listener.sending(kind, message.toString())

        _or_die(tell)

    def toApp(self, message: Any, session_id: Any) -> None:
        """A message of ours goes out; what the engine would repeat by itself does not, the outbox repeats."""
        if not _or_die(lambda: self.listener.sending(message.getHeader().getField(35), message.toString())):
            raise quickfix.DoNotSend

    def fromAdmin(self, message: Any, session_id: Any) -> None:
        """A session message came."""
        _or_die(lambda: self.listener.heard(message.getHeader().getField(35), message.toString()))

    def fromApp(self, message: Any, session_id: Any) -> None:
        """A message of the broker came."""
        _or_die(lambda: self.listener.heard(message.getHeader().getField(35), message.toString()))


def _or_die(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except BaseException:  # a dead session in a live process is what must not be
        traceback.print_exc(file=sys.stderr)
        sys.stderr.flush()
        os._exit(CRASHED)


class Engine:
    """One session's engine: made anew for each start."""

    def __init__(self, session: Session, listener: Listener, environment: dict[str, str], *, reset: bool) -> None:
        self.session = session
        self.id = quickfix.SessionID(session.version, session.sender, session.target)
        self.application = Guarded(listener, secrets_of(session, environment))
        self.store = quickfix.FileStoreFactory(str(session.store))
        self.settings = _settings(session, self.id, reset)
        begun_today(session)
        initiator = getattr(quickfix, INITIATORS["tls" if session.tls else "plain"])
        self.initiator = initiator(self.application, self.store, self.settings)

    def start(self) -> None:
        """Connects, and goes on trying."""
        self.initiator.start()

    def stop(self) -> None:
        """Logs out, waits a little for the broker's answer, and is gone."""
        self.initiator.stop()

    def logged_on(self) -> bool:
        """True where the session is up."""
        return bool(self.initiator.isLoggedOn())

    def next_number(self) -> int:
        """The number that the next message of ours would have now."""
        return int(quickfix.Session.lookupSession(self.id).getExpectedSenderNum())

    def send(self, message: Outgoing) -> bool:
        """Hands a message over; False where there is no session to take it."""
        return bool(quickfix.Session.sendToTarget(_message(message), self.id))


def secrets_of(session: Session, environment: dict[str, str]) -> dict[int, str]:
    """What a Logon carries beside the names (553, 554). Raises ValueError where a password is not there."""
    found = {553: session.username} if session.username else {}
    if session.password_from:
        if not environment.get(session.password_from):
            raise ValueError(f"{session.password_from} is not set: it holds the password of {session.session}")
        found[554] = environment[session.password_from]
    return found


def _settings(session: Session, session_id: Any, reset: bool) -> Any:
    told: dict[str, str | int | bool] = {
        "ConnectionType": "initiator",
        "SocketConnectHost": session.host,
        "SocketConnectPort": session.port,
        "SocketNodelay": "Y",
        "HeartBtInt": session.heartbeat,
        "ReconnectInterval": session.reconnect,
        "FileStorePath": str(session.store),
        "DataDictionary": str(session.dictionary_path),
        "UseDataDictionary": "Y",
        "AllowUnknownMsgFields": "Y",
        "ValidateUserDefinedFields": "N",
        "ValidateFieldsOutOfOrder": "N",
        "ValidateFieldsHaveValues": "N",  # a broker's empty field is no reason not to hear of a fill
        "ResetOnLogon": "Y" if reset else "N",
        "SendRedundantResendRequests": "N",  # at every message behind a gap, thousands would come thousands of times
        "LogonTimeout": 10,
        "CheckLatency": "N",  # a message that waited in a resend is not refused for its age
    }
    if session.hours is None:
        told["NonStopSession"] = "Y"
    else:
        told |= session.hours.of_the_engine
    if session.tls is not None:
        told |= {"CertificationAuthoritiesFile": str(session.tls.ca), "CertificateVerifyLevel": 1}
        if session.tls.certificate is not None:
            told["ClientCertificateFile"] = str(session.tls.certificate)
        if session.tls.key is not None:
            told["ClientCertificateKeyFile"] = str(session.tls.key)
    settings, dictionary = quickfix.SessionSettings(), quickfix.Dictionary()
    for key, value in told.items():
        dictionary.setString(key, str(value))
    settings.set(dictionary)  # as the default too: there alone it looks for what TLS needs, and checks nothing without
    settings.set(session_id, dictionary)
    return settings


def _message(told: Outgoing) -> Any:
    message = quickfix.Message()
    message.getHeader().setField(35, told.kind)
    for tag, value in told.fields.items():
        message.setField(tag, value)
    for counter, entries in told.groups.items():
        for entry in entries:
            tags = sorted(entry, key=GROUPS[counter].index)
            group = quickfix.Group(counter, tags[0], _order(tags))
            for tag in tags:
                group.setField(tag, entry[tag])
            message.addGroup(group)
    return message


def _order(tags: list[int]) -> Any:
    order = quickfix.IntArray(len(tags) + 1)
    for at, tag in enumerate([*tags, 0]):
        order[at] = tag
    return order


# --- its files -----------------------------------------------------------------------------------------------------


def numbers(session: Session) -> tuple[int, int] | None:
    """The next numbers, ours and theirs, as the engine's file has them; None where it is lost or torn."""
    try:
        ours, _, theirs = _file(session, "seqnums").read_text(encoding="ascii").partition(":")
        found = int(ours), int(theirs)
    except (OSError, UnicodeDecodeError, ValueError):
        return None
    return found if min(found) > 0 and _file(session, "session").exists() else None


def renumber(session: Session, ours: int, theirs: int, since: datetime) -> None:
    """Writes the engine's files anew, without what it would repeat: the outbox repeats (FIX-7)."""
    session.store.mkdir(parents=True, exist_ok=True)
    for kind in ("body", "header"):
        _file(session, kind).unlink(missing_ok=True)
    _file(session, "session").write_text(since.strftime(STAMP), encoding="ascii")
    _file(session, "seqnums").write_text(f"{ours:020d} : {theirs:020d}", encoding="ascii")


def begun_today(session: Session) -> None:
    """Dates the files of a session without hours now: the engine, made on another day than they, would begin at 1."""
    if session.hours is None and _file(session, "session").exists():
        _file(session, "session").write_text(machine_now().strftime(STAMP), encoding="ascii")


def _file(session: Session, kind: str) -> Path:
    return session.store / f"{session.version}-{session.sender}-{session.target}.{kind}"
