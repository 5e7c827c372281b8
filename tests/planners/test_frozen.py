"""Frozen planners decide as they decided, know nothing of ours, and are refused with a byte changed (AUDIT-1)."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from domain.values.rules import RULES_VERSION
from planners import frozen
from planners.frozen import NoPlanner, planner, versions
from planners.kept import decided_otherwise, kept_plans
from planners.manifest import changed, manifest_of, written

PROJECT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
OURS = sorted({*SETTINGS["tool"]["importlinter"]["root_packages"]} - {"planners"})


def test_every_version_before_todays_is_frozen_and_no_other() -> None:
    assert versions() == [str(number) for number in range(1, int(RULES_VERSION))]


@pytest.mark.parametrize("version", versions())
def test_every_file_is_as_it_was_frozen(version: str) -> None:
    folder = PROJECT / "planners" / f"rules_{version}"
    assert changed(folder) == []
    assert len(written(folder).splitlines()) > 30


@pytest.mark.parametrize("version", versions())
def test_what_was_decided_comes_out_again_byte_for_byte(version: str) -> None:
    file = kept_plans(PROJECT, version)
    assert len(file.read_text(encoding="utf-8").splitlines()) > 300
    assert [kept["name"] for kept, _ in decided_otherwise(planner(version), file)] == []


@pytest.mark.parametrize("version", versions())
def test_it_decides_where_nothing_else_of_ours_can_be_imported(version: str) -> None:
    assert "domain" in OURS
    hidden = f"import sys; sys.modules.update(dict.fromkeys({OURS!r})); sys.argv = ['planners', 'check', '{version}'];"
    run = "import runpy; runpy.run_module('planners', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", f"{hidden} {run}"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"every kept plan comes out again: rules {version}\n"), done.stderr


def test_a_plan_that_does_not_come_out_again_is_found(tmp_path: Path) -> None:
    kept = kept_plans(PROJECT, "1").read_text(encoding="utf-8").splitlines()[0]
    file = tmp_path / "plans.jsonl"
    file.write_text(kept.replace('"managed_value": "100000.00"', '"managed_value": "100000.01"'), encoding="utf-8")
    assert len(list(decided_otherwise(planner("1"), file))) == 1
    file.write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="has no plans"):
        list(decided_otherwise(planner("1"), file))


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The planner of version 1 in a folder that a test may spoil, where planners are looked for."""
    folder = tmp_path / "rules_1"
    shutil.copytree(PROJECT / "planners" / "rules_1", folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "planners" / "rules_1.sha256", manifest_of(folder))
    monkeypatch.setattr(frozen, "FOLDER", tmp_path)
    planner.cache_clear()
    return folder


def spoil_a_byte(folder: Path) -> None:
    file = folder / "money.py"
    file.write_bytes(file.read_bytes().replace(b"0.01", b"0.02", 1))


def lose_a_file(folder: Path) -> None:
    (folder / "lots.py").unlink()


def add_a_file(folder: Path) -> None:
    (folder / "json.py").write_text("")


@pytest.mark.parametrize(
    ("spoil", "name"), [(spoil_a_byte, "money.py"), (lose_a_file, "lots.py"), (add_a_file, "json.py")]
)
def test_a_changed_planner_is_refused(copied: Path, spoil: object, name: str) -> None:
    assert planner("1")
    planner.cache_clear()
    assert callable(spoil)
    spoil(copied)
    assert changed(copied) == [f"rules_1/{name}"]
    with pytest.raises(NoPlanner, match=rf"planners/rules_1/{name} is not what planners/rules_1.sha256 says"):
        planner("1")
    planner.cache_clear()


@pytest.mark.parametrize("version", ["0", RULES_VERSION, "99", "../1", ""])
def test_a_version_that_is_not_frozen_is_said(version: str) -> None:
    with pytest.raises(NoPlanner, match="is kept here: ask a release that has them"):
        planner(version)
