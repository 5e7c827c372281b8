"""A file on another volume: a line of JSON a seal, added to and never rewritten."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from anchors.port import AnchorFailed, Sealed


@dataclass(frozen=True, slots=True)
class FileAnchor:
    """Best on a volume that the database's server can't write to, kept append-only or once-writable by its owner."""

    path: Path

    @property
    def name(self) -> str:
        """`file` and its path."""
        return f"file {self.path}"

    def keep(self, sealed: Sealed) -> str:
        """Adds a line and waits until it is on the disk. A seal that is there is not added again."""
        line = json.dumps(
            {"seal": sealed.seal, "at": sealed.moment, "by": sealed.by, "hash": sealed.hash.hex()}, ensure_ascii=False
        )
        try:
            if (sealed.seal, sealed.hash.hex()) in self.kept():
                return f"{self.path}: there already"
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as flaw:
            raise AnchorFailed(f"{self.path}: {flaw.strerror or flaw}") from flaw
        return f"{self.path}: seal {sealed.seal}"

    def kept(self) -> list[tuple[int, str]]:
        """Every seal that is kept there, as its number and hash. A line that was torn by a crash is passed over."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                read = json.loads(line)
                found.append((int(read["seal"]), str(read["hash"])))
            except (ValueError, KeyError, TypeError):
                continue
        return found
