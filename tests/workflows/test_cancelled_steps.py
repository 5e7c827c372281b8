"""A step that is cancelled, or taken for dead, ends where it can: never within an import, whose lock it would keep."""

import importlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity
from temporalio.exceptions import CancelledError
from temporalio.testing import ActivityEnvironment

from activities import blocks, desks, execution, reconciliation, target, trades
from activities.context import beat, step

MODULE = "loaded_slowly_by_a_step"
BEGUN, GO = threading.Event(), threading.Event()


class Steps:
    """What loads something, and what beats."""

    @step("load")
    def load(self, message: Any) -> str:
        return str(importlib.import_module(MODULE).__name__)

    @step("go_on")
    def go_on(self, message: Any) -> None:
        while True:
            beat("lives")


def started(done: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=done, daemon=True)
    thread.start()
    return thread


def test_what_is_cancelled_while_it_waits_for_an_import_keeps_nobody_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporal's exception in the thread left the module's lock taken for good: the worker never did a step again."""
    (tmp_path / f"{MODULE}.py").write_text(
        f"import {__name__} as test\ntest.BEGUN.set()\nassert test.GO.wait(30)\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    first = started(lambda: importlib.import_module(MODULE))
    assert BEGUN.wait(30)
    environments = [ActivityEnvironment() for _ in range(4)]
    waiting = [started(lambda env=each: env.run(Steps().load, None)) for each in environments]  # type: ignore[misc]
    for each in waiting:
        each.join(0.1)
    for each in environments:
        each.cancel()
    GO.set()
    later = started(lambda: importlib.import_module(MODULE))
    for thread in (first, *waiting, later):
        thread.join(20)
        assert not thread.is_alive(), "it waits for an import for ever"


def test_a_step_that_beats_ends_at_its_next_beat_once_it_is_cancelled() -> None:
    environment = ActivityEnvironment()
    ended: list[BaseException] = []

    def run() -> None:
        try:
            environment.run(Steps().go_on, None)
        except BaseException as flaw:
            ended.append(flaw)

    thread = started(run)
    environment.cancel()
    thread.join(20)
    assert [type(each) for each in ended] == [CancelledError]


@pytest.mark.parametrize("module", [blocks, desks, execution, reconciliation, target, trades])
def test_no_step_is_interrupted_at_whatever_line_it_is_in(module: Any) -> None:
    steps = [each for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__
             for each in vars(kind).values() if hasattr(each, "__temporal_activity_definition")]  # fmt: skip
    assert steps
    found = [activity._Definition.must_from_callable(each) for each in steps]
    assert all(each.no_thread_cancel_exception or each.is_async for each in found)
