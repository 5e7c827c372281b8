"""The keys, by a file: one line a key, `ID BASE64`, 256 bits each.

The first line's key encrypts; every line's decrypts. So a key is changed in two steps that need nobody to stop: the
new line goes last, until every process's file has it; then it goes first. Old lines stay as long as Temporal holds what
they encrypted. The file is read again when it changes.
"""

import base64
import binascii
import os
import re
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from payloads.errors import BadKeyFile, CannotDecode

BYTES = 32
ID = re.compile(r"[A-Za-z0-9._-]{1,40}")


@dataclass(frozen=True, slots=True)
class Key:
    """A key by its id, which stands readable beside what it encrypted."""

    id: str
    secret: bytes

    def line(self) -> str:
        """As it stands in the file."""
        return f"{self.id} {base64.b64encode(self.secret).decode()}"

    def __repr__(self) -> str:
        return f"Key({self.id!r})"  # no secret in a log


def new_key(key_id: str) -> Key:
    """A key of fresh randomness. Raises BadKeyFile for an id that can't stand in a file."""
    if not ID.fullmatch(key_id):
        raise BadKeyFile(f'"{key_id}" can\'t be the id of a key: 1 to 40 letters, digits, ".", "_" or "-"')
    return Key(key_id, secrets.token_bytes(BYTES))


def read(path: Path) -> tuple[Key, ...]:
    """The keys of a file, the encrypting one first. Raises BadKeyFile."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as flaw:
        reason = flaw.strerror if isinstance(flaw, OSError) else "it is not text"
        raise BadKeyFile(
            f"the payload keys {path} can't be read: {reason}. Make a file by `python -m payloads new-key {path}`"
        ) from flaw
    keys: dict[str, Key] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        key = _key(line, f"{path}, line {number}")
        if key.id in keys:
            raise BadKeyFile(f"{path}, line {number}: the key {key.id} stands there already; each has an id of its own")
        keys[key.id] = key
    if not keys:
        raise BadKeyFile(f"{path} holds no key: make one by `python -m payloads new-key {path}`")
    return tuple(keys.values())


def _key(line: str, where: str) -> Key:
    """The line's content is never repeated: it may be a secret that was mistyped."""
    words = line.split()
    if len(words) != 2 or not ID.fullmatch(words[0]):
        raise BadKeyFile(f"{where} is not `ID BASE64`")
    try:
        secret = base64.b64decode(words[1], validate=True)
    except binascii.Error as flaw:
        raise BadKeyFile(f"{where}: what follows {words[0]} is not base64") from flaw
    if len(secret) != BYTES:
        raise BadKeyFile(f"{where}: the key {words[0]} has {len(secret)} bytes instead of {BYTES}")
    return Key(words[0], secret)


class KeyRing:
    """The keys of one file, as they stand there now. Threads may share it."""

    def __init__(self, path: Path) -> None:
        """Raises BadKeyFile."""
        self.path = path
        self._lock = threading.Lock()
        self._seen = self._mark()
        self._keys = read(path)

    def encrypting(self) -> Key:
        """The key of the first line."""
        return self._now()[0]

    def decrypting(self, key_id: str) -> Key:
        """The key of this id. Raises CannotDecode."""
        for key in self._now():
            if key.id == key_id:
                return key
        raise CannotDecode(
            f"a payload is encrypted by the key {key_id}, which {self.path} does not hold: add its line to the file"
        )

    def _now(self) -> tuple[Key, ...]:
        """A file that breaks while we work breaks nothing that the keys already read can do."""
        with self._lock:
            mark = self._mark()
            if mark is not None and mark != self._seen:
                try:
                    self._keys = read(self.path)
                except BadKeyFile:
                    return self._keys  # half written, perhaps: looked at again next time
                self._seen = mark
            return self._keys

    def _mark(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def write(path: Path, keys: tuple[Key, ...]) -> None:
    """Replaces the file in one piece, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("".join(key.line() + "\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
