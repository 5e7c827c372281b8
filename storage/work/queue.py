"""The queue: the accounts that need a rebalance, each with its reasons and their evidence.

An account has at most one open entry; further reasons join it. Which codes there are, and their order, is the
domain's business.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Text, bindparam, cast, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from domain import queue as rules
from domain.values.rules import as_evidence
from storage import account_locks
from storage.record.audit import Audit, AuditEntry
from storage.schema.tables import queue_entries
from storage.values import among_given, by_key

OPEN = queue_entries.c.left_at.is_(None)
OPPOSITES = {"LOW_CASH": "HIGH_CASH", "HIGH_CASH": "LOW_CASH"}
# What the account's state gives by itself: measured anew, it replaces what was measured before.
STANDING = frozenset({"NO_TARGET", "FIRST_REBALANCE", "LOW_CASH", "HIGH_CASH", "OUTSIDE_TOLERANCE"})
ENTRY = select(queue_entries).where(queue_entries.c.account_id == bindparam("of"), OPEN)
OPEN_OF = select(queue_entries.c.account_id, queue_entries.c.reasons, queue_entries.c.primary_reason).where(
    among_given(queue_entries.c.account_id), OPEN
)
OPENED = insert(queue_entries)
LEFT = (
    update(queue_entries)
    .where(among_given(queue_entries.c.account_id), OPEN)
    .values(left_at=func.now(), left_because=bindparam("because"))
    .returning(queue_entries.c.account_id, queue_entries.c.reasons)
)
_RULES = {
    "NO_TARGET": rules.QUEUE_1,
    "FIRST_REBALANCE": rules.QUEUE_1,
    "TARGET_CHANGED": rules.QUEUE_1,
    "TOGGLED_ON": rules.QUEUE_2,
    "MANUAL": rules.QUEUE_6,
}

Reasons = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """An account in the queue. `reasons` are codes, the primary one first; `evidence` is by code."""

    account_id: str
    primary_reason: str
    reasons: list[str]
    evidence: dict[str, Any]
    queued_at: datetime
    last_issue: str | None


@dataclass(frozen=True, slots=True)
class Queued:
    """Reasons for one account to be in the queue. Codes in `instead_of` are dropped unless they are named again."""

    account_id: str
    reasons: Reasons
    instead_of: Collection[str] = ()


class Queue:
    """The queue as one transaction sees and changes it."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def add(self, account_id: str, reasons: Reasons, instead_of: Collection[str] = ()) -> bool:
        """Opens an entry, or joins the reasons to the open one; False where that changes nothing.

        `instead_of`: reasons of the open entry that no longer hold; they go, unless named again.
        """
        return bool(self.add_all([Queued(account_id, reasons, instead_of)]))

    def add_all(self, wanted: Iterable[Queued]) -> dict[str, str]:
        """As `add`, for many accounts at once; the entries opened or changed, as account -> primary reason."""
        each_of = {each.account_id: each for each in wanted if each.reasons}
        self.lock(each_of)
        open_now = {row.account_id: row for row in self.connection.execute(OPEN_OF, {"keys": list(each_of)})}
        opened, joined, records = [], [], []
        changed: dict[str, str] = {}
        for account_id, each in sorted(each_of.items()):
            there = open_now.get(account_id)
            before = {} if there is None else there.reasons
            merged = _merged(before, each)
            if merged == before:
                continue
            primary = changed[account_id] = next(iter(merged))
            record = {"account_id": account_id, "rule": _rule(each.reasons)}
            if there is None:
                opened.append({"account_id": account_id, "reasons": merged, "primary_reason": primary})
                records.append(AuditEntry("queued", **record, after=merged))
            else:
                joined.append({"of": account_id, "now": merged, "first": primary})
                records.append(AuditEntry("queue reasons changed", **record, before=before, after=merged))
        if opened:
            self.connection.execute(OPENED, opened)
        if joined:
            self._join(joined)
        self.audit.record_all(records)
        return changed

    def open(self, account_id: str, reasons: Reasons) -> None:
        """Opens an entry of an account that the transaction has locked, and seen to have none."""
        merged = _merged({}, Queued(account_id, reasons))
        self.connection.execute(
            OPENED, {"account_id": account_id, "reasons": merged, "primary_reason": next(iter(merged))}
        )
        self.audit.record("queued", account_id=account_id, rule=_rule(reasons), after=merged)

    def lock(self, account_ids: Collection[str]) -> None:
        """Two transactions that would open an entry for the same account wait for each other."""
        if len(account_ids) > 1:
            account_locks.by_rising_ids(self.connection)
        account_locks.locked(self.connection, account_ids)

    def _join(self, rows: list[dict[str, Any]]) -> None:
        self.connection.execute(
            update(queue_entries)
            .where(queue_entries.c.account_id == bindparam("of"), OPEN)
            .values(reasons=bindparam("now"), primary_reason=bindparam("first")),
            rows,
        )

    def leave(self, account_id: str, because: str) -> bool:
        """Closes the account's entry; False where it has none."""
        return self.leave_all([account_id], because) == 1

    def leave_all(self, account_ids: Collection[str], because: str) -> int:
        """As `leave`, for many accounts at once; the number of entries that were closed."""
        left = self.connection.execute(LEFT, {"keys": list(account_ids), "because": because}).all()
        self.audit.record_all(
            AuditEntry("left the queue", account_id=row.account_id, before=row.reasons, after={"because": because})
            for row in sorted(left, key=lambda row: row.account_id)
        )
        return len(left)

    def note_issue(self, account_id: str, issue: str | None) -> None:
        """Puts the last issue on the account's entry, if it has one (QUEUE-5); None clears it."""
        before = self.entry(account_id)
        if before is None or before.last_issue == issue:
            return
        self.connection.execute(
            update(queue_entries).where(queue_entries.c.account_id == account_id, OPEN).values(last_issue=issue)
        )
        self.audit.record(
            "issue noted in the queue",
            account_id=account_id,
            rule=rules.QUEUE_5.code,
            before={"last_issue": before.last_issue},
            after={"last_issue": issue},
        )

    def entry(self, account_id: str) -> QueueEntry | None:
        """The account's open entry."""
        row = self.connection.execute(ENTRY, {"of": account_id}).one_or_none()
        return None if row is None else _entry(row)

    def entries(self, reason: str | None = None) -> list[QueueEntry]:
        """The open entries, or those with one reason among theirs: by primary reason, then account."""
        query = select(queue_entries).where(OPEN)
        if reason is not None:
            query = query.where(queue_entries.c.reasons.has_key(reason))
        rank = func.array_position(
            cast(literal(list(rules.REASONS), ARRAY(Text)), ARRAY(Text)), queue_entries.c.primary_reason
        )
        return [
            _entry(row) for row in self.connection.execute(query.order_by(rank, by_key(queue_entries.c.account_id)))
        ]

    def depth(self) -> dict[str, int]:
        """How many accounts are in the queue, by primary reason, in the order of reasons."""
        rows = self.connection.execute(
            select(queue_entries.c.primary_reason, func.count()).where(OPEN).group_by(queue_entries.c.primary_reason)
        )
        counts = {row[0]: row[1] for row in rows}
        return {reason: counts[reason] for reason in rules.in_order(counts)}


def _merged(before: Reasons, each: Queued) -> dict[str, Any]:
    """The reasons of an entry after others joined, the primary one first."""
    gone = {*each.instead_of, *(OPPOSITES[code] for code in each.reasons if code in OPPOSITES)} - each.reasons.keys()
    merged = {code: evidence for code, evidence in before.items() if code not in gone} | dict(each.reasons)
    return {code: as_evidence(merged[code]) for code in rules.in_order(merged)}


def _rule(reasons: Reasons) -> str:
    return _RULES.get(rules.in_order(reasons)[0], rules.QUEUE_3).code


def _entry(row: Any) -> QueueEntry:
    codes = rules.in_order(row.reasons)
    return QueueEntry(
        row.account_id,
        row.primary_reason,
        codes,
        {code: row.reasons[code] for code in codes},
        row.queued_at,
        row.last_issue,
    )
