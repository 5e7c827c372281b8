"""Breaks: differences between the books and the custodian, open until somebody resolves them with a note."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects.postgresql import insert

from domain.money import plain
from domain.reconciliation import RECON_1, Break
from storage.audit import Audit
from storage.tables_execution import breaks


class Breaks:
    """The breaks of one transaction."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def open(self, account_id: str, rebalance_id: str, found: Iterable[Break]) -> None:
        """Opens breaks; one that is open already for the same thing takes the newest figures."""
        for each in found:
            figures = {"expected": each.expected, "actual": each.actual, "rebalance_id": rebalance_id}
            self.connection.execute(
                insert(breaks)
                .values(account_id=account_id, kind=each.kind, symbol=each.symbol, **figures)
                .on_conflict_do_update(
                    index_elements=["account_id", "kind", "symbol"],
                    index_where=breaks.c.resolved_at.is_(None),
                    set_=figures,
                )
            )
            self.audit.record(
                "break opened",
                account_id=account_id,
                rebalance_id=rebalance_id,
                rule=RECON_1.code,
                after={
                    "kind": each.kind,
                    "symbol": each.symbol,
                    "expected": plain(each.expected),
                    "actual": plain(each.actual),
                },
            )

    def open_of(self, account_id: str) -> Sequence[Row[Any]]:
        """The open breaks of an account, oldest first."""
        return self.connection.execute(
            select(breaks)
            .where(breaks.c.account_id == account_id, breaks.c.resolved_at.is_(None))
            .order_by(breaks.c.id)
        ).all()
