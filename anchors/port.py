"""What an anchor is: it keeps a seal's hash elsewhere, once, and says how it can be found again."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class AnchorFailed(Exception):
    """The seal could not be kept there now; it is tried again with the next."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A seal as it goes out: nothing of what it seals can be read from it."""

    seal: int
    at: datetime
    by: str
    hash: bytes  # SHA-256

    @property
    def moment(self) -> str:
        """When it was made, in UTC, to the microsecond."""
        return self.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Anchor(Protocol):
    """A place outside the database."""

    @property
    def name(self) -> str:
        """Which it is, as records of it say: `file /anchors/seals.jsonl`."""

    def keep(self, sealed: Sealed) -> str:
        """Keeps a seal and returns a receipt. Safe to repeat. Raises AnchorFailed."""
