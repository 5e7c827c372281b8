"""A check that a command walked through: what was asked, what was found, and what to do about it.

`status` and `diagnose` are lists of these.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from reading.actions import Action, Advice


@dataclass(frozen=True, slots=True)
class Check:
    """One answer. `ok` is False where somebody has to act, and `next_action` then says how, or where it isn't known."""

    check: str
    ok: bool
    found: str
    next_action: Advice = ()

    def as_json(self, say: Callable[[Advice], str | None]) -> dict[str, Any]:
        """The public form; `say` says what to do as whoever asks is used to."""
        told = say(self.next_action) if self.next_action else None
        return {"check": self.check, "ok": self.ok, "found": self.found, "next_action": told}


def good(check: str, found: str) -> Check:
    """Nothing to do."""
    return Check(check, True, found)


def act(check: str, found: str, *next_action: Action) -> Check:
    """Somebody has to act."""
    return Check(check, False, found, next_action)


def unknown(check: str, why: str) -> Check:
    """Nobody can say, until another check is ok."""
    return Check(check, False, why)


def to_act(checks: Sequence[Check]) -> int:
    """How many of the checks somebody has to act on."""
    return sum(bool(each.next_action) and not each.ok for each in checks)
