"""Which anchors an installation has: REBALANCER_SEAL_ANCHORS, words apart by spaces.

file:/anchors/seals.jsonl   syslog:logs.example.org:601   rfc3161:https://tsa.example.org/tsr   none
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from anchors.file import FileAnchor
from anchors.port import Anchor
from anchors.syslog import SyslogAnchor
from anchors.timestamp import TimestampAnchor

ANCHORS = "REBALANCER_SEAL_ANCHORS"
HOME = "REBALANCER_HOME"
NONE = "none"
FILE = "seals.jsonl"


class UnknownAnchor(ValueError):
    """A word of the setting names no anchor."""


def configured(environment: Mapping[str, str], folder: Path = Path(".rebalancer")) -> list[Anchor]:
    """The anchors by the environment; without the setting a file in the stack's own folder. Raises UnknownAnchor."""
    words = environment.get(ANCHORS, "").split()
    if words == [NONE]:
        return []
    home = Path(environment.get(HOME) or folder)
    return [_anchor(word) for word in words] or [FileAnchor((home / FILE).absolute())]


def _anchor(word: str) -> Anchor:
    kind, _, where = word.partition(":")
    if kind == "file" and where:
        return FileAnchor(Path(where))
    host, _, port = where.rpartition(":")
    if kind == "syslog" and host and port.isdecimal():
        return SyslogAnchor(host, int(port))
    if kind == "rfc3161" and urlsplit(where).scheme in {"http", "https"}:
        return TimestampAnchor(where)
    raise UnknownAnchor(
        f"{ANCHORS} has {word}: give file:/path, syslog:host:port, rfc3161:https://authority, or none alone"
    )
