"""What accounts should hold: targets assigned, removed and edited. Queues accounts; nothing trades."""

from datetime import date
from typing import TYPE_CHECKING, Any

from acting.actors import actor
from identity.person import Person
from reading.accounts.known import known
from reading.market.targets import unknown

if TYPE_CHECKING:
    from storage.connection import Books
    from storage.intake.target_edits import TargetEdit


def assign(books: "Books", person: Person, account_id: str, target_id: str, today: date) -> str:
    """Assigns a target in place of any other, and queues the account; says what it did. Raises Unknown."""
    from storage.accounts.accounts import TargetUnknown

    with books.transaction(actor(person)) as work, known(account_id):
        try:
            return work.accounts.assign_target(account_id, target_id, today)
        except TargetUnknown as flaw:
            raise unknown(flaw.target_id) from flaw


def remove(books: "Books", person: Person, account_id: str, today: date) -> str:
    """Removes the account's target; says what it did. Raises Unknown."""
    with books.transaction(actor(person)) as work, known(account_id):
        return work.accounts.remove_target(account_id, today)


def edit(books: "Books", person: Person, raw: dict[str, Any]) -> "TargetEdit":
    """A new version of a target, in the form that a book has it; raises BookRefused with every problem.

    Over a `Rehearsal` of the books it says what it would do, and keeps nothing.
    """
    from storage.intake.target_edits import edit_target

    return edit_target(books, raw, actor(person))
