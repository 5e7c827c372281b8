"""The frozen planner of a version of the rules, checked against its hashes before it is asked."""

import importlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from planners.manifest import changed, manifest_of

FOLDER = Path(__file__).parent

# `decision.decided` of a version: snapshot, policy, mode, overrides and purpose as they are kept, to the plan's JSON.
Planner = Callable[..., str]


class NoPlanner(LookupError):
    """No planner of that version can be asked; the text says why, and what to do."""


def versions() -> list[str]:
    """The versions of the rules whose planners are frozen here, the oldest first."""
    return sorted((path.stem.removeprefix("rules_") for path in FOLDER.glob("rules_*.sha256")), key=int)


@lru_cache
def planner(version: str) -> Planner:
    """The planner that decided under a version of the rules.

    Raises NoPlanner where there is none of that version, or a byte of it is not what was frozen.
    """
    if version not in versions():
        raise NoPlanner(f"no planner of rules {version} is kept here: ask a release that has them")
    if wrong := changed(FOLDER / f"rules_{version}"):
        raise NoPlanner(
            f"the frozen planner of rules {version} was changed: planners/{wrong[0]} is not what "
            f"{manifest_of(Path(f'planners/rules_{version}'))} says. Put back the release's files"
        )
    decided: Planner = importlib.import_module(f"planners.rules_{version}.decision").decided
    return decided
