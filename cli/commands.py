"""What somebody may do next, as commands: `Action(verb, of, options)` is `rebalancer VERB OF --option VALUE`."""

import os
import shlex
from collections.abc import Sequence

from cli import connections
from reading.actions import MIGRATE, SHELL, Action, typed
from reading.refused import Refused, Said

UP_AGAIN = "make up, after Ctrl-C where it runs"


def command(action: Action) -> str:
    """The command that does it."""
    if action.verb == SHELL:
        return _typed(action.of[0])
    words = ["rebalancer", action.verb, *map(_word, action.of)]
    for name, value in action.options:
        words.append(f"--{name.replace('_', '-')}")
        words += [] if value is None else [_word(value)]
    return " ".join(words)


def line(said: Sequence[Said] | None) -> str | None:
    """Words and commands as one line; None where there is nothing to do."""
    if not said:
        return None
    return "".join(each if isinstance(each, str) else each.said(command(each)) for each in said)


def _typed(line: str) -> str:
    """A shell's line that reaches what our commands reach; the tables of an embedded stack are its own business."""
    if line == MIGRATE and not os.environ.get("REBALANCER_DATABASE_URL"):
        return UP_AGAIN
    try:
        return typed(line, connections.temporal_address())
    except Refused:  # what the stack's file says can't be read, as whoever asks is told
        return line


def _word(given: str) -> str:
    """A word as a shell takes it; one with … in it is no word yet, but what somebody has to complete."""
    return given if "…" in given else shlex.quote(given)
