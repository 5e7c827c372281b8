"""Accounts: assigning targets, the toggle, and the positions that a rebalance books.

Whatever changes an account locks its row first. Assigning, replacing or removing a target and the queue entry that
follows are one transaction: there is no moment at which one is visible and the other is not (QUEUE-1).
"""

from collections.abc import Collection, Mapping
from datetime import date
from decimal import localcontext
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from domain import queue as rules
from domain.planning.checks import price_trouble
from domain.targets.components import components
from domain.targets.targets import TargetRefused
from domain.targets.valuation import value
from domain.tax.wash_sales import WASH_1
from domain.values.money import EXACT, plain
from domain.values.policy import Policy
from domain.values.snapshot import Account, RecentSale, Snapshot
from storage.accounts.positions import store_positions
from storage.accounts.snapshots import Snapshots, UnknownAccount
from storage.record.audit import Audit
from storage.rows import insert_rows
from storage.schema.tables import accounts, recent_sales, targets
from storage.values import among, by_key
from storage.work.queue import STANDING, Queue

LOCKED = select(accounts).where(accounts.c.id == bindparam("of")).with_for_update(key_share=True)
HOUSEHOLD = 0x686F_6D65  # the first half of the advisory lock of a household; the second is its id

__all__ = ["Accounts", "TargetUnknown", "UnknownAccount"]


class TargetUnknown(LookupError):
    """No target has that id."""

    def __init__(self, target_id: str) -> None:
        super().__init__(f'unknown target "{target_id}"')
        self.target_id = target_id


