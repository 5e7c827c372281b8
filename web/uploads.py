"""Files between the check and the confirmation: kept by this process for a while, under the hash of what they hold."""

import contextlib
import hashlib
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reading.refused import Refused

DIGEST = re.compile(r"[0-9a-f]{64}")
LONGEST, LONGEST_SUFFIX = 120, 12  # bytes of a name, and letters of its suffix
KEPT = 900.0  # seconds from the check to the confirmation
_folder: list[tempfile.TemporaryDirectory[str]] = []


def keep(name: str, content: bytes) -> str:
    """Keeps a file until somebody confirms it; its SHA-256, by which it is found."""
    digest = hashlib.sha256(content).hexdigest()
    for each in _old():
        each.unlink(missing_ok=True)
    place = _place() / digest
    place.mkdir(exist_ok=True)
    named = place / _plain(name)
    named.write_bytes(content)
    for each in place.iterdir():
        if each != named:  # the same, called otherwise before
            each.unlink(missing_ok=True)
    return digest


def find(digest: str) -> Path | None:
    """The file of that hash, under the name that it came with; None where it is kept no more, or by another process."""
    place = _place() / digest if DIGEST.fullmatch(digest) else None
    return next(iter(place.iterdir()), None) if place is not None and place.is_dir() else None


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
    known = Path("".join(each for each in Path(name).name if each.isalnum() or each in "._- ").strip(". ") or "upload")
    suffix = known.suffix if len(known.suffix) <= LONGEST_SUFFIX else ""  # by which a file's format is known
    stem = known.name.removesuffix(suffix).encode()[: LONGEST - len(suffix.encode())].decode(errors="ignore")
    return stem + suffix


def _old() -> Iterator[Path]:
    oldest = time.time() - KEPT  # by the file system's own clock, which stamps them
    for each in _place().glob("*/*"):
        with contextlib.suppress(FileNotFoundError):  # somebody else's upload took it away meanwhile
            if each.stat().st_mtime < oldest:
                yield each
