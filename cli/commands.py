"""What somebody may do next, as commands: `Action(verb, of, options)` is `rebalancer VERB OF --option VALUE`."""

import shlex
from collections.abc import Sequence

from reading.actions import SHELL, Action
from reading.refused import Said


def command(action: Action) -> str:
    """The command that does it."""
    if action.verb == SHELL:
        return action.of[0]
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


def _word(given: str) -> str:
    """A word as a shell takes it; one with … in it is no word yet, but what somebody has to complete."""
    return given if "…" in given else shlex.quote(given)
