"""A request over many accounts, as an operator sees it: `python -m benchmarks.request_recording [--kill]`.

Makes a book of the demo's accounts, over and over under new ids, on a stack of its own; submits them all as ann, who
follows it, and approves as ben once every plan is there. With --kill the only worker is killed in the middle of the
execution, and the stack starts another. What is printed is what the commands printed, each line with its second.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import yaml

from devstack.connection import PROJECT
from devstack.stack import Stack
from policy.clock import the_clock

COMMAND = Path(sys.executable).with_name("rebalancer")
DEMO = PROJECT / "examples" / "demo.yaml"
LOOK_EVERY = 1.0  # seconds between looks how far it is


def book_of_many(count: int) -> dict[str, Any]:
    """The demo's book with its accounts again and again until there are `count`."""
    book: dict[str, Any] = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    accounts = book.pop("accounts")
    book.pop("account_groups", None)
    return book | {
        "accounts": [
            accounts[at % len(accounts)] | {"id": f"{accounts[at % len(accounts)]['id']}-{at // len(accounts):03d}"}
            for at in range(count)
        ]
    }


class Recording:
    """Commands at one stack, and the lines that they print."""

    def __init__(self, home: Path) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TEMPORAL_", "REBALANCER_"))}
        kept |= the_clock().environment
        self.environment = kept | {"REBALANCER_HOME": str(home), "COLUMNS": "110"}
        self.began = time.monotonic()

    def line(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def run(self, *words: str) -> None:
        """A command, then everything that it printed."""
        self.line(f"$ rebalancer {' '.join(words)}")
        done = subprocess.run([str(COMMAND), *words], env=self.environment, capture_output=True, text=True, check=False)
        for each in (done.stdout + done.stderr).splitlines():
            self.line(each.rstrip())

    def json(self, *words: str) -> Any:
        words = (*words, "--format", "json")
        done = subprocess.run([str(COMMAND), *words], env=self.environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def follow(self, shown: str, *words: str) -> subprocess.Popen[str]:
        """A command that prints while others run."""
        self.line(f"$ rebalancer {shown}")
        process = subprocess.Popen(
            [str(COMMAND), *words], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self._copy, args=[process.stdout], daemon=True).start()
        return process

    def _copy(self, printed: IO[str]) -> None:
        for each in printed:
            self.line(each.rstrip())


def record(count: int, kill: bool) -> None:
    """Records one request from the book to its last account."""
    with tempfile.TemporaryDirectory(prefix="rebalancer-") as folder:
        home = Path(folder, "stack")
        many = book_of_many(count)
        accounts = [each["id"] for each in many["accounts"]]
        book = Path(folder, "many.json")
        book.write_text(json.dumps(many))
        with Stack(home, temporal_port=0, ui_port=None, workers=1, say=lambda line: print(f"# {line}")) as stack:
            recording = Recording(home)
            recording.run("load", str(book))
            shown = f"submit {accounts[0]} … {accounts[-1]} --by ann --wait"
            following = recording.follow(shown, "submit", *accounts, "--by", "ann", "--wait")
            request_id = _request(recording)
            _until(stack, recording, request_id, lambda counts: not _any(counts, "NOT_STARTED", "CHECKING"))
            shown = recording.json("show", request_id)
            planned = shown["counts"]
            recording.run("approve", request_id, "--by", "ben", "--plan", shown["plans"][:8])
            if kill:
                half = planned.get("COMPLETE", 0) + planned.get("PENDING_APPROVAL", 0) // 2
                _until(stack, recording, request_id, lambda counts: counts.get("COMPLETE", 0) > half)
                assert stack.workers is not None
                worker = stack.workers.children[0]
                recording.line(f"# kill -9 {worker.pid}, the only worker")
                os.kill(worker.pid, signal.SIGKILL)
            while following.poll() is None:
                stack.look_after()
                time.sleep(LOOK_EVERY)
            time.sleep(LOOK_EVERY)
            recording.line(f"# exit status {following.returncode}")


def _request(recording: Recording) -> str:
    """The id of the only request there is, once there is one."""
    while True:
        for each in recording.json("history", "--limit", "1"):
            return str(each["request_id"])
        time.sleep(LOOK_EVERY)


def _until(stack: Stack, recording: Recording, request_id: str, holds: Any) -> None:
    while not holds(recording.json("show", request_id)["counts"]):
        stack.look_after()
        time.sleep(LOOK_EVERY)


def _any(counts: dict[str, int], *outcomes: str) -> bool:
    return any(counts.get(each) for each in outcomes)


def main(arguments: Sequence[str]) -> None:
    """Reads the options and records."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--accounts", type=int, default=500)
    options.add_argument("--kill", action="store_true", help="kill the worker in the middle")
    given = options.parse_args(arguments)
    record(given.accounts, given.kill)


if __name__ == "__main__":
    main(sys.argv[1:])
