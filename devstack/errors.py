"""What goes wrong with a stack, told so that a person can act on it."""

from __future__ import annotations


class StackError(Exception):
    """A stack or a part of it can't run. The text says what, where and what to do next; no traceback is shown."""
