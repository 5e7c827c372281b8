"""Refusals: what was asked can't be done, and nothing was changed.

Refused             what was asked can't be done as it was asked
├─ Unknown          what it is about is not there
├─ Conflict         it is there, and not in a state for it: not pending, busy, own request (four eyes)
├─ Changed          it is not what whoever asks has seen
└─ Unreachable      the database or Temporal does not answer
"""

from collections.abc import Mapping
from typing import Any

from reading.actions import Action, Advice

Said = str | Action


class Refused(Exception):
    """One line that says what, where, and what to do next: words, and actions among them.

    `rule`: the code of the rule that refuses, where one does; `evidence`: what it was decided by.
    """

    def __init__(self, *said: Said, rule: str | None = None, evidence: Mapping[str, Any] | None = None) -> None:
        super().__init__(*said)
        self.said: tuple[Said, ...] = said
        self.rule = rule
        self.evidence = dict(evidence or {})

    @property
    def next_actions(self) -> Advice:
        """What to do about it."""
        return tuple(each for each in self.said if isinstance(each, Action))

    def __str__(self) -> str:
        return "".join(map(str, self.said))


class Unknown(Refused):
    """What it is about is not there."""


class Conflict(Refused):
    """What it is about is there, and not in a state for it."""


class Changed(Refused):
    """What it is about is not what whoever asks has seen."""


class Unreachable(Refused):
    """The database or Temporal does not answer, or what it should have is not there."""
