"""The short form of `make chaos`: a fault of every kind, and the proof. And that the proof sees what is wrong."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from domain.executing.reconciliation import Ledger
from storage.connection import Books
from tests.chaos import least, proof
from tests.chaos.__main__ import summary
from tests.chaos.attempts import FORGERIES, Attempts
from tests.chaos.faults import KINDS, planned
from tests.chaos.proof import Records
from tests.chaos.run import Report, run


@pytest.fixture(scope="module")
def report() -> Report:
    return run(seed=1, seconds=14, accounts=10, say=lambda line: None)


@pytest.mark.trial
@pytest.mark.timeout(600)  # a loaded machine; every kill costs the server's real timeouts until it notices
def test_nothing_is_lost_and_nothing_done_twice(report: Report) -> None:
    assert report.clean, "\n".join(summary(report))
    assert sum(report.injected.values()) >= 4
    assert report.asked["rebalances"] >= 1


@pytest.mark.trial
@pytest.mark.timeout(600)
def test_a_run_in_which_every_rebalance_failed_proves_nothing(report: Report) -> None:
    """As on a day on which all prices are too old: no order, no fill, and nothing wrong."""
    assert report.records is not None
    failed = [_changed(each, status="FAILED") for each in report.records.runs]
    records = replace(report.records, runs=failed, orders=[], at_venue={})
    checks = [replace(each, looked_at=0) if "Every order" in each.says else each for each in report.checks]
    told = list(least.missing(60, 60, 30, {}, records, checks))
    assert [each.split(":")[0] for each in told[:3]] == [
        "0 orders filled", "0 rebalances COMPLETE", "0 faults that hit something",
    ]  # fmt: skip
    assert any("Every order was executed at most once" in each for each in told[3:])
    assert not replace(report, unseen=told).clean


def test_the_seed_alone_plans_the_faults() -> None:
    assert planned(7, 60) == planned(7, 60) != planned(8, 60)
    assert {fault.kind for fault in planned(7, 60)} == set(KINDS)


def _filled(records: Records) -> Any:
    return next(order for order in records.alone() if order.filled_quantity)


def _without_order(records: Records) -> Records:
    gone = _filled(records).client_order_id
    return replace(records, at_venue={key: each for key, each in records.at_venue.items() if key != gone})


def _custodian_short_a_cent(records: Records) -> Records:
    name, held = next(iter(records.custodian.items()))
    return replace(records, custodian={**records.custodian, name: Ledger(held.cash - Decimal("0.01"), held.positions)})


def _still_executing(records: Records) -> Records:
    return replace(records, runs=[_changed(each, stage="EXECUTING") for each in records.runs])


def _not_booked(records: Records) -> Records:
    return replace(records, orders=[_changed(each, booked_at=None) for each in records.orders])


def _unrecorded(records: Records) -> Records:
    return replace(records, audit={key: count for key, count in records.audit.items() if key[1] != "rebalance ended"})


def _recorded_twice(records: Records) -> Records:
    return replace(records, audit={key: 2 * count for key, count in records.audit.items()})


def _queue_emptied(records: Records) -> Records:
    return replace(records, queue=[], runs=[_changed(each, status="FAILED") for each in records.runs])


def _refused_buy(records: Records) -> tuple[Records, str]:
    """As though the venue's answer to a buy had been refused, as it has the buy in another size; with its break."""
    buy = next(each for each in records.alone() if each.filled_quantity and each.side == "buy")
    now = _changed(buy, status="REJECTED", filled_quantity=Decimal(0), quantity=buy.quantity + 1)
    told = SimpleNamespace(kind="foreign_answer", rebalance_id=buy.rebalance_id)
    orders = [now if each is buy else each for each in records.orders]
    return replace(records, orders=orders, breaks=[*records.breaks, told], lost=frozenset({"?"})), buy.client_order_id


class _Changed:
    """A row with some of its values changed."""

    def __init__(self, row: Any, changes: dict[str, Any]) -> None:
        self._row, self._changes = row, changes

    def __getattr__(self, name: str) -> Any:
        return self._changes[name] if name in self._changes else getattr(self._row, name)


def _changed(row: Any, **changes: Any) -> Any:
    return _Changed(row, changes)


@pytest.mark.trial
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("tamper", "check"),
    [
        (_without_order, proof.every_order_once),
        (_without_order, proof.orders_agree),
        (_custodian_short_a_cent, proof.every_order_once),
        (_custodian_short_a_cent, proof.books_agree),
        (_still_executing, proof.all_ended),
        (_not_booked, proof.all_ended),
        (_unrecorded, proof.effects_recorded),
        (_recorded_twice, proof.effects_recorded),
        (_queue_emptied, proof.queue_consistent),
    ],
)
def test_the_proof_sees_what_is_wrong(
    report: Report, tamper: Callable[[Records], Records], check: Callable[[Records], Any]
) -> None:
    assert report.records is not None
    assert list(check(tamper(report.records)))


@pytest.mark.timeout(600)
@pytest.mark.trial
def test_a_buy_that_is_refused_for_its_size_is_excused_only_where_a_backup_had_it_as_never_sent(report: Report) -> None:
    assert report.records is not None
    records, name = _refused_buy(report.records)
    assert [each for each in proof.orders_agree(records) if each.startswith(name)]
    assert not list(proof.orders_agree(replace(records, sent_since=frozenset({name}))))


def test_a_forgery_that_is_accepted_and_an_order_of_a_halted_desk_are_seen(books: Books, owner: Engine) -> None:
    attempts = Attempts(books)
    for number in range(len(FORGERIES)):
        assert attempts.forge(number)
    assert attempts.halt(1)
    assert [(each.looked_at, each.wrong) for each in attempts.checked()] == [(1, ()), (len(FORGERIES), ())]
    careless = Attempts(Books(owner))
    assert careless.forge(FORGERIES.index("DROP TABLE audit_seals"))
    assert "audit_seals" in careless.checked()[0].wrong[0]
