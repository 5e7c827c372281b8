"""Processor time of what a benchmark started, by what it is: what else the machine does is hardly in it (Linux)."""

import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
KINDS = {"postgres": "PostgreSQL", "temporal": "Temporal"}  # by the name of the program; anything else is Python


def used() -> dict[str, float]:
    """Seconds that the processes below this one had so far, by kind; of ended ones, as far as they were awaited."""
    known = {int(each.name): _stat(each) for each in Path("/proc").iterdir() if each.name.isdecimal()}
    below = {os.getpid()}
    while more := {pid for pid, (parent, _, _) in known.items() if parent in below} - below:
        below |= more
    seconds = dict.fromkeys((*KINDS.values(), "Python"), 0.0)
    for pid in below - {os.getpid()}:
        _, name, taken = known[pid]
        seconds[KINDS.get(name, "Python")] += taken
    return seconds


def _stat(process: Path) -> tuple[int, str, float]:
    """A process's parent, the name of its program, and its seconds with those of its ended children."""
    try:
        before, _, after = (process / "stat").read_text().rpartition(") ")
    except (FileNotFoundError, ProcessLookupError):
        return 0, "", 0.0
    fields = after.split()
    return int(fields[1]), before.partition("(")[2], sum(map(int, fields[11:15])) / TICK
