"""What a person says about an account: held out of the queue until a day; frozen, closed, or open again.

Every change locks the account first and has its audit record in the same transaction.
"""

from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from domain.planning.checks import CHECK_1
from storage.accounts.reading import read_accounts
from storage.record.audit import Audit
from storage.schema.requests import account_holds

if TYPE_CHECKING:
    from storage.accounts.accounts import Accounts
    from storage.work.queue import Queue
    from storage.work.rebalances import Rebalances

Status = Literal["open", "frozen", "closed"]


class NotNow(ValueError):
    """The account can't be frozen or closed as it is; the message says why, and what to do."""


class AccountStates:
    """Holds and statuses as one transaction sees and changes them."""

    def __init__(
        self, connection: Connection, audit: Audit, queue: "Queue", known: "Accounts", rebalances: "Rebalances"
    ) -> None:
        self.connection = connection
        self.audit = audit
        self.queue = queue
        self.known = known
        self.rebalances = rebalances

    def hold(self, account_id: str, until: date, why: str) -> None:
        """Keeps an account out of what is submitted from the queue, that day included; in place of any other hold.

        Raises UnknownAccount.
        """
        self.known.locked(account_id)
        before = self.held(account_id)
        values = {"until": until, "why": why, "held_by": self.audit.actor.who, "held_at": func.now()}
        self.connection.execute(
            insert(account_holds)
            .values(account_id=account_id, **values)
            .on_conflict_do_update(index_elements=["account_id"], set_=values)
        )
        after = {"until": str(until), "why": why}
        self.audit.record("account held", account_id=account_id, before=_told(before), after=after)

    def lift(self, account_id: str, why: str) -> bool:
        """Takes a hold back; False where there was none. Raises UnknownAccount."""
        self.known.locked(account_id)
        before = self.held(account_id)
        if before is None:
            return False
        self.connection.execute(delete(account_holds).where(account_holds.c.account_id == account_id))
        self.audit.record("hold lifted", account_id=account_id, before=_told(before), after={"why": why})
        return True

    def held(self, account_id: str) -> Row[Any] | None:
        """The hold of an account, which may be over, or None."""
        found = select(account_holds).where(account_holds.c.account_id == account_id)
        return self.connection.execute(found).one_or_none()

    def holds(self, today: date) -> dict[str, date]:
        """The accounts that are held on a day, each with the last day of it."""
        rows = self.connection.execute(
            select(account_holds.c.account_id, account_holds.c.until).where(account_holds.c.until >= today)
        )
        return {row.account_id: row.until for row in rows}

    def set_status(self, account_id: str, status: Status, why: str, today: date) -> str | None:
        """Freezes, closes or opens an account, and says what followed; None where it is so already.

        One that isn't open can't be planned (CHECK-1), so it leaves the queue, and nothing puts it there until it is
        open again: then it is there at once for whatever holds. Raises UnknownAccount, NotNow.
        """
        row = self.known.locked(account_id)
        if row.status == status:
            return None
        if status != "open":
            self._refuse(account_id, status)
        self.known.update(account_id, status=status)
        before, after = {"status": row.status}, {"status": status, "why": why}
        self.audit.record(f"account {status}", account_id=account_id, rule=CHECK_1.code, before=before, after=after)
        if status != "open":
            left = self.queue.leave(account_id, f"the account is {status}: {why}")
            return "its queue entry is withdrawn" if left else "it was not in the queue"
        queued = self.known.queue_what_holds(account_id, today) if row.rebalancing else []
        return f"queued for {', '.join(queued)}" if queued else "nothing queues it now"

    def _refuse(self, account_id: str, status: Status) -> None:
        under_way = self.rebalances.in_flight(account_id)
        if under_way is not None:
            raise NotNow(f"{under_way.id} is under way on it: rebalancer cancel {under_way.id}, then try again")
        account = read_accounts(self.connection, [account_id])[account_id].account
        if status == "closed" and any(each.cash or each.holdings for each in account.sleeves):
            raise NotNow("it still holds cash or securities: a book without them first, or freeze it")


def _told(hold: Row[Any] | None) -> dict[str, str] | None:
    return None if hold is None else {"until": str(hold.until), "why": hold.why}
