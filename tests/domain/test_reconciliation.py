"""Breaks: the custodian's figure in the books agrees with the custodian, and nothing else moves."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.executing.reconciliation import Break, compare, corrected, ledger
from domain.values.snapshot import Account, Holding, Lot, Sleeve
from tests.domain.test_execution import reproducible

ZERO = Decimal(0)


def account() -> Account:
    """10 X managed in two lots, 5 X and 3 Y in model M, 2 X protected; cash 100 and 50."""
    lots = (Lot(Decimal(4), Decimal(9), None), Lot(Decimal(6)))
    return Account(
        "A-1", "", "PAPER", "taxable", "open", True, None,
        Sleeve("managed", Decimal(100), (Holding("X", Decimal(10), lots),)),
        (Sleeve("model:M", Decimal(50), (_holding("X", 5), _holding("Y", 3))),),
        (_holding("X", 2),),
    )  # fmt: skip


def _holding(symbol: str, quantity: int) -> Holding:
    return Holding(symbol, Decimal(quantity), (Lot(Decimal(quantity)),))


@reproducible
@given(st.integers(0, 40), st.sampled_from(("X", "Y", "Z")))
def test_a_quantity_is_booked_to_the_share(actual: int, symbol: str) -> None:
    before = account()
    expected = ledger(before).positions.get(symbol, ZERO)
    after = corrected(before, Break("quantity", symbol, expected, Decimal(actual)))
    booked = ledger(after)
    assert booked.positions.get(symbol, ZERO) == actual
    assert booked.cash == 150
    others = {key: each for key, each in booked.positions.items() if key != symbol}
    assert others == {key: each for key, each in ledger(before).positions.items() if key != symbol}
    for holding in (*(each for sleeve in after.sleeves for each in sleeve.holdings), *after.protected):
        assert holding.quantity == sum((lot.quantity for lot in holding.lots), ZERO) > 0


@reproducible
@given(st.integers(-50, 400))
def test_cash_is_booked_to_the_cent_and_only_the_managed_sleeve_may_be_overdrawn(actual: int) -> None:
    before = account()
    after = corrected(before, Break("cash", None, Decimal(150), Decimal(actual)))
    assert ledger(after).cash == actual
    assert all(sleeve.cash >= 0 for sleeve in after.model_sleeves)
    assert compare(ledger(after), ledger(before))[1:] == ()


def test_what_is_missing_leaves_the_managed_sleeve_first() -> None:
    after = corrected(account(), Break("quantity", "X", Decimal(17), Decimal(6)))
    assert after.managed.holdings == ()
    assert [(each.symbol, each.quantity) for each in after.model_sleeves[0].holdings] == [("X", 4), ("Y", 3)]
    assert after.protected == account().protected
