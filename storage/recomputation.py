"""A decision computed again, from what was kept of it: every round of a rebalance, byte for byte.

Each round is planned by the version of the rules that made it: today's, or a frozen one (AUDIT-1). Also says whether
what was kept is what the audit record says was kept: a changed snapshot would agree with a changed plan.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Text, cast, select

from domain.decision import AUDIT_1, decided
from domain.telling.differences import differences
from domain.values.rules import RULES_VERSION
from planners import frozen
from storage.connection import Transaction
from storage.record import documents
from storage.record.chain import as_json
from storage.schema.audit import audit_records, rebalance_rounds
from storage.work.rebalances import DECISION_KEPT

EVIDENCE = ("snapshot", "policy", "plan")


@dataclass(frozen=True, slots=True)
class Recomputed:
    """One round, decided again. `same` is None where a check had refused the account, so that there was no plan.

    `unable` says why a plan could not be computed again at all; `same` is None then too.
    """

    round: int
    rules_version: str
    same: bool | None
    differences: tuple[str, ...]
    evidence: Mapping[str, bool | None]  # as recorded; None where nothing was recorded of it
    unable: str | None = None

    @property
    def ok(self) -> bool:
        """True where the decision comes out again from what was recorded."""
        return self.same is not False and self.unable is None and False not in self.evidence.values()


class NotDecided(Exception):
    """A kept decision could not be computed again; the text says why, and what to do."""


def recompute(books: Transaction, rebalance_id: str) -> list[Recomputed]:
    """Decides every round of a rebalance again. Raises UnknownRebalance."""
    row = books.rebalances.get(rebalance_id)
    recorded = _recorded(books, rebalance_id)
    return [_round(row, kept, recorded.get(kept.round, {})) for kept in _kept(books, rebalance_id)]


def _round(row: Row[Any], kept: Row[Any], recorded: Mapping[str, str | None]) -> Recomputed:
    same: bool | None = None
    found: tuple[str, ...] = ()
    unable: str | None = None
    if kept.plan_text is not None:
        try:
            again = _decided_again(row, kept)
        except NotDecided as flaw:
            unable = str(flaw)
        else:
            same = again == kept.plan_text
            found = () if same else tuple(differences(json.loads(kept.plan_text), json.loads(again)))
    texts = {"snapshot": kept.snapshot_text, "policy": kept.policy_text, "plan": kept.plan_text}
    evidence = {name: _digest(texts[name]) == recorded[name] if name in recorded else None for name in EVIDENCE}
    return Recomputed(kept.round, kept.rules_version, same, found, evidence, unable)


def _decided_again(row: Row[Any], kept: Row[Any]) -> str:
    """The plan of a round by the rules that made it, in the form in which plans are kept. Raises NotDecided."""
    version = kept.rules_version
    try:
        planner = decided if version == RULES_VERSION else frozen.planner(version)
        return as_json(json.loads(planner(kept.snapshot, kept.policy, row.mode, row.overrides, row.purpose)))
    except frozen.NoPlanner as flaw:
        raise NotDecided(f"{flaw} ({AUDIT_1.code})") from flaw
    except (ValueError, LookupError, TypeError, AttributeError) as flaw:
        first = next(iter(str(flaw).splitlines()), "")
        raise NotDecided(f"what is kept of it is not of the form of rules {version} ({first})") from flaw


def _kept(books: Transaction, rebalance_id: str) -> list[Row[Any]]:
    """The rounds, with the texts that were kept, byte for byte."""
    of = rebalance_rounds.c
    contents = {name: documents.content(rebalance_rounds, name) for name in EVIDENCE}
    texts = [cast(each, Text).label(f"{name}_text") for name, each in contents.items()]
    query = select(of.round, of.rules_version, *contents.values(), *texts).where(of.rebalance_id == rebalance_id)
    return list(books.connection.execute(query.order_by(of.round)))


def _recorded(books: Transaction, rebalance_id: str) -> dict[int, Mapping[str, str | None]]:
    """The hashes that the audit record has of each round."""
    query = select(audit_records.c.after).where(
        audit_records.c.rebalance_id == rebalance_id, audit_records.c.action == DECISION_KEPT
    )
    return {after["round"]: after for after in books.connection.scalars(query)}


def _digest(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()
