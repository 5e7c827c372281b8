"""The audit record: who did what, when, to which account, under which rule, with what before and after.

Written in the transaction of the effect that it describes: there is no effect without its record, and no record of
what did not happen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert

from storage.tables_execution import audit_records

if TYPE_CHECKING:
    from storage.connection import Actor

AuditValue = Mapping[str, object] | list[object] | str | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One effect, in plain words, with the values that it changed."""

    action: str
    account_id: str | None = None
    rebalance_id: str | None = None
    rule: str | None = None
    before: AuditValue = None
    after: AuditValue = None


class Audit:
    """Writes records of one transaction, all under the name of its actor."""

    def __init__(self, connection: Connection, actor: "Actor") -> None:
        self.connection = connection
        self.actor = actor

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
        rows = [
            {
                "who": self.actor.who,
                "workflow_id": self.actor.workflow_id,
                "run_id": self.actor.run_id,
                "activity": self.actor.activity,
                "action": entry.action,
                "account_id": entry.account_id,
                "rebalance_id": entry.rebalance_id,
                "rule": entry.rule,
                "before": entry.before,
                "after": entry.after,
            }
            for entry in entries
        ]
        if rows:
            self.connection.execute(insert(audit_records), rows)
