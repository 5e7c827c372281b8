"""Manifests: the SHA-256 of every file of a frozen planner, in the form that `sha256sum --check` reads."""

import hashlib
from pathlib import Path


def manifest_of(planner: Path) -> Path:
    """Where the hashes of a frozen planner are kept: beside its folder, under its name."""
    return planner.with_name(f"{planner.name}.sha256")


def written(planner: Path) -> str:
    """The manifest that the files of a planner have now: a line a file, by its path from the manifest."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(_digests(planner).items()))


def changed(planner: Path) -> list[str]:
    """The files that are not what the manifest says: changed, gone, or never part of it."""
    listed = manifest_of(planner).read_text(encoding="utf-8").splitlines()
    frozen = {name: digest for digest, _, name in (line.partition("  ") for line in listed)}
    there = _digests(planner)
    return sorted(name for name in frozen.keys() | there.keys() if frozen.get(name) != there.get(name))


def _digests(planner: Path) -> dict[str, str]:
    files = [path for path in planner.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {
        path.relative_to(planner.parent).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
