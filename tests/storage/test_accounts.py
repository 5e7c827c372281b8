"""Accounts: a target and its queue entry are one transaction, the toggle obeys QUEUE-2, positions are booked whole."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from domain.values.snapshot import Account, Holding, Lot, RebalancedTo, Sleeve, Snapshot
from storage.accounts.accounts import TargetUnknown
from storage.accounts.snapshots import UnknownAccount
from storage.actor import Actor
from storage.connection import Books
from tests.storage.small_book import TODAY, account, audited, book, last_audit, loaded, rows


def do(books: Books, action: str, *arguments: Any) -> Any:
    """One call of the accounts in its own transaction."""
    with books.transaction(Actor("ben")) as transaction:
        return getattr(transaction.accounts, action)(*arguments)


def reasons(books: Books, account_id: str) -> list[str]:
    with books.transaction() as transaction:
        entry = transaction.queue.entry(account_id)
    return entry.reasons if entry else []


def evidence(books: Books, account_id: str, code: str) -> Any:
    with books.transaction() as transaction:
        entry = transaction.queue.entry(account_id)
    assert entry is not None
    return entry.evidence[code]


def snapshot(books: Books, account_id: str) -> Snapshot:
    with books.transaction() as transaction:
        return transaction.snapshots.take(account_id, None, TODAY)[0]


# --- targets (QUEUE-1) -----------------------------------------------------------------------------------------------


def test_replacing_a_target_queues_the_account(books: Books) -> None:
    loaded(books)
    at = last_audit(books)
    told = do(books, "assign_target", "A-1", "ALL-X", TODAY)
    assert told.startswith(
        "target ALL-X assigned to account A-1: queued for FIRST_REBALANCE, TARGET_CHANGED; nothing trades"
    )
    assert evidence(books, "A-1", "TARGET_CHANGED") == {
        "target": "ALL-X", "version": 1, "rebalanced_to": "GROWTH", "rebalanced_to_version": 1,
        "from": "GROWTH", "to": "ALL-X",
    }  # fmt: skip
    assert audited(books, at) == [("target replaced", "A-1"), ("queued", "A-1")]
    assert snapshot(books, "A-1").account.first_rebalanced is None


def test_the_target_it_has_already(books: Books) -> None:
    loaded(books)
    at = last_audit(books)
    assert (
        do(books, "assign_target", "A-1", "GROWTH", TODAY) == "account A-1 already has target GROWTH: nothing changes"
    )
    assert audited(books, at) == []
    assert reasons(books, "A-1") == []


def test_a_first_target(books: Books) -> None:
    raw = book()
    account(raw, "a-3")["rebalancing"] = True
    loaded(books, raw)
    assert reasons(books, "a-3") == ["NO_TARGET"]
    do(books, "assign_target", "a-3", "CORE", TODAY)
    assert reasons(books, "a-3") == ["FIRST_REBALANCE"]  # it will no longer be liquidated


def test_removing_a_target_that_holds(books: Books) -> None:
    loaded(books)
    told = do(books, "remove_target", "A-1", TODAY)
    assert told.startswith("target GROWTH removed from account A-1: queued for NO_TARGET, TARGET_CHANGED")
    assert evidence(books, "A-1", "TARGET_CHANGED") == {"from": "GROWTH", "to": None}
    assert evidence(books, "A-1", "NO_TARGET") == {"symbols": ["X", "Y", "Z"]}
    assert do(books, "remove_target", "A-1", TODAY) == "account A-1 has no target: nothing changes"


def test_removing_a_target_with_nothing_but_cash(books: Books) -> None:
    loaded(books)
    do(books, "remove_target", "A-2", TODAY)
    assert reasons(books, "A-2") == ["TARGET_CHANGED"]  # FIRST_REBALANCE went with the target


def test_back_to_the_target_that_it_was_rebalanced_to(books: Books) -> None:
    loaded(books)
    for target in ("CORE", "GROWTH"):
        do(books, "assign_target", "A-1", target, TODAY)
    assert reasons(books, "A-1") == ["TARGET_CHANGED"]  # not FIRST_REBALANCE: it was rebalanced to it before
    assert snapshot(books, "A-1").account.first_rebalanced == date(2026, 1, 5)


def test_with_rebalancing_off_the_operator_is_told(books: Books) -> None:
    loaded(books)
    told = do(books, "assign_target", "a-3", "CORE", TODAY)
    assert told == (
        "target CORE assigned to account a-3: not queued, because its rebalancing is off. "
        "Next: rebalancer account rebalancing a-3 on"
    )
    assert reasons(books, "a-3") == []


def test_unknown_accounts_and_targets(books: Books) -> None:
    loaded(books)
    with pytest.raises(TargetUnknown, match="NONE"):
        do(books, "assign_target", "A-1", "NONE", TODAY)
    for action, *more in (
        ("assign_target", "CORE", TODAY),
        ("remove_target", TODAY),
        ("switch_rebalancing", True, TODAY),
    ):
        with pytest.raises(UnknownAccount):
            do(books, str(action), "A-9", *more)


def test_there_is_no_moment_with_the_target_and_without_the_entry(books: Books) -> None:
    """Someone looks all the time while targets are assigned and entries left; never is one there without the other."""
    loaded(books)
    seen: list[Any] = []
    done = threading.Event()

    def look() -> None:
        query = (
            "SELECT a.target_id, a.rebalanced_target_id, q.id FROM accounts a"
            " LEFT JOIN queue_entries q ON q.account_id = a.id AND q.left_at IS NULL WHERE a.id = 'A-1'"
        )
        while not done.is_set():
            seen.extend(rows(books, query))

    with ThreadPoolExecutor(2) as pool:
        watching = pool.submit(look)
        for _ in range(8):
            do(books, "assign_target", "A-1", "CORE", TODAY)
            with books.transaction() as transaction:
                transaction.accounts.mark_rebalanced("A-1", "CORE", 1, TODAY)
                transaction.queue.leave("A-1", "rebalanced")
            do(books, "assign_target", "A-1", "GROWTH", TODAY)
            with books.transaction() as transaction:
                transaction.accounts.mark_rebalanced("A-1", "GROWTH", 1, TODAY)
                transaction.queue.leave("A-1", "rebalanced")
        done.set()
        watching.result()
    assert all(target == rebalanced or entry is not None for target, rebalanced, entry in seen)
    assert len(seen) > 20


def test_assignments_at_once_end_in_one_of_them(books: Books) -> None:
    loaded(books)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda target: do(books, "assign_target", "A-2", target, TODAY), ["ALL-X", "GROWTH", "CORE"] * 4))
    target = rows(books, "SELECT target_id FROM accounts WHERE id = 'A-2'")[0][0]
    assert evidence(books, "A-2", "FIRST_REBALANCE")["target"] == target
    assert rows(books, "SELECT count(*) FROM queue_entries WHERE account_id = 'A-2' AND left_at IS NULL") == [(1,)]


# --- the toggle (QUEUE-2) --------------------------------------------------------------------------------------------


def test_off_withdraws_the_entry(books: Books) -> None:
    loaded(books)
    at = last_audit(books)
    assert (
        do(books, "switch_rebalancing", "A-2", False, TODAY)
        == "rebalancing of account A-2 is off: its queue entry is withdrawn"
    )
    assert reasons(books, "A-2") == []
    assert audited(books, at) == [("rebalancing switched off", "A-2"), ("left the queue", "A-2")]
    assert do(books, "switch_rebalancing", "A-2", False, TODAY).endswith("is off already: nothing changes")
    assert do(books, "switch_rebalancing", "A-1", False, TODAY).endswith("is off: it was not in the queue")


def test_on_queues_with_every_reason_that_holds(books: Books) -> None:
    raw = book()
    account(raw, "A-2")["rebalancing"] = False
    loaded(books, raw)
    told = do(books, "switch_rebalancing", "A-2", True, TODAY)
    assert told.endswith("is on: queued for FIRST_REBALANCE, HIGH_CASH, OUTSIDE_TOLERANCE, TOGGLED_ON")
    assert evidence(books, "A-2", "TOGGLED_ON") == {"switched_by": "ben"}
    assert evidence(books, "A-2", "HIGH_CASH")["breach"] == "above"


def test_on_without_fresh_prices_queues_with_what_is_known(books: Books) -> None:
    raw = book()
    account(raw, "A-2")["rebalancing"] = False
    loaded(books, raw)
    do(books, "switch_rebalancing", "A-2", True, date(2026, 12, 20))
    assert reasons(books, "A-2") == ["FIRST_REBALANCE", "TOGGLED_ON"]


def test_on_with_neither_target_nor_holdings(books: Books) -> None:
    loaded(books, book(accounts=[{"id": "A-4", "cash": "5", "rebalancing": False}], account_groups=[]))
    told = do(books, "switch_rebalancing", "A-4", True, TODAY)
    assert told == "rebalancing of account A-4 is on: it has no target and no holdings, so it is not queued"
    assert reasons(books, "A-4") == []


# --- after a rebalance -----------------------------------------------------------------------------------------------


def test_first_rebalanced_is_noted_once(books: Books) -> None:
    loaded(books)
    do(books, "mark_rebalanced", "A-2", "CORE", 1, date(2026, 11, 20))
    at = last_audit(books)
    do(books, "mark_rebalanced", "A-2", "CORE", 1, date(2026, 11, 23))
    assert audited(books, at) == []
    do(books, "mark_rebalanced", "A-2", "CORE", 2, date(2026, 11, 24))
    found = snapshot(books, "A-2")
    assert (found.rebalanced_to, found.account.first_rebalanced) == (RebalancedTo("CORE", 2), date(2026, 11, 20))


def test_a_liquidation_forgets_the_target(books: Books) -> None:
    loaded(books)
    do(books, "mark_rebalanced", "A-1", None, None, TODAY)
    found = snapshot(books, "A-1")
    assert (found.rebalanced_to, found.account.first_rebalanced) == (None, None)


def stored(books: Books) -> Account:
    return snapshot(books, "A-1").account


def test_positions_are_booked_whole(books: Books) -> None:
    """
    before   managed 500.25 cash, X 30.5, Y 30.125 · model:M 12.00 cash, Y 50, Z 70
    after    managed 100.00 cash, X 10.5 in its older lot · model:M closed · model:N opened with Z 4
    """
    loaded(books)
    before = stored(books)
    lot = before.managed.holdings[0].lots[1]
    bought = Lot(Decimal(4), Decimal("20.00"), TODAY)
    after = replace(
        before,
        managed=Sleeve("managed", Decimal("100.00"), (Holding("X", lot.quantity, (lot,)), before.managed.holdings[1])),
        model_sleeves=(Sleeve("model:N", Decimal("0.55"), (Holding("Z", Decimal(4), (bought,)),)),),
    )
    at = last_audit(books)
    do(books, "store_positions", "A-1", before, after)
    assert stored(books) == after
    assert audited(books, at) == [("positions booked", "A-1")]
    record = rows(books, "SELECT before, after FROM audit_records WHERE id > :at", at=at)[0]
    assert record[0]["managed"] == {"cash": "500.25", "holdings": {"X": "30.5"}}
    assert record[1] == {
        "managed": {"cash": "100.00", "holdings": {"X": "10.5"}},
        "model:N": {"cash": "0.55", "holdings": {"Z": "4"}},
    }
    assert rows(books, "SELECT status, cash FROM sleeves WHERE model_id = 'M'") == [("closed", 0)]
    do(books, "store_positions", "A-1", after, before)  # a sleeve that was closed may open again
    assert stored(books) == before
    assert rows(books, "SELECT status FROM sleeves WHERE model_id = 'M' ORDER BY id") == [("closed",), ("open",)]


def test_the_same_positions_change_nothing(books: Books) -> None:
    loaded(books)
    at = last_audit(books)
    do(books, "store_positions", "A-1", stored(books), stored(books))
    assert audited(books, at) == []
