"""Does a decision come out again from what was kept of it, byte for byte?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reading.actions import do
from reading.refused import Said, Unknown

if TYPE_CHECKING:
    from storage.connection import Transaction
    from storage.recomputation import Recomputed

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Decided:
    """A rebalance's rounds, each decided again."""

    rebalance_id: str
    rounds: "list[Recomputed]"

    @property
    def wrong(self) -> "list[Recomputed]":
        """Those that do not come out again, or whose evidence is not the record's."""
        return [each for each in self.rounds if not each.ok]

    def as_json(self) -> Json:
        """The public form."""
        return {"rebalance_id": self.rebalance_id, "ok": not self.wrong, "rounds": [*map(round_as_json, self.rounds)]}


def recompute(books: "Transaction", rebalance_id: str) -> Decided:
    """Plans it again from its kept snapshots and policies, by the rules that made it. Raises Unknown."""
    from storage.recomputation import recompute as decided_again
    from storage.work.rebalances import UnknownRebalance

    try:
        return Decided(rebalance_id, list(decided_again(books, rebalance_id)))
    except UnknownRebalance as flaw:
        raise no_rebalance(rebalance_id) from flaw


def no_rebalance(id_: str) -> Unknown:
    """The refusal of an id that is no rebalance's."""
    return Unknown(f"{id_} is no rebalance: ", do("history", told="see `{}` for the ids"))


def round_as_json(each: "Recomputed") -> Json:
    """A round in its public form."""
    return {
        "round": each.round,
        "rules_version": each.rules_version,
        "same": each.same,
        "evidence_as_recorded": dict(each.evidence),
        "differences": list(each.differences),
        "unable": each.unable,
    }


def in_words(each: "Recomputed") -> str:
    """Whether a round came out again."""
    if each.unable:
        return each.unable
    return {
        True: "the same plan, byte for byte",
        False: f"NOT THE SAME: {len(each.differences)} differences, kept value first",
        None: "a check refused the account: there was no plan to compute again",
    }[each.same]


def what_is_wrong(each: "Recomputed") -> tuple[Said, ...]:
    """What a round that does not come out again means."""
    changed = [name for name, good in each.evidence.items() if good is False]
    if changed:
        return f"What is kept as its {' and '.join(changed)} was changed: ", do("audit verify")
    if each.unable:
        return (f"{each.unable[0].upper()}{each.unable[1:]}",)
    return (
        f"Rules {each.rules_version} give another plan from the snapshot and policy of the record: its mode, overrides "
        "or purpose were changed since, or a rule changed without a new version, which is a fault of this release",
    )
