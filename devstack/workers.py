"""The workers of a stack, and its console: any of them may die at any time, and another takes its place."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devstack.connection import PROJECT
from devstack.errors import StackError
from devstack.processes import Child, spawn

GRACE = 35.0  # seconds to finish running activities in; the worker itself gives them 30
SHORT_LIFE = 10.0  # seconds; who dies younger probably can't work at all
SHORT_LIVES = 5  # so many in a row, and we stop trying


class Workers:
    """`count` processes of one command, `called` so with their number, each with a log of its own."""

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        logs: Path,
        count: int,
        say: Callable[[str], None],
        called: str = "worker {}",
    ) -> None:
        self.children: list[Child] = []
        self._command = command
        self._env = env
        self._logs = logs
        self._say = say
        self._called = called
        self._started = [0.0] * count
        self._short_lives = [0] * count

    def start(self) -> None:
        """Start them all; they may take seconds to take up work."""
        for index in range(len(self._started)):
            self.children.append(self._spawn(index))

    def stop(self) -> None:
        """All at the same time: together they take as long as the slowest."""
        for child in self.children:
            child.ask_to_stop()
        for child in self.children:
            child.stop(GRACE)
        self.children.clear()

    def replace_dead(self) -> bool:
        """Start another for each that died, and say so; True if there was one. StackError if they only ever die."""
        dead = [index for index, child in enumerate(self.children) if not child.running]
        for index in dead:
            child = self.children[index]
            age = time.monotonic() - self._started[index]
            self._short_lives[index] = self._short_lives[index] + 1 if age < SHORT_LIFE else 1
            if self._short_lives[index] > SHORT_LIVES:
                raise StackError(
                    f"{child.name} {child.ending} {SHORT_LIVES} times in a row. Its last words:{child.last_words()}"
                )
            self._say(f"{child.name} (pid {child.pid}) {child.ending}; another takes its place. Log: {child.log_file}")
            time.sleep(0.5 * (self._short_lives[index] - 1))
            child.stop()
            self.children[index] = self._spawn(index)
        return bool(dead)

    def _spawn(self, index: int) -> Child:
        self._started[index] = time.monotonic()
        name = self._called.format(index + 1)
        log = self._logs / f"{name.replace(' ', '-')}.log"
        return spawn(name, self._command, log, env=self._env, cwd=PROJECT)
