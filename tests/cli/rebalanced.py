"""Rebalances for tests, written as the workflow's steps write them, without a workflow."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from domain.executing import execution
from domain.plan import plan
from domain.telling import plan_json
from domain.values.purpose import FULL
from domain.values.snapshot_json import kept
from storage.actor import Actor
from storage.connection import Books
from storage.work.orders import Answer
from storage.work.rebalances import NewRebalance
from storage.work.requests import NewRequest

REQUEST = "Q-20221228-1"
CLOSE = datetime(2022, 12, 28, 21, 0, tzinfo=UTC)


def pending(books: Books, account_id: str, day: date = date(2022, 12, 28)) -> str:
    """A rebalance of the account, asked for by ann, that waits for an approval."""
    with books.transaction(Actor("ann")) as transaction:
        made = transaction.rebalances.create(
            NewRebalance(
                account_id=account_id,
                start_key=f"rebalance/{account_id}#run-{account_id}",
                workflow_id=f"rebalance/{account_id}",
                request_id=REQUEST,
                purpose=FULL,
                mode="best_fit",
                approval="required",
                requested_by="ann",
                overrides=(),
            )
        )
        snapshot, policy = transaction.snapshots.take(account_id, None, day)
        transaction.rebalances.keep_snapshot(made, 1, kept(snapshot), policy.as_json())
        planned = json.loads(plan_json.dumps(plan(snapshot, policy)))
        transaction.rebalances.keep_plan(made, planned, "PENDING_APPROVAL", CLOSE)
        return made


def executed(books: Books, rebalance_id: str, rejected: str | None = None) -> None:
    """Approved by ben, every order filled but those of one symbol, and ended."""
    with books.transaction(Actor("ben")) as transaction:
        row = transaction.rebalances.get(rebalance_id)
        transaction.rebalances.approve(rebalance_id, "ben", CLOSE)
        legs = execution.read(row.plan).legs
        transaction.orders.create(transaction.epochs.current(), rebalance_id, legs)
        for leg in legs:
            answer = Answer("FILLED", leg.quantity, leg.quantity * leg.price, CLOSE.date(), None)
            if leg.symbol == rejected:
                answer = Answer("REJECTED", Decimal(0), Decimal(0), None, "halted")
            transaction.orders.heard(rebalance_id, {leg.number: answer})
        issue = f"{rejected} was halted" if rejected else None
        status: Any = "COMPLETE_WITH_ERRORS" if rejected else "COMPLETE"
        result = {"status": status, "issue": issue, "findings": row.plan["findings"]}
        transaction.rebalances.end(rebalance_id, status, issue, result)


def refused(books: Books, rebalance_id: str) -> None:
    """Ended FAILED, as what can't be planned is, with what was found."""
    with books.transaction(Actor("worker")) as transaction:
        found = transaction.rebalances.get(rebalance_id).plan["findings"]
        result = {"status": "FAILED", "issue": found[0]["message"], "findings": found}
        transaction.rebalances.end(rebalance_id, "FAILED", found[0]["message"], result)


def requested(books: Books, account_ids: Sequence[str]) -> None:
    """The request whose rebalances `pending` makes, with all of its accounts started."""
    new = NewRequest(
        REQUEST, "w#r", "w", "ann", {"accounts": len(account_ids)}, "best_fit", "required", "full", None, ()
    )
    with books.transaction(Actor("ann")) as transaction:
        transaction.requests.create(new)
        transaction.requests.choose_named(REQUEST, account_ids)
        transaction.requests.take(REQUEST, 0, len(account_ids))
