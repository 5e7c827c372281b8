"""Who does something: written into every audit record."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from where: written into every audit record of a transaction."""

    who: str
    workflow_id: str | None = None
    run_id: str | None = None
    activity: str | None = None
