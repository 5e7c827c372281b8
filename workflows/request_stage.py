"""Where a request that goes on stands, and what moves it: a table. Once its accounts have ended, it has ended.

RUNNING ◄──pause, resume──► PAUSED
   │ stop                      │ stop
   ▼                           ▼
CANCELLING ◄──────resume──── HELD
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

Move = Literal["pause", "resume", "stop"]


class Stage(StrEnum):
    """What a request does.

    | stage      | starts accounts | tells their workflows that they are approved   | is shown as |
    | ---------- | --------------- | ---------------------------------------------- | ----------- |
    | RUNNING    | yes             | yes                                            | RUNNING     |
    | PAUSED     | no              | no                                             | PAUSED      |
    | CANCELLING | never more      | yes: what was approved before it was cancelled | CANCELLING  |
    | HELD       | never more      | no: it was paused when it was cancelled        | CANCELLING  |
    """

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"
    HELD = "HELD"

    @property
    def paused(self) -> bool:
        """True where nobody is told of an approval until somebody resumes it."""
        return self in {Stage.PAUSED, Stage.HELD}

    @property
    def shown(self) -> str:
        """Its public name."""
        return Stage.CANCELLING.value if self is Stage.HELD else self.value

    def after(self, move: Move) -> "Stage":
        """Where a request stands after a move; as it stood, where that moves it nowhere."""
        return MOVES.get((self, move), self)


MOVES: Mapping[tuple[Stage, Move], Stage] = MappingProxyType(
    {
        (Stage.RUNNING, "pause"): Stage.PAUSED,
        (Stage.PAUSED, "resume"): Stage.RUNNING,
        (Stage.RUNNING, "stop"): Stage.CANCELLING,
        (Stage.PAUSED, "stop"): Stage.HELD,
        (Stage.HELD, "resume"): Stage.CANCELLING,
        (Stage.CANCELLING, "pause"): Stage.HELD,  # a resume that the books refused is taken back
    }
)
UNDONE: Mapping[Move, Move] = MappingProxyType({"pause": "resume", "resume": "pause"})
