"""Sessions as data: with whom one speaks FIX, where, in which words, and what that broker's own rules are.

A file a session in the folder that REBALANCER_FIX_SESSIONS names; docs/fix.md explains every key. A file that can't be
used is refused whole, all its problems together, before anything speaks to a broker.
"""

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

SESSIONS = "REBALANCER_FIX_SESSIONS"
DICTIONARIES = Path(__file__).parent / "dictionaries"
OURS = {"FIX.4.2": "FIX42.xml", "FIX.4.4": "FIX44.xml"}

Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f=]+$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[int, Field(ge=1, le=3600)]


class SessionRefused(ValueError):
    """A session that can't be used: every problem of its file, each in a sentence."""

    def __init__(self, session: str, problems: list[str]) -> None:
        super().__init__(f"FIX session {session} refused: {'; '.join(problems)}")
        self.problems = problems


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rules(_Given):
    """What this broker does, from its rules of engagement; the defaults are the careful side of each question."""

    unknown_is_proof: bool = False  # "unknown order" means that it never had it: it is sent again (FIX-2)
    answers_status: bool = True  # it takes 35=H
    replaces: bool = True  # it takes 35=G
    takes_allocations: bool = True  # it takes NoAllocs on an order, and 35=J
    confirms: bool = False  # it confirms each account of an allocation (35=AK), which is waited for
    fractional: bool = False  # it takes parts of a share
    order_types: tuple[Literal["market", "limit"], ...] = ("market", "limit")


Weekday = Literal["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]


class Hours(_Given):
    """When the session is up, by a zone's clock; the numbers begin anew with each. Without hours it never ends.

    A day's session, or, with both days, one from a moment of the week to another. The engine keeps them by the
    machine's clock: nothing else can be handed in.
    """

    start: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$")]
    end: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$")]
    zone: Annotated[str, Field(pattern=r"^[A-Za-z_]+(/[A-Za-z_]+)*$")] = "America/New_York"
    start_day: Weekday | None = None
    end_day: Weekday | None = None

    @model_validator(mode="after")
    def _of_both(self) -> "Hours":
        if (self.start_day is None) != (self.end_day is None):
            raise ValueError("give start_day and end_day for one session a week, or neither for one a day")
        if self.zone not in available_timezones():
            raise ValueError(f"{self.zone} is no time zone: give one like America/New_York")
        return self

    @property
    def of_the_engine(self) -> dict[str, str]:
        """In QuickFIX's words."""
        day = {"StartTime": self.start, "EndTime": self.end, "TimeZone": self.zone}
        return day | ({"StartDay": self.start_day, "EndDay": self.end_day} if self.start_day and self.end_day else {})


class Tls(_Given):
    """TLS by the engine itself. It checks the chain and not the host's name: so the broker's own CA is pinned."""

    ca: Path
    certificate: Path | None = None
    key: Path | None = None


class Trial(_Given):
    """An order of a certification: what the broker's test system does with it is theirs to say."""

    side: Literal["buy", "sell"] = "buy"
    symbol: Word
    quantity: Annotated[Decimal, Field(gt=0)] = Decimal(100)
    price: Annotated[Decimal, Field(gt=0)] = Decimal(10)


class Certification(_Given):
    """What `make fix-certify` sends: orders that the broker's test system fills, fills in parts, leaves, refuses.

    With null instead of an order its step is left out.
    """

    account: Word = "TEST"
    fills: Trial | None = Trial(symbol="FILLS")
    parts: Trial | None = Trial(symbol="PARTS")
    rests: Trial | None = Trial(symbol="RESTS")
    rejected: Trial | None = Trial(symbol="REJECTED")


class Session(_Given):
    """One session. `venue` is the custodian whose accounts trade through it."""

    session: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_-]{0,31}$")]
    venue: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_-]{0,31}$")]
    version: Literal["FIX.4.2", "FIX.4.4"]
    sender: Word
    target: Word
    host: Word
    port: Port
    dictionary: Path | None = None  # None: ours of that version
    store: Path  # the folder of the engine's files
    heartbeat: Seconds = 30
    reconnect: Seconds = 5
    hours: Hours | None = None
    username: Word | None = None
    password_from: Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None  # an environment variable
    tls: Tls | None = None
    order_type: str = "limit"
    handling: Literal["1", "2", "3"] = "1"  # 21: automated without, with intervention, manual
    accounts: dict[str, Word] = {}  # ours to the broker's (tag 1); what is not named goes as it is
    steps_out: tuple[Word, ...] = ()  # of ours, whose shares go on to another broker: their allocations say so (81=3)
    symbols: dict[str, Word] = {}  # ours to the broker's (tag 55); what is not named goes as it is
    only_symbols: bool = False  # what `symbols` does not name is not sent
    rules: Rules = Rules()
    certification: Certification = Certification()

    @model_validator(mode="after")
    def _speakable(self) -> "Session":
        if self.order_type not in ("market", "limit"):
            raise ValueError(f'order_type "{self.order_type}" is not supported: give market or limit')
        if self.order_type not in self.rules.order_types:
            taken = " or ".join(self.rules.order_types) or "none"
            raise ValueError(f"order_type {self.order_type} is none that this broker takes: its rules say {taken}")
        if not self.dictionary_path.is_file():
            raise ValueError(
                f"its dictionary {self.dictionary_path} is missing: give the path of the broker's, or leave "
                f"dictionary out for ours of {self.version}"
            )
        if self.tls and not self.tls.ca.is_file():
            raise ValueError(f"tls.ca {self.tls.ca} is missing: the engine needs the broker's own CA to know it by")
        return self

    @property
    def dictionary_path(self) -> Path:
        """The dictionary that messages are read with."""
        return self.dictionary or DICTIONARIES / OURS[self.version]

    @property
    def engine_name(self) -> str:
        """How the engine names the session, in its log and its files."""
        return f"{self.version}:{self.sender}->{self.target}"


