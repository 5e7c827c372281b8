"""Freezing: the planner of the rules in force, copied out of `domain/` with all that it imports, and hashed.

Done before a rule changes (AUDIT-1). The copy must give every plan that is kept of its rules; then the domain's rules
become the next version.
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from planners.closure import closure, renamed
from planners.kept import kept_plans
from planners.manifest import manifest_of, written

DOMAIN = "domain"
DOOR = "decision"  # the module through which a planner is asked: it, and all that it imports, is the planner
VERSION = re.compile(r'^RULES_VERSION = "(\d+)"$', re.MULTILINE)


class CannotFreeze(Exception):
    """Nothing was frozen; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A planner that was frozen: its folder, how many files it has, and the version that the domain has from now on."""

    planner: Path
    files: int
    next_version: str


def freeze(project: Path) -> Frozen:
    """Freezes a project's planner and raises its RULES_VERSION. Raises CannotFreeze, and then leaves nothing behind."""
    rules = _rules(project)
    text = rules.read_text(encoding="utf-8")
    version = VERSION.findall(text)[0]
    planner = project / "planners" / f"rules_{version}"
    if planner.exists() or manifest_of(planner).exists():
        raise CannotFreeze(f"rules {version} are frozen already: raise RULES_VERSION in {rules.relative_to(project)}")
    sources = closure(project / DOMAIN, DOOR)
    try:
        for path, source in sources.items():
            file = planner / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(renamed(source, DOMAIN, f"planners.{planner.name}"), encoding="utf-8")
        manifest_of(planner).write_text(written(planner), encoding="utf-8")
        _prove(project, version)
    except BaseException:
        shutil.rmtree(planner, ignore_errors=True)
        manifest_of(planner).unlink(missing_ok=True)
        raise
    following = str(int(version) + 1)
    rules.write_text(VERSION.sub(f'RULES_VERSION = "{following}"', text), encoding="utf-8")
    return Frozen(planner, len(sources), following)


def _rules(project: Path) -> Path:
    """The file of the domain that has RULES_VERSION."""
    found = [path for path in (project / DOMAIN).rglob("*.py") if VERSION.search(path.read_text(encoding="utf-8"))]
    if len(found) != 1:
        raise CannotFreeze(f"RULES_VERSION has to be in one file of {project / DOMAIN}: it is in {len(found)}")
    return found[0]


def _prove(project: Path, version: str) -> None:
    """The copy, asked in a process of its own, gives every kept plan again."""
    if not kept_plans(project, version).exists():
        raise CannotFreeze(f"no plans of rules {version} are kept: python -m tests.kept_plans, before a rule changes")
    command = [sys.executable, "-m", "planners", "check", version]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise CannotFreeze(f"{said[-1] if said else 'the copy fails'}. Freeze before a rule changes, not after")
