"""What the workflows of desks and blocks say to their steps: ids, and how things stand. Figures stay in PostgreSQL."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


def desk_workflow_id(venue: str) -> str:
    """One desk a venue: its workflow's id says so."""
    return f"desk/{venue}"


def block_workflow_id(block_id: str) -> str:
    """One workflow a block; its id names it."""
    return f"block/{block_id}"


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class DeskStep(_Message):
    """Which venue's desk a step is about. `all_blocks`: those that are open are woken, too."""

    venue: str
    all_blocks: bool = False


class BlockStep(_Message):
    """Which block a step is about."""

    block_id: str


class DeskStands(_Message):
    """Blocks that are formed and not released, sells first, and when the desk has to look again: in so many seconds.

    None: when somebody hands something over. `untold`: rebalances have to be told that the exchange has closed.
    `changed`: blocks that have ended, of which the venue changed a fill since.
    """

    formed: list[str]
    pause: float | None = None
    note: str = ""
    untold: bool = False
    changed: list[str] = []


Due = Literal["send", "watch", "allocate", "correct", "tell", "done"]


class BlockStands(_Message):
    """What is to be done with a block next, at the latest in so many seconds; at once, where that is 0."""

    due: Due
    note: str
    pause: float | None = 0
    round: str = ""  # another one where it stands otherwise: looks are close together again


class DeskTold(_Message):
    """To a rebalance: all that it handed over has its last word. `over`: how all its orders ended, by status, where
    nothing else of it is open either.
    """

    over: dict[str, int] | None = None


class Told(_Message):
    """How many rebalances were told, and whether more have to be."""

    told: int
    left: bool
