"""Keeps every seal that an anchor does not have yet: asked after each seal, so that what failed once comes later.

An anchor is asked outside of any transaction; that it answered is noted in one of its own.
"""

from collections.abc import Iterable

from anchors.port import Anchor, AnchorFailed, Sealed
from storage.connection import Books


def keep_seals(books: Books, anchors: Iterable[Anchor]) -> list[str]:
    """Brings each anchor up to the last seal; what failed, in words, an anchor at most once."""
    failed = []
    for anchor in anchors:
        with books.transaction() as read:
            missing = read.seals.without_anchor(anchor.name)
        try:
            for seal in missing:
                receipt = anchor.keep(Sealed(seal.id, seal.sealed_at, seal.sealed_by, seal.hash))
                with books.transaction() as note:
                    note.seals.note_anchor(seal.id, anchor.name, receipt)
        except AnchorFailed as flaw:
            failed.append(str(flaw))
    return failed


def differing(books: Books, anchors: Iterable[Anchor]) -> list[tuple[int, str]]:
    """Seals that an anchor which can be read has, and the database has not so: their number, and which anchor's."""
    with books.transaction() as read:
        known = {(seal.id, seal.hash.hex()) for seal in read.seals.all()}
    readable = [(anchor.name, anchor.kept()) for anchor in anchors if hasattr(anchor, "kept")]
    return [(seal, name) for name, kept in readable for seal, digest in kept if (seal, digest) not in known]
