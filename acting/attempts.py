"""What somebody tried and was refused: it changed nothing, and is recorded all the same."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reading.accounts.known import named_among

if TYPE_CHECKING:
    from storage.actor import Actor
    from storage.connection import Books


def refused(books: "Books", actor: "Actor", words: Sequence[str], told: Mapping[str, str]) -> None:
    """Records a refused command, under the account that its words name, where they name one."""
    with books.transaction(actor) as work:
        known = named_among(work, words)
        work.audit.record("command refused", account_id=known[0] if len(known) == 1 else None, after=dict(told))
