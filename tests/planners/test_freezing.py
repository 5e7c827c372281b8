"""The next change of rules freezes today's planner by one command, shown on a copy of the project (AUDIT-1)."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from domain.values.rules import RULES_VERSION
from planners.closure import UnreadableImport, closure, renamed
from planners.kept import kept_plans
from planners.manifest import changed

PROJECT = Path(__file__).parents[2]
NEXT = str(int(RULES_VERSION) + 1)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """As much of the project as freezing needs, in a folder of its own."""
    for name in ("domain", "planners"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    kept = kept_plans(tmp_path, RULES_VERSION)
    kept.parent.mkdir(parents=True)
    shutil.copy(kept_plans(PROJECT, RULES_VERSION), kept)
    return tmp_path


def planners(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "planners", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def rules_file(project: Path) -> Path:
    (found,) = [path for path in (project / "domain").rglob("*.py") if "\nRULES_VERSION = " in path.read_text()]
    return found


def test_the_planner_in_force_is_frozen_and_the_next_version_begins(project: Path) -> None:
    done = planners(project, "freeze")
    assert (done.returncode, done.stderr) == (0, "")
    folder = project / "planners" / f"rules_{RULES_VERSION}"
    assert f"files frozen in planners/rules_{RULES_VERSION}; RULES_VERSION is {NEXT} now" in done.stdout
    assert changed(folder) == []
    assert f'\nRULES_VERSION = "{NEXT}"\n' in rules_file(project).read_text()

    # From now on the domain may change, or go: what was decided comes out again.
    shutil.rmtree(project / "domain")
    again = planners(project, "check", RULES_VERSION)
    assert (again.returncode, again.stdout) == (0, f"every kept plan comes out again: rules {RULES_VERSION}\n")


def test_every_module_of_the_copy_is_the_domains_but_for_the_name_in_imports(project: Path) -> None:
    planners(project, "freeze")
    folder = project / "planners" / f"rules_{RULES_VERSION}"
    sources = closure(PROJECT / "domain", "decision")
    assert len(sources) > 30
    for name, source in sources.items():
        lines = zip(source.splitlines(), (folder / name).read_text().splitlines(), strict=True)
        differ = [(old, new) for old, new in lines if old != new]
        assert all("import " in old and f"planners.{folder.name}" in new for old, new in differ), name


def test_a_planner_is_frozen_once(project: Path) -> None:
    assert planners(project, "freeze").returncode == 0
    rules = rules_file(project)
    rules.write_text(rules.read_text().replace(f'RULES_VERSION = "{NEXT}"', f'RULES_VERSION = "{RULES_VERSION}"'))
    done = planners(project, "freeze")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"rules {RULES_VERSION} are frozen already: raise RULES_VERSION in domain/" in done.stderr


def test_rules_that_changed_before_are_not_frozen_and_nothing_is_left_behind(project: Path) -> None:
    door = project / "domain" / "decision.py"
    door.write_text(door.read_text().replace("return plan_json.dumps(", "return ' ' + plan_json.dumps("))
    done = planners(project, "freeze")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "again. Freeze before a rule changes, not after" in done.stderr
    assert list((project / "planners").glob(f"rules_{RULES_VERSION}*")) == []
    assert f'\nRULES_VERSION = "{RULES_VERSION}"\n' in rules_file(project).read_text()


def test_a_version_without_kept_plans_is_not_frozen(project: Path) -> None:
    kept_plans(project, RULES_VERSION).unlink()
    done = planners(project, "freeze")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"no plans of rules {RULES_VERSION} are kept: python -m tests.kept_plans" in done.stderr
    assert list((project / "planners").glob(f"rules_{RULES_VERSION}*")) == []


# --- what a planner needs, and how its imports are renamed


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / "rules" / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    return folder / "rules"


def test_what_is_needed_is_found_through_rooms_and_nothing_else(tmp_path: Path) -> None:
    package = write(
        tmp_path,
        door="from rules import first\nfrom rules.room.second import VALUE\n",
        first="import json\nfrom rules.room import third\n",
        room__second="from decimal import Decimal\n",
        room__third="def late():\n    from rules.other.fourth import X\n",
        other__fourth="X = 1\n",
        other__unneeded="",
    )
    assert list(closure(package, "door")) == [
        "__init__.py", "door.py", "first.py",
        "other/__init__.py", "other/fourth.py",
        "room/__init__.py", "room/second.py", "room/third.py",
    ]  # fmt: skip


def test_imports_and_nothing_but_imports_are_renamed() -> None:
    source = '"""Says: from rules import x."""\nfrom rules.a import (\n    rules,\n)\nif rules:\n    import rules\n'
    assert renamed(source, "rules", "kept.rules_7") == (
        '"""Says: from rules import x."""\nfrom kept.rules_7.a import (\n    rules,\n)\nif rules:\n'
        "    import kept.rules_7 as rules\n"
    )


@pytest.mark.parametrize("source", ["from . import a\n", "import rules.a\n", "import json, rules\n"])
def test_an_import_that_tells_too_little_is_refused(source: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableImport, match=r"door.py:1"):
        closure(write(tmp_path, door=source), "door")
