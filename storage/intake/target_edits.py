"""Edits of targets: a new version, and every account that it serves in the queue, in one transaction (TARGET-6).

However many accounts a target serves: a page of them is a few statements.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Connection, Text, any_, case, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from domain.books.book import BookRefused, Problem, read_market
from domain.queue import REASONS, TARGET_6, in_order
from domain.targets.targets import flatten, need_not_be_held
from domain.values.rules import Finding
from domain.values.snapshot_json import overrides_as_json
from storage import account_locks
from storage.actor import Actor
from storage.connection import Books, Transaction
from storage.market.market import take_turn
from storage.record.audit import AuditEntry
from storage.schema.tables import accounts, queue_entries
from storage.values import among, by_key
from storage.work.queue import OPEN

PAGE = 10_000  # accounts at a time, so that any number of them needs the memory of one page
CODE = "TARGET_CHANGED"
BEFORE_IT = REASONS[: REASONS.index(CODE)]  # the reasons that stay primary
Versions = Mapping[str, tuple[int, int]]  # target id -> its version before, its version now


@dataclass(slots=True)
class TargetEdit:
    """What an edit did. `versions` are of the target and of those that contain it; `queued` is by primary reason.

    `off` counts the accounts that are served and not queued, because their rebalancing is off (QUEUE-2).
    """

    target_id: str
    version: int
    renamed: bool = False
    versions: Versions = field(default_factory=dict)
    queued: dict[str, int] = field(default_factory=dict)
    off: int = 0
    warnings: list[Finding] = field(default_factory=list)


def edit_target(books: Books, raw: Mapping[str, Any], actor: Actor) -> TargetEdit:
    """Stores a target, in the form that a book has it, as its new version, and queues whom it serves.

    Raises BookRefused with all its problems: then nothing has changed.
    """
    with books.transaction(actor) as transaction:
        connection = transaction.connection
        take_turn(connection)
        day = transaction.market.book_day()
        if day is None:
            raise BookRefused([Problem("", "no book was ever loaded: load one that has the target")])
        market_raw = {"as_of": str(day.as_of), "policy": overrides_as_json(day.policy), "targets": [raw]}
        known = transaction.market.market(date.max)
        try:
            market = read_market(market_raw, day.numbers(day.as_of), known)
            problems = [*transaction.market.refusals(market, {("targets", str(raw["id"])): "targets[0]"})]
        except BookRefused as flaw:
            problems = list(flaw.problems)
        named = raw.get("id")
        if isinstance(named, str) and named not in known.targets:
            problems.append(Problem("id", f'unknown target "{named}": an edit is of one that is there. Load a new one'))
        if problems:
            raise BookRefused(Problem(_inside(each.path), each.message) for each in problems)
        changes = transaction.market.edit_targets(market)
        target_id = str(named)
        edit = TargetEdit(
            target_id, changes.new_versions.get(target_id, (0, known.targets[target_id].version))[1],
            versions=changes.new_versions,
            renamed=target_id in changes.replaced.get("targets", ()) and target_id not in changes.new_versions,
        )  # fmt: skip
        edit.queued, edit.off = queue_served(transaction, edit.versions)
        target = market.targets[target_id]
        numbers = day.numbers(day.as_of).overridden(target.policy)
        edit.warnings = need_not_be_held(flatten(target, market.targets, numbers))
        return edit


def queue_served(transaction: Transaction, versions: Versions) -> tuple[dict[str, int], int]:
    """Queues every open account with one of the targets and rebalancing on (TARGET-6, QUEUE-2).

    The entries opened or changed, by primary reason, and how many accounts have their rebalancing off.
    """
    if not versions:
        return {}, 0
    account_locks.by_rising_ids(transaction.connection)
    counts: dict[str, int] = {}
    after = ""
    while served := _served(transaction.connection, versions, after):
        for target_id, (before, now) in versions.items():
            evidence = {"target": target_id, "version": now, "previous_version": before, "rule": TARGET_6.code}
            ids = [account_id for account_id, assigned in served if assigned == target_id]
            records, primary = _queue(transaction.connection, ids, evidence)
            transaction.audit.record_all(records)
            for reason in primary:
                counts[reason] = counts.get(reason, 0) + 1
        after = served[-1][0]
    off = select(func.count()).where(among(accounts.c.target_id, versions), ~accounts.c.rebalancing)
    return counts, transaction.connection.scalar(off) or 0


def _served(connection: Connection, versions: Versions, after: str) -> list[tuple[str, str]]:
    """The next accounts to queue with their targets, by id, locked as everybody locks who changes their entry."""
    rows = connection.execute(
        select(accounts.c.id, accounts.c.target_id)
        .where(among(accounts.c.target_id, versions), accounts.c.rebalancing, accounts.c.status == "open")
        .where(by_key(accounts.c.id) > after)
        .order_by(by_key(accounts.c.id))
        .limit(PAGE)
        .with_for_update(key_share=True)
    )
    return [(row.id, row.target_id) for row in rows]


def _queue(
    connection: Connection, ids: list[str], evidence: Mapping[str, object]
) -> tuple[list[AuditEntry], list[str]]:
    """Opens entries, or joins the reason to open ones; their records, and their primary reasons.

    The statements are plain, so that they are as quick whatever the database knows of its tables.
    """
    reason = {CODE: evidence}
    query = select(queue_entries.c.account_id, queue_entries.c.id, queue_entries.c.reasons)
    there = {
        row.account_id: row for row in connection.execute(query.where(among(queue_entries.c.account_id, ids), OPEN))
    }
    opened = [each for each in ids if each not in there]
    joined = [row for each in ids if (row := there.get(each)) is not None and row.reasons.get(CODE) != evidence]
    connection.execute(
        insert(queue_entries).from_select(
            ["account_id", "reasons", "primary_reason"],
            select(func.unnest(literal(opened, ARRAY(Text))), literal(reason, JSONB), literal(CODE)),
        )
    )
    stays = (queue_entries.c.reasons.has_key(code) for code in BEFORE_IT)
    connection.execute(
        update(queue_entries)
        .where(queue_entries.c.id == any_(literal([row.id for row in joined], ARRAY(BigInteger))))
        .values(
            reasons=queue_entries.c.reasons.concat(literal(reason, JSONB)),
            primary_reason=case(*zip(stays, BEFORE_IT, strict=True), else_=CODE),
        )
    )
    records = [_record("queued", account_id, None, reason) for account_id in opened]
    primary = [CODE] * len(opened)
    for row in joined:
        after = {code: {**row.reasons, **reason}[code] for code in in_order({**row.reasons, **reason})}
        records.append(_record("queue reasons changed", row.account_id, row.reasons, after))
        primary.append(next(iter(after)))
    return records, primary


def _record(action: str, account_id: str, before: Any, after: Any) -> AuditEntry:
    return AuditEntry(action, account_id=account_id, rule=TARGET_6.code, before=before, after=after)


def _inside(path: str) -> str:
    """A problem's place in the file of one target."""
    return path.removeprefix("targets[0]").removeprefix(".")
