"""`make demo`: the main job once, from nothing to the printed result, on a stack of its own.

`make demo-fix` is the same job, with orders that go by FIX to a broker in another process. Everything is done
with the public command and shown from its JSON, as an operator's script would do it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from devstack.application import REBALANCER
from devstack.connection import PROJECT
from devstack.demo_fix import Wired
from devstack.demo_page import WIDTH, Page
from devstack.stack import Stack
from policy.clock import the_clock

BOOK = PROJECT / "examples" / "demo.yaml"
COMMAND = Path(sys.executable).with_name("rebalancer")
REQUESTER, APPROVER = "ann", "ben"

# What the people of the demo do besides submitting the queue, and what each account is there to show.
REMOVED, SWITCHED_ON, CANCELED = "A-107", "A-108", "A-105"
BY_HAND = ("A-109", "A-112", "A-113")
SHOWS = {
    "A-101": "a first investment",
    "A-102": "an investment minimum met to the cent",
    "A-103": "drift, and a stock that crosses between sleeves",
    "A-104": "high cash",
    "A-105": "low cash; cancelled by the approver, so that it stays in the queue",
    "A-106": "no target: a liquidation that leaves the protected holding alone",
    "A-107": "a target removed: a liquidation, as soon as it is approved",
    "A-108": "rebalancing switched on again",
    "A-109": "a lower threshold of 0: the missing sleeve queued nothing, a person submitted it",
    "A-110": "one minimum missed",
    "A-111": "every minimum missed",
    "A-112": "within tolerance: submitted by a person, and nothing to trade",
    "A-113": "unable to check: a price too old",
    "A-114": "drift between two sleeves that share stocks",
}


@dataclass(frozen=True)
class Operator:
    """Somebody at the command line of one stack."""

    home: Path
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Points at the demo's stack, whatever else the user's shell is set up for."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "REBALANCER_"))}
        own = {"REBALANCER_HOME": str(self.home), "COLUMNS": str(WIDTH)}
        return kept | the_clock().environment | own | dict(self.more)

    def run(self, *arguments: str) -> Any:
        """A command's JSON. What a command refuses is an answer too: the demo shows such accounts on purpose."""
        done = subprocess.run(
            [str(COMMAND), *arguments, "--format", "json"],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
        )
        if not done.stdout.strip():
            raise SystemExit(f"demo: rebalancer {' '.join(arguments)} failed: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def say(self, *arguments: str) -> str:
        """A command's words."""
        done = subprocess.run(
            [str(COMMAND), *arguments], capture_output=True, text=True, check=False, env=self.environment
        )
        if done.returncode:
            raise SystemExit(f"demo: rebalancer {' '.join(arguments)} failed: {done.stderr.strip()}")
        return "\n".join(line.rstrip() for line in (done.stdout + done.stderr).strip().splitlines())


def main(*, by_fix: bool = False) -> int:
    """Runs the demo in `.rebalancer/demo`, made anew each time; what it leaves can be opened afterwards."""
    home = PROJECT / ".rebalancer" / ("demo-fix" if by_fix else "demo")
    page = Page()
    page.opening(BOOK.relative_to(PROJECT), by_fix=by_fix)
    _clear(home)
    wired = Wired(home) if by_fix else None
    application = wired.application if wired else REBALANCER
    with Stack(home, temporal_port=0, ui_port=None, application=application, say=page.step) as stack:
        operator = Operator(home, wired.environment if wired else {})
        gateway = operator.environment | {"REBALANCER_DATABASE_URL": stack.database_url}
        with wired.running(gateway, page.step, lambda: operator.run("fix", "status")) if wired else nullcontext():
            _day(operator, page, by_fix=by_fix)
    page.closing(home.relative_to(PROJECT), by_fix=by_fix)
    return 0


def _day(operator: Operator, page: Page, *, by_fix: bool) -> None:
    """The main job."""
    page.step("loading the book")
    operator.say("load", str(BOOK))
    page.step("evaluating every account")
    evaluated = operator.run("evaluate")
    page.evaluation(evaluated)
    page.did(
        f"rebalancer target remove {REMOVED} --by {REQUESTER}",
        operator.say("target", "remove", REMOVED, "--by", REQUESTER),
    )
    page.did(
        f"rebalancer account rebalancing {SWITCHED_ON} on --by {REQUESTER}",
        operator.say("account", "rebalancing", SWITCHED_ON, "on", "--by", REQUESTER),
    )
    page.queue(operator.say("queue"))
    results = _rebalanced(operator, page)
    names = {each["id"]: each["name"] for each in yaml.safe_load(BOOK.read_text(encoding="utf-8"))["accounts"]}
    page.outcomes(results, names, SHOWS)
    page.left_in_queue(operator.run("queue"))
    if by_fix:
        page.wire(operator.say("fix", "status"))


def _clear(home: Path) -> None:
    """An earlier demo's data goes, unless that demo is still running."""
    from devstack.connection import connection
    from devstack.errors import StackError

    running = connection(home)
    if running is not None and running.alive:
        raise StackError(f"A demo is running already in {home} (pid {running.pid}). Next: wait for it, or stop it.")
    shutil.rmtree(home, ignore_errors=True)


def _rebalanced(operator: Operator, page: Page) -> list[dict[str, Any]]:
    """Submits the queue and three more accounts, approves all but one, and returns every rebalance whole."""
    queued = operator.run("submit", "--queue", "--by", REQUESTER)
    page.did(f"rebalancer submit --queue --by {REQUESTER}", f"{queued['request_id']}: {queued['accounts']} accounts")
    more = operator.run("submit", *BY_HAND, "--by", REQUESTER)
    page.did(
        f"rebalancer submit {' '.join(BY_HAND)} --by {REQUESTER}",
        f"{more['request_id']}: a person may submit any account",
    )
    requests = (queued["request_id"], more["request_id"])
    page.step("checking and planning each account")
    pending = _settled(operator, requests, queued["accounts"] + more["accounts"])
    canceled = next(each for each in pending if each["account_id"] == CANCELED)
    operator.run("cancel", canceled["rebalance_id"], "--by", APPROVER, "--why", "the client adds cash tomorrow")
    page.did(
        f'rebalancer cancel {canceled["rebalance_id"]} --by {APPROVER} --why "the client adds cash tomorrow"',
        f"{CANCELED}: nothing of it trades",
    )
    for request in requests:
        shown = operator.run("show", request)
        _approve(operator, page, request, shown["plans"], "what `show` showed; whoever submits does not approve")
        for liquidation in shown["liquidations"]:
            digest = operator.run("show", liquidation)["plan_digest"]
            _approve(operator, page, liquidation, digest, "it sells everything: approved by its own name alone")
    page.step("executing what is approved")
    ended = sorted(_ended(operator, requests), key=lambda each: str(each["account_id"]))
    page.step("reading how each ended")
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda each: operator.run("show", each["rebalance_id"]), ended))


