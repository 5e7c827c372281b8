"""What a custodian's statement does to an account's books: what is booked, and what somebody has to find out."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from domain.executing.reconciliation import Break
from domain.executing.statements import Settled, Statement, settle
from domain.values.snapshot import MANAGED, Account, Holding, Lot, Sleeve, Withdrawal

D = Decimal
OLD, NEW = Lot(D(4), D(10), date(2020, 1, 2)), Lot(D(6), D(20), date(2025, 1, 2))
ACCOUNT = Account(
    id="A-1", name="", custodian="PAPER", tax_status="taxable", status="open", rebalancing=True, target_id=None,
    managed=Sleeve(MANAGED, D("500.00"), (Holding("X", D(10), (NEW, OLD)), Holding("Y", D(5), (Lot(D(5)),)))),
    model_sleeves=(
        Sleeve("model:M", D("50.00"), (Holding("Y", D(7), (Lot(D(7)),)), Holding("Z", D(3), (Lot(D(3)),)))),
    ),
    protected=(Holding("P", D(1), (Lot(D(1)),)),),
    withdrawals=(Withdrawal(D(200), date(2026, 12, 9)), Withdrawal(D(200), date(2026, 12, 1))),
)  # fmt: skip
KNOWN = frozenset("XYZPN")
SAME = {"X": D(10), "Y": D(12), "Z": D(3), "P": D(1)}


def settled(cash: str = "550.00", in_doubt: frozenset[str | None] = frozenset(), **positions: str | None) -> Settled:
    stated = {**SAME, **{symbol: D(value) for symbol, value in positions.items() if value is not None}}
    missing = [symbol for symbol, value in positions.items() if value is None]
    return settle(ACCOUNT, Statement(D(cash), {s: q for s, q in stated.items() if s not in missing}), in_doubt, KNOWN)


def test_what_agrees_changes_nothing() -> None:
    assert settled() == Settled(ACCOUNT, (), (), None)


@pytest.mark.parametrize(("cash", "managed"), [("1550.25", "1500.25"), ("549.99", "499.99"), ("50.00", "0.00")])
def test_money_comes_and_goes_in_the_managed_sleeve(cash: str, managed: str) -> None:
    done = settled(cash)
    assert done.account == replace(ACCOUNT, managed=replace(ACCOUNT.managed, cash=D(managed)))
    assert (done.breaks, done.paid) == ((), None)


def test_more_than_the_managed_sleeve_has_is_a_break() -> None:
    done = settled("49.99")
    assert done.account == ACCOUNT
    assert done.breaks == (Break("cash", None, D("550.00"), D("49.99")),)


def test_a_withdrawal_of_exactly_that_amount_was_paid_the_one_due_first() -> None:
    done = settled("350.00")
    assert done.paid == Withdrawal(D(200), date(2026, 12, 1))
    assert done.account.withdrawals == (Withdrawal(D(200), date(2026, 12, 9)),)
    assert done.account.managed.cash == D("300.00")


def test_shares_that_came_are_a_lot_of_unknown_cost() -> None:
    done = settled(X="12.5", N="3")
    held = {each.symbol: each for each in done.account.managed.holdings}
    assert held["X"] == Holding("X", D("12.5"), (NEW, OLD, Lot(D("2.5"))))
    assert held["N"] == Holding("N", D(3), (Lot(D(3)),))
    assert done.breaks == ()


def test_shares_that_went_leave_first_in_first_out() -> None:
    """
    before   4 @ 10.00 2020-01-02   6 @ 20.00 2025-01-02
    stated   5
    after    5 @ 20.00 2025-01-02
    """
    (x, _) = settled(X="5").account.managed.holdings
    assert x.lots == (Lot(D(5), D(20), date(2025, 1, 2)),)
    assert [each.symbol for each in settled(X="0").account.managed.holdings] == ["Y"]


@pytest.mark.parametrize(
    ("symbol", "stated", "expected"),
    [
        ("Y", "24", "12"),  # also held by a model sleeve: a split concerns both
        ("Z", "2", "3"),
        ("Z", "6", "3"),
        ("P", "0", "1"),  # protected
        ("Q", "5", "0"),  # no security
        ("X", None, "10"),  # not named at all: nobody's lots go for a missing line
    ],
)
def test_what_may_mean_several_things_is_a_break(symbol: str, stated: str | None, expected: str) -> None:
    done = settled(**{symbol: stated})
    assert done.account == ACCOUNT
    assert done.breaks == (Break("quantity", symbol, D(expected), D(stated or 0)),)


def test_nothing_is_booked_while_somebody_finds_out() -> None:
    done = settled("600.00", frozenset({None, "X"}), X="11", N="1")
    assert [each.symbol for each in done.breaks] == [None, "X"]
    assert [each.symbol for each in done.booked] == ["N"]
