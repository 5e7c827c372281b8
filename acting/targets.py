"""What accounts should hold: targets assigned, removed and edited. Queues accounts; nothing trades."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from acting.actors import actor
from acting.proving import Sign, deciding
from identity.person import Person
from reading.accounts.known import must_all_be_known
from reading.market.targets import unknown
from reading.refused import Changed

PLANNED = 20  # accounts of an edit that are planned beforehand

if TYPE_CHECKING:
    from storage.connection import Books
    from storage.intake.target_edits import TargetEdit


def assign(
    books: "Books", person: Person, account_ids: Sequence[str], target_id: str, today: date, sign: Sign | None = None
) -> list[str]:
    """Assigns a target in place of any other, and queues the accounts: all or none. Says what it did, of each.

    Raises Unknown.
    """
    from storage.accounts.accounts import TargetUnknown

    what = {"account_ids": sorted(account_ids), "target": target_id}
    with deciding(books, person, "assign", what, sign) as work:
        must_all_be_known(work, account_ids)
        try:
            done = {each: work.accounts.assign_target(each, target_id, today) for each in sorted(account_ids)}
        except TargetUnknown as flaw:
            raise unknown(flaw.target_id) from flaw
    return [done[each] for each in account_ids]


def remove(
    books: "Books", person: Person, account_ids: Sequence[str], today: date, sign: Sign | None = None
) -> list[str]:
    """Removes the accounts' targets: all or none. Says what it did, of each. Raises Unknown."""
    what = {"account_ids": sorted(account_ids), "target": ""}
    with deciding(books, person, "assign", what, sign) as work:
        must_all_be_known(work, account_ids)
        done = {each: work.accounts.remove_target(each, today) for each in sorted(account_ids)}
    return [done[each] for each in account_ids]


def edit(
    books: "Books", person: Person, raw: dict[str, Any], sign: Sign | None = None, of_version: int | None = None
) -> "TargetEdit":
    """A new version of a target, in the form that a book has it; raises BookRefused with every problem.

    `of_version`: the version that whoever edits has seen; raises Changed where somebody stored another since. Over a
    `Rehearsal` of the books it says what it would do, and keeps nothing.
    """
    from storage.connection import Within
    from storage.intake.target_edits import edit_target

    with deciding(books, person, "assign", {"edited": raw}, sign) as work:
        done = edit_target(Within(work, books.engine), raw, actor(person))
        _as_seen(done, of_version)
        return done


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What an edit would do: whom it would queue, and what would trade on the first of those accounts, planned."""

    edit: "TargetEdit"
    plans: list[dict[str, Any]]


def rehearse(
    books: "Books", person: Person, raw: dict[str, Any], today: date, trade_on: date, of_version: int | None = None
) -> Rehearsed:
    """The edit and its plans in one transaction that is never committed; raises as `edit`."""
    from domain.plan import plan
    from domain.telling import plan_json
    from domain.values.policy import DEFAULT_MODE
    from storage.connection import Rehearsal, Within
    from storage.intake.target_edits import edit_target

    with Rehearsal(books.engine).transaction(actor(person)) as work:
        done = edit_target(Within(work, books.engine), raw, actor(person))
        _as_seen(done, of_version)
        served: list[str] = []
        for target_id in done.versions:
            served += [row.id for row in work.listings.accounts(0, PLANNED, "open", target_id, rebalancing=True).rows]
        made = [
            plan_json.as_json(plan(*work.snapshots.take(account_id, None, today, trade_on), DEFAULT_MODE))
            for account_id in sorted(served)[:PLANNED]
        ]
    return Rehearsed(done, made)


def _as_seen(done: "TargetEdit", of_version: int | None) -> None:
    now = done.versions.get(done.target_id, (done.version,))[0]
    if of_version is not None and of_version != now:
        told = f"target {done.target_id} is version {now} by now, and version {of_version} was edited: somebody stored"
        raise Changed(f"{told} another meanwhile. Nothing was changed", evidence={"version": now})


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
