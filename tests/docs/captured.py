"""What `docs/explaining-a-plan.md` shows of a command: its output, one fenced block a step, words between them.

`.venv/bin/python -m tests.docs.captured` writes the blocks anew; test_captured.py compares them.
"""

import re
import subprocess
import sys
from pathlib import Path

from tests.docs.printed import environment

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENT = PROJECT / "docs" / "explaining-a-plan.md"
COMMAND = ("rebalancer", "plan", "--book", "examples/household.yaml", "--account", "M-1", "--explain")
WIDTH = "100"
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEP = re.compile(r"^(?=How this plan comes about|\d+ · )", re.MULTILINE)


def shown() -> list[str]:
    """The blocks that the document has."""
    return BLOCK.findall(DOCUMENT.read_text(encoding="utf-8"))


def captured() -> list[str]:
    """The blocks that it should have: what the command prints, cut before each step."""
    program = str(Path(sys.executable).with_name(COMMAND[0]))
    done = subprocess.run(
        [program, *COMMAND[1:]],
        cwd=PROJECT,
        env=environment(COLUMNS=WIDTH),
        capture_output=True,
        text=True,
        check=True,
    )
    printed = f"$ {' '.join(COMMAND)}\n" + "\n".join(line.rstrip() for line in done.stdout.splitlines())
    page, heading, *steps = STEP.split(printed)
    blocks = [page, heading + steps[0], *steps[1:]]
    return [block.strip() + "\n" for block in blocks]


def write() -> str:
    """Puts what the command prints today into the document; says what it did, or what a person has to do first."""
    blocks = captured()
    if len(blocks) != len(shown()):
        return (
            f"{DOCUMENT.name} has {len(shown())} blocks and the command prints {len(blocks)}: add or remove one first"
        )
    fresh = iter(blocks)
    text = BLOCK.sub(lambda _: f"```\n{next(fresh)}```", DOCUMENT.read_text(encoding="utf-8"))
    DOCUMENT.write_text(text, encoding="utf-8")
    return f"{len(blocks)} blocks of {DOCUMENT.name} written"


if __name__ == "__main__":
    sys.stdout.write(write() + "\n")
