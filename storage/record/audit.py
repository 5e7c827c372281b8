"""The audit record: who did what, when, to which account, under which rule, with what before and after.

Written in the transaction of the effect that it describes: there is no effect without its record, and no record of
what did not happen. Records are gathered while the transaction works and written at its end, all at once: so chains
(`audit_chain`) are held for a moment only, and always in the order of their names, whatever order the effects had. Two
transactions therefore wait for each other only where they write of the same account, and never in a circle.

The database dates, places and chains them: whoever asks for a record can only say what it is of, and who he is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

import policy
from domain.values.rules import RULES_VERSION
from storage.record.chain import as_json

if TYPE_CHECKING:
    from storage.actor import Actor

AuditValue = Mapping[str, object] | list[object] | str | None
SIGNED_IN = "signed_in"  # in a record's `after`: who is proven to have said so
AT_ONCE = 10_000  # records gathered before they are written; a load of a million accounts does not hold them all

# One statement, by a function of the database (migration 0035): its clock, its places, its hashes.
APPEND = text(
    "SELECT append_to_record(:who, :workflow_id, :run_id, :activity, :rules_version, :policy_version,"
    " CAST(:actions AS text[]), CAST(:accounts AS text[]), CAST(:rebalances AS text[]), CAST(:rules AS text[]),"
    " CAST(:befores AS text[]), CAST(:afters AS text[]))"
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
    """Writes records of one transaction, each under the name of who was its actor then."""

    def __init__(self, connection: Connection, actor: "Actor") -> None:
        self.connection = connection
        self._actor = actor
        self._gathered: list[_Gathered] = []

    @property
    def actor(self) -> "Actor":
        """In whose name records are from now on; what was gathered under another's is written under that."""
        return self._actor

    @actor.setter
    def actor(self, actor: "Actor") -> None:
        if actor != self._actor:
            self.write()
        self._actor = actor

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
            self._gathered.append(_Gathered(entry, _kept(entry.before), _kept(self._signed(entry.after))))
            if len(self._gathered) == AT_ONCE:
                self.write()

    def _signed(self, after: AuditValue) -> AuditValue:
        """With who signed in for it, how, and by which key, where that is proven."""
        if self.actor.signed_in is None or not (after is None or isinstance(after, Mapping)):
            return after
        return {**(after or {}), SIGNED_IN: self.actor.signed_in}

    def write(self) -> None:
        """Writes what was gathered; `Books.transaction` calls it before it commits."""
        if not self._gathered:
            return
        gathered, self._gathered = self._gathered, []
        entries = [each.entry for each in gathered]
        actor = self._actor
        self.connection.execute(
            APPEND,
            {
                "who": actor.who,
                "workflow_id": actor.workflow_id,
                "run_id": actor.run_id,
                "activity": actor.activity,
                "rules_version": RULES_VERSION,
                "policy_version": policy.version(),
                "actions": [each.action for each in entries],
                "accounts": [each.account_id for each in entries],
                "rebalances": [each.rebalance_id for each in entries],
                "rules": [each.rule for each in entries],
                "befores": [each.before for each in gathered],
                "afters": [each.after for each in gathered],
            },
        )


def _kept(value: AuditValue) -> str | None:
    return None if value is None else as_json(value)
