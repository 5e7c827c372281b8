"""The audit record: who did what, when, to which account, under which rule, with what before and after.

Written in the transaction of the effect that it describes: there is no effect without its record, and no record of
what did not happen. Records are gathered while the transaction works and written at its end, all at once: so chains
(`audit_chain`) are held for a moment only, and always in the order of their names, whatever order the effects had. Two
transactions therefore wait for each other only where they write of the same account, and never in a circle.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

import policy
from domain.rules import RULES_VERSION
from storage.audit_chain import Link, account_chain, as_json, general_chain
from storage.copying import copy_rows
from storage.tables_audit import audit_records

if TYPE_CHECKING:
    from storage.connection import Actor

AuditValue = Mapping[str, object] | list[object] | str | None
AT_ONCE = 10_000  # records gathered before they are written; a load of a million accounts does not hold them all

COLUMNS = (
    "id", "chain", "seq", "at", "who", "action", "account_id", "rebalance_id", "rule", "rules_version",
    "policy_version", "workflow_id", "run_id", "activity", "before", "after", "previous", "hash",
)  # fmt: skip
_columns = attrgetter(*COLUMNS[:-2])

OPEN_CHAINS = text(
    "INSERT INTO audit_heads (chain, seq, hash) SELECT chain, 0, sha256(convert_to(chain, 'UTF8'))"
    " FROM unnest(CAST(:chains AS text[])) AS wanted (chain)"
    " WHERE NOT EXISTS (SELECT FROM audit_heads WHERE audit_heads.chain = wanted.chain)"
    ' ORDER BY chain COLLATE "C" ON CONFLICT DO NOTHING'
)
HOLD_CHAINS = text(
    "SELECT chain, seq, hash FROM audit_heads WHERE chain = ANY(CAST(:chains AS text[]))"
    ' ORDER BY chain COLLATE "C" FOR UPDATE'
)
# Records without an account take whichever general chain nobody holds: they never wait for each other.
HOLD_GENERAL_CHAIN = text(
    "SELECT chain FROM audit_heads WHERE chain LIKE 'general/%' ORDER BY length(chain), chain"
    " LIMIT 1 FOR UPDATE SKIP LOCKED"
)
NEXT_GENERAL_CHAIN = text("SELECT nextval('audit_general_chains')")
TAKE_NUMBERS = text(
    "SELECT clock_timestamp(), ARRAY(SELECT nextval('audit_records_id_seq') FROM generate_series(1, :number))"
)
MOVE_HEADS = text(
    "UPDATE audit_heads SET seq = now.seq, hash = now.hash"
    " FROM unnest(CAST(:chains AS text[]), CAST(:seqs AS bigint[]), CAST(:hashes AS bytea[])) AS now (chain, seq, hash)"
    " WHERE audit_heads.chain = now.chain"
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One effect, in plain words, with the values that it changed."""

    action: str
    account_id: str | None = None
    rebalance_id: str | None = None
    rule: str | None = None
    before: AuditValue = None
    after: AuditValue = None


@dataclass(frozen=True, slots=True)
class _Gathered:
    """An entry whose values are texts already: what the caller changes later does not change them."""

    entry: AuditEntry
    before: str | None
    after: str | None


class Audit:
    """Writes records of one transaction, all under the name of its actor."""

    def __init__(self, connection: Connection, actor: "Actor") -> None:
        self.connection = connection
        self.actor = actor
        self._gathered: list[_Gathered] = []

    def record(
        self,
        action: str,
        *,
        account_id: str | None = None,
        rebalance_id: str | None = None,
        rule: str | None = None,
        before: AuditValue = None,
        after: AuditValue = None,
    ) -> None:
        """Records one effect. `before` and `after` hold what changed; decimals and dates are kept as strings."""
        self.record_all([AuditEntry(action, account_id, rebalance_id, rule, before, after)])

    def record_all(self, entries: Iterable[AuditEntry]) -> None:
        """Records many effects in one go."""
        for entry in entries:
            self._gathered.append(_Gathered(entry, _kept(entry.before), _kept(entry.after)))
            if len(self._gathered) == AT_ONCE:
                self.write()

    def write(self) -> None:
        """Writes what was gathered; `Books.transaction` calls it before it commits."""
        if not self._gathered:
            return
        gathered, self._gathered = self._gathered, []
        general = None if all(each.entry.account_id is not None for each in gathered) else self._general_chain()
        chains = [general or "" if (of := each.entry.account_id) is None else account_chain(of) for each in gathered]
        heads = self._hold(sorted(set(chains)))
        at, numbers = self._numbers(len(gathered))
        versions = RULES_VERSION, policy.version()
        rows = []
        for number, chain, each in zip(numbers, chains, gathered, strict=True):
            seq, previous = heads[chain]
            link = self._link(number, chain, seq + 1, at, each, *versions)
            heads[chain] = link.seq, link.hash(previous)
            rows.append((*_columns(link), previous, heads[chain][1]))
        copy_rows(self.connection, audit_records, COLUMNS, rows)
        moved = {
            "chains": list(heads),
            "seqs": [seq for seq, _ in heads.values()],
            "hashes": [head for _, head in heads.values()],
        }
        self.connection.execute(MOVE_HEADS, moved)

    def _link(
        self, number: int, chain: str, seq: int, at: datetime, given: _Gathered, rules: str, numbers: str | None
    ) -> Link:
        entry, actor = given.entry, self.actor
        return Link(
            number, chain, seq, at, actor.who, entry.action, entry.account_id, entry.rebalance_id, entry.rule,
            rules, numbers, actor.workflow_id, actor.run_id, actor.activity, given.before, given.after,
        )  # fmt: skip

    def _hold(self, chains: list[str]) -> dict[str, tuple[int, bytes]]:
        """The last place and hash of each chain, which nobody else adds to until this transaction ends."""
        self.connection.execute(OPEN_CHAINS, {"chains": chains})
        return {row.chain: (row.seq, row.hash) for row in self.connection.execute(HOLD_CHAINS, {"chains": chains})}

    def _general_chain(self) -> str:
        """A chain for records without an account that no other transaction holds; a new one where all are held."""
        free = self.connection.scalar(HOLD_GENERAL_CHAIN)
        return str(free) if free else general_chain(self.connection.execute(NEXT_GENERAL_CHAIN).scalar_one())

    def _numbers(self, count: int) -> tuple[datetime, list[int]]:
        """The moment, by the database's clock, and an id for each record."""
        at, numbers = self.connection.execute(TAKE_NUMBERS, {"number": count}).one()
        return at, sorted(numbers)


def _kept(value: AuditValue) -> str | None:
    return None if value is None else as_json(value)
