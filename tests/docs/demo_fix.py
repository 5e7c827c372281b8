"""`docs/demo-fix.md`: the page of `make demo-fix`, as it was printed.

`.venv/bin/python -m tests.docs.demo_fix` runs the demo (a minute or two) and writes the page anew;
test_demo_fix.py runs it too, and compares all but names, moments and numbers that are other ones each time.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENT = PROJECT / "docs" / "demo-fix.md"
BESIDE = PROJECT / "docs" / "demo.md"
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OUTCOMES = re.compile(r"^How each account ended.*?(?=^(?:On the wire|See for yourself))", re.MULTILINE | re.DOTALL)
OTHER_EACH_TIME = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"), "<moment>"),
    (re.compile(r"\b(Q-\d{8}-[0-9a-f]{8}|R-\d{6})\b"), "<name>"),
    (re.compile(r"--plan [0-9a-f]{8}"), "--plan <digest>"),
    (re.compile(r"next sent [\d,]+, next expected [\d,]+"), "next sent <number>, next expected <number>"),
    (re.compile(r"Done in \d+ seconds"), "Done in <so many> seconds"),
)


def printed() -> str:
    """What the demo prints now."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("REBALANCER_")}
    done = subprocess.run([sys.executable, "-m", "devstack", "demo", "--fix"], cwd=PROJECT, env=environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    if done.returncode:
        raise AssertionError(f"make demo-fix ended with {done.returncode}: {done.stderr[-2000:]}")
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip() + "\n"


def shown(document: Path = DOCUMENT) -> str:
    """The page that a document has."""
    (page,) = BLOCK.findall(document.read_text(encoding="utf-8"))
    return str(page)


def lasting(page: str) -> str:
    """A page without what is another one each time."""
    for pattern, instead in OTHER_EACH_TIME:
        page = pattern.sub(instead, page)
    return page


def outcomes(page: str) -> str:
    """How each account ended, and what is still in the queue."""
    found = OUTCOMES.search(lasting(page))
    assert found is not None
    return found.group(0).rstrip()


def write() -> str:
    """Puts what the demo prints today into the document."""
    page = printed()
    text = BLOCK.sub(lambda _: f"```\n{page}```", DOCUMENT.read_text(encoding="utf-8"))
    DOCUMENT.write_text(text, encoding="utf-8")
    return f"{DOCUMENT.name}: {len(page.splitlines())} lines written"


if __name__ == "__main__":
    sys.stdout.write(write() + "\n")
