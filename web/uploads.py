"""Files between the check and the confirmation: kept by this process for a while, under the hash of what they hold."""

import hashlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reading.refused import Refused

KEPT = 900.0  # seconds from the check to the confirmation
_folder: list[tempfile.TemporaryDirectory[str]] = []


def keep(name: str, content: bytes) -> str:
    """Keeps a file until somebody confirms it; its SHA-256, by which it is found."""
    digest = hashlib.sha256(content).hexdigest()
    for each in _old():
        each.unlink(missing_ok=True)
    place = _place() / digest
    place.mkdir(exist_ok=True)
    (place / _plain(name)).write_bytes(content)
    return digest


def find(digest: str) -> Path | None:
    """The file of that hash, under the name that it came with; None where it is kept no more, or by another process."""
    place = _place() / digest
    if len(digest) != 64 or not digest.isalnum() or not place.is_dir():
        return None
    return next(iter(place.iterdir()), None)


@contextmanager
def called_by_name(path: Path) -> Iterator[Path]:
    """What the block refuses names the file as who sent it knows it, and not where it lies here."""
    try:
        yield path
    except Refused as flaw:
        said = [each.replace(str(path), path.name) if isinstance(each, str) else each for each in flaw.said]
        raise type(flaw)(*said, rule=flaw.rule, evidence=flaw.evidence) from flaw.__cause__


def _place() -> Path:
    if not _folder:
        _folder.append(tempfile.TemporaryDirectory(prefix="rebalancer-console-"))
    return Path(_folder[0].name)


def _plain(name: str) -> str:
    """The last part of a name, without what means something to a file system."""
    return "".join(each for each in Path(name).name if each.isalnum() or each in "._- ")[:80].strip(". ") or "upload"


def _old() -> Iterator[Path]:
    oldest = time.time() - KEPT  # by the file system's own clock, which stamps them
    yield from (each for each in _place().glob("*/*") if each.stat().st_mtime < oldest)
