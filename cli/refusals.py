"""A command that is refused changes nothing, and is recorded all the same: who asked for what, and why not."""

import contextlib
from collections.abc import Sequence

from reading.refused import Refused

# Commands that only read; what they refuse is nobody's attempt at anything.
READING = frozenset(
    {
        *("plan", "status", "diagnose", "queue", "history", "show", "audit", "rules", "policy", "request", "signal"),
        *("login", "logout", "whoami"),
    }
)
READING_PARTS = frozenset(
    {
        *((noun, verb) for noun in ("account", "model", "target") for verb in ("list", "show")),
        *(("feed", verb) for verb in ("list", "draft", "try")),
        ("venue", "show"),
    }
)
LONGEST = 2000  # characters of a command and of a reason that are kept


def note(words: Sequence[str], refused: Refused, said: str) -> None:
    """Records a refused command, where the database can be reached; a second trouble is not told behind the first."""
    if not words or words[0] in READING or tuple(words[:2]) in READING_PARTS:
        return
    if "--dry-run" in words:  # which promises that nothing is written
        return
    from cli.connections import NoDatabase

    if isinstance(refused, NoDatabase):
        return
    with contextlib.suppress(Exception):
        _record(words, said)


def _record(words: Sequence[str], reason: str) -> None:
    from acting import attempts
    from cli import connections, persons

    database = connections.books()
    actor, claimed = persons.attempting(database, _by(words))
    told = {"command": " ".join(["rebalancer", *words])[:LONGEST], "reason": reason[:LONGEST]} | claimed
    attempts.refused(database, actor, words, told)


def _by(words: Sequence[str]) -> str | None:
    """The name behind `--by`."""
    for at, word in enumerate(words):
        if word == "--by" and at + 1 < len(words):
            return words[at + 1] or None
        if word.startswith("--by="):
            return word.partition("=")[2] or None
    return None