def _approve(operator: Operator, page: Page, id_: str, digest: str, why: str) -> None:
    plan = digest[:8]
    page.did(f"rebalancer approve {id_} --by {APPROVER} --plan {plan}", why)
    operator.run("approve", id_, "--by", APPROVER, "--plan", plan)


def _settled(operator: Operator, requests: tuple[str, ...], count: int) -> list[dict[str, Any]]:
    """The requests' rebalances, once each waits for an approval or has ended."""
    return _awaited(operator, requests, count, {"CHECKING", "EXECUTING", "RECONCILING"})


def _ended(operator: Operator, requests: tuple[str, ...]) -> list[dict[str, Any]]:
    """The requests' rebalances, once each has ended."""
    return _awaited(operator, requests, 0, {"CHECKING", "EXECUTING", "RECONCILING", "PENDING_APPROVAL"})


def _awaited(operator: Operator, requests: tuple[str, ...], count: int, unfinished: set[str]) -> list[dict[str, Any]]:
    import time

    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        rows = [row for row in operator.run("history") if row["request_id"] in requests]
        if len(rows) >= count and not any(row["status"] in unfinished for row in rows):
            return rows
        time.sleep(0.2)
    raise SystemExit(f"demo: these rebalances did not come to an end within two minutes: {rows}")