def read(path: Path) -> Session:
    """The session of a file. Raises SessionRefused."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as flaw:
        raise SessionRefused(path.stem, [f"{path} can't be read: {str(flaw).splitlines()[0]}"]) from flaw
    if not isinstance(raw, dict):
        raise SessionRefused(path.stem, [f"{path} is not an object with session, venue, version, host, port, …"])
    try:
        found = Session.model_validate(_beside(path, raw))
    except ValidationError as flaw:
        raise SessionRefused(path.stem, [_told(each) for each in flaw.errors(include_url=False)]) from flaw
    if found.session != path.stem:
        raise SessionRefused(path.stem, [f"it calls itself {found.session}: name the file {found.session}.yaml"])
    return found


def configured(environment: Mapping[str, str] | None = None) -> dict[str, Session]:
    """This installation's sessions, by name; none where REBALANCER_FIX_SESSIONS is not set. Raises SessionRefused."""
    given = (environment if environment is not None else os.environ).get(SESSIONS, "").strip()
    if not given:
        return {}
    folder = Path(given)
    if not folder.is_dir():
        raise SessionRefused("(all)", [f"{SESSIONS}={given} is no folder: make it, or unset {SESSIONS}"])
    found: dict[str, Session] = {}
    for path in sorted(folder.glob("*.yaml")):
        session = read(path)
        twin = next((each for each in found.values() if each.venue == session.venue), None)
        if twin is not None:
            problem = f"accounts of {session.venue} trade through {twin.session} already: a venue has one session"
            raise SessionRefused(session.session, [problem])
        found[session.session] = session
    return found


def named(name: str, environment: Mapping[str, str] | None = None) -> Session:
    """One session of this installation. Raises SessionRefused."""
    found = configured(environment)
    if name not in found:
        there = f"there is {', '.join(found)}" if found else f"put {name}.yaml into the folder that {SESSIONS} names"
        raise SessionRefused(name, [f"it is not set up: {there}"])
    return found[name]


def _beside(path: Path, raw: dict[str, Any]) -> dict[str, Any]:
    """Paths of a file are meant from where it is."""
    told = dict(raw)
    for key in ("dictionary", "store"):
        if isinstance(told.get(key), str):
            told[key] = path.parent / told[key]
    if isinstance(told.get("tls"), dict):
        told["tls"] = {key: path.parent / each if isinstance(each, str) else each for key, each in told["tls"].items()}
    return told


def _told(flaw: Any) -> str:
    place = ".".join(str(step) for step in flaw["loc"])
    said = {"missing": "is missing", "extra_forbidden": "is no key of a session"}.get(flaw["type"], flaw["msg"])
    said = re.sub("^Value error, ", "", said)
    return (
        f"{place} {said}"
        if place and flaw["type"] in ("missing", "extra_forbidden")
        else (f"{place}: {said}" if place else said)
    )
