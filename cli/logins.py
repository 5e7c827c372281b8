"""Who signed in at this machine: a token of the console, kept in a file that its user alone may read."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from reading.refused import Refused

FILE = "login.json"


@dataclass(frozen=True, slots=True)
class Login:
    """At which console, and by which secret: a session's, or an API token's."""

    console: str
    name: str
    secret: str = field(repr=False)


def read() -> Login | None:
    """The login of this home folder; None where nobody signed in. A file that others may read is nobody's."""
    place = _place()
    try:
        if place.stat().st_mode & 0o077:
            return None
        return Login(**json.loads(place.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write(login: Login) -> Path:
    """Keeps it, whole and readable by its user alone; where. Refused where that can't be written."""
    place = _place()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_suffix(".new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(login)) + "\n")
        draft.replace(place)
    except OSError as flaw:
        raise Refused(f"{place} can't be written: {flaw.strerror}. Name a folder of yours: REBALANCER_HOME") from flaw
    return place


def remove() -> bool:
    """Forgets it; False where there was none."""
    there = _place().exists()
    _place().unlink(missing_ok=True)
    return there


def _place() -> Path:
    from devstack.connection import home_folder

    return home_folder() / FILE
