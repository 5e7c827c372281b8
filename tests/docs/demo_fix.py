"""`docs/demo-fix.md`: the page of `make demo-fix`, as it was printed.

`.venv/bin/python -m tests.docs.demo_fix` runs the demo (a minute or two) and writes the page anew;
test_demo_fix.py runs it too, and compares all but names, moments and numbers that are other ones each time.
"""

import re
import subprocess
import sys
from pathlib import Path

from tests.docs.printed import PrintedPage, environment, without_trailing

PROJECT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OUTCOMES = re.compile(r"^How each account ended.*?(?=^(?:On the wire|See for yourself))", re.MULTILINE | re.DOTALL)
_OTHERS = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"), "<moment>"),
    (re.compile(r"\b(Q-\d{8}-[0-9a-f]{8}|R-\d{6})\b"), "<name>"),
    (re.compile(r"--plan [0-9a-f]{8}"), "--plan <digest>"),
    (re.compile(r"next sent [\d,]+, next expected [\d,]+"), "next sent <number>, next expected <number>"),
    (re.compile(r"Done in \d+ seconds"), "Done in <so many> seconds"),
)
PAGE = PrintedPage(PROJECT / "docs" / "demo-fix.md", _BLOCK, _OTHERS)
BESIDE = PrintedPage(PROJECT / "docs" / "demo.md", _BLOCK, _OTHERS)


def printed() -> str:
    """What the demo prints now."""
    words = [sys.executable, "-m", "devstack", "demo", "--fix"]
    done = subprocess.run(words, cwd=PROJECT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"make demo-fix ended with {done.returncode}: {done.stderr[-2000:]}")
    return without_trailing(done.stdout)


def outcomes(page: str) -> str:
    """How each account ended, and what is still in the queue."""
    found = OUTCOMES.search(PAGE.lasting(page))
    assert found is not None
    return found.group(0).rstrip()


def write() -> str:
    """Puts what the demo prints today into the document."""
    return PAGE.put(printed())


if __name__ == "__main__":
    sys.stdout.write(write() + "\n")
