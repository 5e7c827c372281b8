"""A seal over what is recorded now, and its hash taken to where nobody who may write here can change it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acting.actors import actor
from identity.person import Person

if TYPE_CHECKING:
    from storage.connection import Books
    from storage.record.seals import Seal


@dataclass(frozen=True, slots=True)
class Sealed:
    """The seal that was made; None where the `last` one has all that is recorded.

    `anchored`: the last that an anchor took. `failed`: anchors that did not, which the next seal tries again.
    """

    made: "Seal | None"
    last: Any
    anchored: Any
    failed: Sequence[str]


def seal(books: "Books", person: Person) -> Sealed:
    """Seals what is recorded. Refused where an anchor is configured that nobody knows."""
    from anchors.keeping import keep_seals
    from reading.record.verify import anchors

    where = anchors()
    with books.transaction(actor(person)) as work:
        made = work.seals.seal()
        last = work.seals.last()
    failed = keep_seals(books, where)
    with books.transaction() as work:
        return Sealed(made, last, work.seals.last_anchored(), failed)
