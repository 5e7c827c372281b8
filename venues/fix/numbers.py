"""Which sequence numbers a session goes on with, by the engine's files and by the journal (FIX-7). Pure.

Ours never goes back: the higher of both, and where the files are lost after a crash a little more, as a number that
is too high makes the broker ask (and gaps are filled), and one that is too low makes it hang up. Theirs is the lower
of both: what comes twice is known by its ExecID, and what is not asked for again is lost.
"""

import re
from dataclasses import dataclass

SLACK = 200  # our numbers that may have gone out after the last one that was journaled: a batch, and what is between
EXPECTED = re.compile(r"expect\w*\D{0,20}?(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The next number of ours, and of theirs; `restored`: the engine's files have to be written anew."""

    ours: int
    theirs: int
    restored: bool


def going_on(files: tuple[int, int] | None, journal: tuple[int, int], *, in_order: bool) -> Numbers:
    """What to go on with. `in_order`: the last run ended as it should, so that the journal is exact."""
    if files is None:
        fresh = journal == (1, 1)
        slack = 0 if in_order or fresh else SLACK
        return Numbers(journal[0] + slack, journal[1], not fresh)
    ours, theirs = max(files[0], journal[0]), min(files[1], journal[1])
    return Numbers(ours, theirs, (ours, theirs) != files)


def expected(text: str | None, ours: int) -> int | None:
    """The number that a Logout asks for ("MsgSeqNum too low, expecting 12 but received 3"), where it is higher."""
    if text is None or "low" not in text.lower():
        return None
    found = EXPECTED.search(text)
    return int(found.group(1)) if found and int(found.group(1)) > ours else None
