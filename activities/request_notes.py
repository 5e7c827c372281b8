"""What became of a request's accounts, noted with its record, and how they stand."""

from typing import Any

from activities.request_messages import AccountNote, AccountStanding
from domain.executing.execution import EXEC_3
from domain.requests import BUSY
from storage.connection import Transaction
from storage.record.audit import AuditEntry
from storage.work.rebalances import SIGNAL
from storage.work.request_standing import RequestAccount
from storage.work.requests import UnknownRequest


def note(books: Transaction, request_id: str, account_id: str, state: str, issue: str | None) -> AccountStanding:
    """Notes what became of a started account, with its audit record; how it stands now."""
    before = books.requests.account(request_id, account_id)
    books.requests.note(request_id, account_id, state, issue)
    after = books.requests.account(request_id, account_id)
    if before is None or after is None:
        raise UnknownRequest(f"{request_id} has no account {account_id}")
    if after.outcome != before.outcome:
        books.audit.record_all(
            [
                AuditEntry(
                    f"account of a request {'busy' if state == BUSY else state.lower()}",
                    account_id=account_id,
                    rebalance_id=after.rebalance_id,
                    rule=EXEC_3.code if state == BUSY else None,
                    after={"request_id": request_id, "outcome": after.outcome, "issue": after.issue},
                )
            ]
        )
    return standing(after)


def noted(books: Transaction, request_id: str, wanted: AccountNote) -> AccountStanding:
    """The same as a workflow tells it; who keeps a busy account busy is looked up where it does not say."""
    issue = wanted.issue
    if wanted.state == BUSY and issue is None:
        issue = _busy(books, wanted.account_id)
    return note(books, request_id, wanted.account_id, wanted.state, issue)


def _busy(books: Transaction, account_id: str) -> str:
    """Who keeps the account busy, as far as the books know."""
    row = next((each for each in books.rebalances.under_way(account_id) if each.kind != SIGNAL), None)
    if row is None:
        return f"a rebalance of it was already under way ({EXEC_3.code}): submit it again"
    request = f" of request {row.request_id}" if row.request_id else ""
    return (
        f"{row.id}{request}, asked for by {row.requested_by}, was already under way at {row.stage} ({EXEC_3.code}): "
        "decide about that one, then submit the account again"
    )


def standing(account: RequestAccount) -> AccountStanding:
    """Where an account stands, for the workflow."""
    return AccountStanding(
        account_id=account.account_id,
        outcome=account.outcome,
        issue=account.issue,
        rebalance_id=account.rebalance_id,
    )


def as_issue(account: AccountStanding) -> dict[str, Any]:
    """An account's ending as results and queries list it."""
    return {
        "account_id": account.account_id,
        "status": account.outcome,
        "issue": account.issue,
        "rebalance_id": account.rebalance_id,
    }
