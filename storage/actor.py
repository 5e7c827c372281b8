"""Who does something: written into every audit record."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from where: written into every audit record of a transaction."""

    who: str
    workflow_id: str | None = None
    run_id: str | None = None
    activity: str | None = None
    signed_in: Mapping[str, object] | None = None  # of somebody who is proven to have said so: subject, how, key
