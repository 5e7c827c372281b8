"""Reasons: what a person gives one for is recorded with it, and an empty one says nothing."""

from reading.refused import Refused


def reason(given: str, like: str, option: str = "--why", what: str = "what happened") -> str:
    """The reason, without blanks around it. Refused where it is empty: `like` is one that would do."""
    if not given.strip():
        raise Refused(f"{option} is empty: say {what}, like {option} '{like}'")
    return given.strip()
