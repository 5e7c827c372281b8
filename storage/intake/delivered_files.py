"""Delivered files: each that was loaded is kept as it came, with its hash; the same file twice is kept once."""

import hashlib
import zlib
from dataclasses import dataclass

from sqlalchemy.dialects.postgresql import insert

from storage.connection import Transaction
from storage.schema.feeds import delivered_files


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it came: its name, its bytes, and the feed that read it (None: it is in our own format)."""

    name: str
    content: bytes
    feed: str | None = None

    @property
    def sha256(self) -> str:
        """The file's hash, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def keep(transaction: Transaction, source: Source, kind: str) -> None:
    """Keeps a file in the transaction that loads it. `kind` is what it is loaded as."""
    transaction.connection.execute(
        insert(delivered_files)
        .values(
            sha256=source.sha256,
            kind=kind,
            name=source.name,
            feed=source.feed,
            bytes=len(source.content),
            content=zlib.compress(source.content),
            received_by=transaction.audit.actor.who,
        )
        .on_conflict_do_nothing(index_elements=["sha256", "kind"])
    )
