"""What accounts should hold: targets assigned, removed and edited. Queues accounts; nothing trades."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from acting.actors import actor
from identity.person import Person
from reading.accounts.known import must_all_be_known
from reading.market.targets import unknown

if TYPE_CHECKING:
    from storage.connection import Books
    from storage.intake.target_edits import TargetEdit


def assign(books: "Books", person: Person, account_ids: Sequence[str], target_id: str, today: date) -> list[str]:
    """Assigns a target in place of any other, and queues the accounts: all or none. Says what it did, of each.

    Raises Unknown.
    """
    from storage.accounts.accounts import TargetUnknown

    with books.transaction(actor(person)) as work:
        must_all_be_known(work, account_ids)
        try:
            done = {each: work.accounts.assign_target(each, target_id, today) for each in sorted(account_ids)}
        except TargetUnknown as flaw:
            raise unknown(flaw.target_id) from flaw
    return [done[each] for each in account_ids]


def remove(books: "Books", person: Person, account_ids: Sequence[str], today: date) -> list[str]:
    """Removes the accounts' targets: all or none. Says what it did, of each. Raises Unknown."""
    with books.transaction(actor(person)) as work:
        must_all_be_known(work, account_ids)
        done = {each: work.accounts.remove_target(each, today) for each in sorted(account_ids)}
    return [done[each] for each in account_ids]


def edit(books: "Books", person: Person, raw: dict[str, Any]) -> "TargetEdit":
    """A new version of a target, in the form that a book has it; raises BookRefused with every problem.

    Over a `Rehearsal` of the books it says what it would do, and keeps nothing.
    """
    from storage.intake.target_edits import edit_target

    return edit_target(books, raw, actor(person))


def as_json(done: "TargetEdit") -> dict[str, Any]:
    """What an edit did, in its public form."""
    return {
        "target": done.target_id,
        "version": done.version,
        "versions": {key: {"before": before, "now": now} for key, (before, now) in done.versions.items()},
        "queued": done.queued,
        "rebalancing_off": done.off,
        "warnings": [each.message for each in done.warnings],
    }