class Accounts:
    """The accounts as one transaction sees and changes them."""

    def __init__(self, connection: Connection, audit: Audit, queue: Queue, snapshots: Snapshots) -> None:
        self.connection = connection
        self.audit = audit
        self.queue = queue
        self.snapshots = snapshots
        self._held: dict[str, Row[Any]] = {}  # what the transaction has locked, and not changed since

    def lock_household(self, account_id: str) -> None:
        """Two accounts of a household begin to execute one after the other; its own row is to be locked before."""
        household = self.locked(account_id).household_id
        if household is not None:
            self.connection.execute(select(func.pg_advisory_xact_lock(HOUSEHOLD, func.hashtext(household))))

    def locked(self, account_id: str) -> Row[Any]:
        """The account's row, which nobody else changes until the transaction ends. Raises UnknownAccount."""
        if account_id in self._held:
            return self._held[account_id]
        row = self.connection.execute(LOCKED, {"of": account_id}).one_or_none()
        if row is None:
            raise UnknownAccount(account_id)
        self._held[account_id] = row
        return row

    def custodian(self, account_id: str) -> str:
        """Who holds the account. Raises UnknownAccount."""
        found = self.connection.scalar(select(accounts.c.custodian).where(accounts.c.id == account_id))
        if found is None:
            raise UnknownAccount(account_id)
        return str(found)

    def target_of(self, account_id: str) -> str | None:
        """The account's target; None where it has none, or there is no such account."""
        return self.connection.scalar(select(accounts.c.target_id).where(accounts.c.id == account_id))

    def household(self, account_id: str) -> dict[str, Any] | None:
        """The tax household of an account, with the ids of all that are of it; None where it is of none."""
        of = select(accounts.c.household_id).where(accounts.c.id == account_id).scalar_subquery()
        query = select(accounts.c.household_id, accounts.c.id).where(accounts.c.household_id == of)
        rows = self.connection.execute(query.order_by(by_key(accounts.c.id))).all()
        return {"id": rows[0].household_id, "accounts": [row.id for row in rows]} if rows else None

    def names(self, account_ids: Collection[str]) -> dict[str, str]:
        """The names of those of the accounts that there are."""
        query = select(accounts.c.id, accounts.c.name).where(among(accounts.c.id, account_ids))
        return {row.id: row.name for row in self.connection.execute(query)}

    def assigned(self, target_id: str) -> int:
        """How many accounts have the target."""
        return self.connection.scalar(select(func.count()).where(accounts.c.target_id == target_id)) or 0

    def assign_target(self, account_id: str, target_id: str, today: date) -> str:
        """Assigns a target, and says what followed. Raises UnknownAccount, TargetUnknown."""
        row = self.locked(account_id)
        if self.connection.scalar(select(targets.c.id).where(targets.c.id == target_id)) is None:
            raise TargetUnknown(target_id)
        if row.target_id == target_id:
            return f"account {account_id} already has target {target_id}: nothing changes"
        self._set_target(row, target_id)
        return f"target {target_id} assigned to account {account_id}: {self._queued_for_target(row, target_id, today)}"

    def remove_target(self, account_id: str, today: date) -> str:
        """Removes the account's target, and says what followed. Raises UnknownAccount."""
        row = self.locked(account_id)
        if row.target_id is None:
            return f"account {account_id} has no target: nothing changes"
        self._set_target(row, None)
        return f"target {row.target_id} removed from account {account_id}: {self._queued_for_target(row, None, today)}"

    def switch_rebalancing(self, account_id: str, on: bool, today: date) -> str:
        """The toggle (QUEUE-2): says what followed. Raises UnknownAccount."""
        row = self.locked(account_id)
        state = "on" if on else "off"
        if row.rebalancing is on:
            return f"rebalancing of account {account_id} is {state} already: nothing changes"
        self.update(account_id, rebalancing=on)
        self.audit.record(
            f"rebalancing switched {state}",
            account_id=account_id,
            rule=rules.QUEUE_2.code,
            before={"rebalancing": not on},
            after={"rebalancing": on},
        )
        told = f"rebalancing of account {account_id} is {state}"
        if not on:
            left = self.queue.leave(account_id, "rebalancing was switched off")
            return f"{told}: its queue entry is withdrawn" if left else f"{told}: it was not in the queue"
        if row.status != "open":
            return f"{told}: not queued, because it is {row.status}. {_reopened(account_id)}"
        snapshot, policy = self.snapshots.take(account_id, None, today)
        if snapshot.target is None and not snapshot.account.holds_securities:
            return f"{told}: it has no target and no holdings, so it is not queued"
        reasons = {"TOGGLED_ON": {"switched_by": self.audit.actor.who}, **reasons_now(snapshot, policy)}
        self.queue.add(account_id, reasons, instead_of=STANDING)
        return f"{told}: queued for {', '.join(rules.in_order(reasons))}"

    def queue_what_holds(self, account_id: str, today: date) -> list[str]:
        """Queues the account for the reasons that hold by themselves, and returns them."""
        snapshot, policy = self.snapshots.take(account_id, None, today)
        reasons = reasons_now(snapshot, policy)
        if reasons:
            self.queue.add(account_id, reasons, instead_of=STANDING)
        return rules.in_order(reasons)

    def mark_rebalanced(self, account_id: str, target_id: str | None, version: int | None, day: date) -> None:
        """Notes what the account was rebalanced to (None: it was liquidated), and since when it has been on it."""
        row = self.locked(account_id)
        again = row.rebalanced_target_id is not None and row.rebalanced_target_id == target_id
        first = None if target_id is None else row.first_rebalanced if again else day
        values = {
            "rebalanced_target_id": target_id,
            "rebalanced_target_version": None if target_id is None else version,
            "first_rebalanced": first,
        }
        before = {key: getattr(row, key) for key in values}
        if before != values:
            self.update(account_id, **values)
            self.audit.record("rebalanced to its target", account_id=account_id, before=before, after=values)

    def store_positions(self, account_id: str, before: Account, after: Account) -> None:
        """Writes what differs between two states of the account: cash, holdings and lots, sleeves opened and closed."""
        self.locked(account_id)
        changed = store_positions(self.connection, account_id, before, after)
        if changed:
            self.audit.record("positions booked", account_id=account_id, before=changed.before, after=changed.after)

    def note_sales(self, account_id: str, rebalance_id: str | None, sales: Collection[RecentSale]) -> None:
        """Keeps what a rebalance sold, lot by lot with its gain, for wash sales and the tax year (WASH-2, TAX-1).

        None: no rebalance did, as with a fraction that a corporate action pays out; a book may state such a sale anew.
        """
        rows = [
            {
                "account_id": account_id,
                "symbol": sale.symbol,
                "sold": sale.date,
                "quantity": sale.quantity,
                "gain": sale.gain,
                "cost_per_share": sale.cost_per_share,
                "acquired": sale.acquired,
                "rebalance_id": rebalance_id,
            }
            for sale in sales
        ]
        if rows:
            insert_rows(self.connection, recent_sales, rows)
            told: dict[str, list[dict[str, str | None]]] = {}
            for sale in sales:
                told.setdefault(sale.symbol, []).append(
                    {
                        "quantity": plain(sale.quantity),
                        "gain": plain(sale.gain),
                        "sold": str(sale.date),
                        "acquired": None if sale.acquired is None else str(sale.acquired),
                        "cost_per_share": None if sale.cost_per_share is None else plain(sale.cost_per_share),
                    }
                )
            self.audit.record(
                "sales noted", account_id=account_id, rebalance_id=rebalance_id, rule=WASH_1.code, after=told
            )

    def _set_target(self, row: Row[Any], target_id: str | None) -> None:
        self.update(row.id, target_id=target_id)
        action = "target removed" if target_id is None else "target replaced" if row.target_id else "target assigned"
        self.audit.record(
            action,
            account_id=row.id,
            rule=rules.QUEUE_1.code,
            before={"target": row.target_id},
            after={"target": target_id},
        )

    def _queued_for_target(self, row: Row[Any], target_id: str | None, today: date) -> str:
        """Queues the account for its new assignment, and says so; with rebalancing off, says why not (QUEUE-2)."""
        if row.status != "open":
            return f"not queued, because it is {row.status}. {_reopened(row.id)}"
        if not row.rebalancing:
            return f"not queued, because its rebalancing is off. Next: rebalancer account rebalancing {row.id} on"
        snapshot, _ = self.snapshots.take(row.id, None, today)
        reasons: dict[str, Mapping[str, object]] = {**rules.target_reasons(snapshot)}
        if row.target_id is not None or not reasons:
            reasons["TARGET_CHANGED"] = {**reasons.get("TARGET_CHANGED", {}), "from": row.target_id, "to": target_id}
        self.queue.add(row.id, reasons, instead_of=STANDING)
        return f"queued for {', '.join(rules.in_order(reasons))}; nothing trades until it is submitted and approved"

    def update(self, account_id: str, **values: object) -> None:
        """Changes an account's row, which the transaction has locked."""
        self._held.pop(account_id, None)
        self.connection.execute(update(accounts).where(accounts.c.id == account_id).values(**values))


def _reopened(account_id: str) -> str:
    return f"Next: rebalancer account reopen {account_id} --why TEXT, which queues it"


def reasons_now(snapshot: Snapshot, policy: Policy) -> dict[str, Mapping[str, object]]:
    """The reasons that hold by themselves: of the assignment and, where it can be valued, of cash and tolerance."""
    with localcontext(EXACT):
        own = snapshot.numbers(policy)
        if not price_trouble(snapshot):
            valuation = value(snapshot, own)
            if valuation.managed_value > 0:
                try:
                    known = components(snapshot, valuation, own)
                    return {**rules.standing_reasons(snapshot, valuation, known, own)}
                except TargetRefused:
                    pass  # its plan says what is wrong with the target
        return {**rules.target_reasons(snapshot)}
