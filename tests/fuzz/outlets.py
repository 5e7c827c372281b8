"""What an input meets: a command run in this process as `rebalancer` runs it, watched for everything it must not do."""

import contextlib
import hashlib
import io
import itertools
import json
import signal
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

from sqlalchemy import Engine, select

from cli.main import run
from storage.schema.tables import metadata

SECONDS = 20  # for one input; what takes longer hangs


class Broken(AssertionError):
    """An input that was neither taken nor refused in words."""


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    """Ends with Broken what does not end by itself."""

    def late(number: int, frame: FrameType | None) -> None:
        raise Broken(f"hangs: not done after {SECONDS} s\n" + "".join(traceback.format_stack(frame)[-6:]))

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def command(*arguments: str) -> Answer:
    """The command's answer. Raises Broken for a traceback, a hang, an exit status or an output that no one can use."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["rebalancer", *arguments]
    try:
        with in_time(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run()
    except Broken:
        raise
    except BaseException as flaw:
        raise Broken(f"{arguments} ends in a traceback: {''.join(traceback.format_exception(flaw))[-3000:]}") from flaw
    finally:
        sys.argv = before
    answer = Answer(code, out.getvalue(), err.getvalue())
    check(arguments, answer)
    return answer


def check(arguments: tuple[str, ...], answer: Answer) -> None:
    """0, 1 or 2; a reason on standard error, or a listing where it is 1; JSON alone where it was asked for."""
    shown = f"{arguments}: {answer}"[:3000]
    if answer.code not in {0, 1, 2}:
        raise Broken(f"exit status {answer.code} of {shown}")
    if "Traceback (most recent call last)" in answer.err + answer.out:
        raise Broken(f"a traceback is shown by {shown}")
    if answer.code == 2 and not answer.err.strip():
        raise Broken(f"no reason is given by {shown}")
    if answer.code == 1 and not (answer.err + answer.out).strip():
        raise Broken(f"no reason is given by {shown}")
    if answer.out and not {"--help", "-h", "--version"} & set(arguments):
        for form in ("json", "jsonl"):
            if ("--format", form) in itertools.pairwise(arguments):
                _json(form, answer.out, shown)


def _json(form: str, out: str, shown: str) -> None:
    try:
        for text in [out] if form == "json" else out.splitlines():
            json.loads(text, parse_constant=_no_constant)
    except ValueError as flaw:
        raise Broken(f"what is printed is not {form} ({flaw}): {shown}") from flaw


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def fingerprint(engine: Engine) -> str:
    """A digest of everything in the books. Audit records are not looked at: a refusal may be recorded."""
    digest = hashlib.sha256()
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            if not table.name.startswith("audit"):
                rows = sorted(map(repr, connection.execute(select(table))))
                digest.update(f"{table.name} {len(rows)} {rows}".encode("utf-8", "backslashreplace"))
    return digest.hexdigest()
