"""Corporate actions on one account: lots keep their basis, fractions are paid out, and nothing comes from nowhere."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.books.action_files import read_actions
from domain.books.book import BookRefused
from domain.books.corporate_actions import CorporateAction, apply
from domain.values.snapshot import Account, Holding, Lot, Sleeve

DAY = date(2026, 11, 20)
OLD, YOUNG = date(2024, 1, 2), date(2026, 3, 4)


def lot(quantity: str, cost: str | None, acquired: date | None = OLD) -> Lot:
    return Lot(Decimal(quantity), None if cost is None else Decimal(cost), acquired)


def holding(symbol: str, *lots: Lot) -> Holding:
    return Holding(symbol, sum((each.quantity for each in lots), Decimal(0)), lots)


def account(*managed: Holding, model: tuple[Holding, ...] = (), protected: tuple[Holding, ...] = ()) -> Account:
    return Account(
        "A-1", "", "PAPER", "taxable", "open", True, None,
        Sleeve("managed", Decimal("10.00"), managed),
        (Sleeve("model:M", Decimal("5.00"), model),) if model else (),
        protected,
    )  # fmt: skip


def action(kind: str, **terms: str) -> CorporateAction:
    numbers = {key: each if key == "to" else Decimal(each) for key, each in terms.items()}
    return CorporateAction("CA-1", kind, "X", DAY, **numbers)  # type: ignore[arg-type]


def test_a_split_divides_the_basis_among_the_new_shares() -> None:
    """
    before   20 @ 90.00 2024-01-02   10.5 @ 60.00 2026-03-04      2,430.00
    split    3 for 2
    after    30 @ 60.00 2024-01-02   15.75 @ 40.00 2026-03-04     2,430.00
    """
    after = apply(
        account(holding("X", lot("20", "90.00"), lot("10.5", "60.00", YOUNG))), action("split", new="3", old="2")
    )
    assert after.account.managed.holdings == (holding("X", lot("30", "60"), lot("15.75", "40", YOUNG)),)
    assert (after.cash, after.sales) == (0, ())


def test_a_reverse_split_pays_the_fraction_of_all_sleeves_together_in_cash() -> None:
    """
    before   managed 25 @ 4.00, model sleeve 17 @ 5.00, protected 1 @ 1.00: 43
    reverse  1 for 10, fractions at 52.00: 2.5 + 1.7 + 0.1 = 4.3, of which 0.3 are paid out: 15.60
    after    managed 2.2 @ 40.00 and 10.00 + 15.60, sleeve 1.7 @ 50.00, protected 0.1 @ 10.00: 4 whole shares
    sold     0.3 at a gain of 0.3 × (52.00 − 40.00) = 3.60
    """
    before = account(
        holding("X", lot("25", "4.00")),
        model=(holding("X", lot("17", "5.00")),),
        protected=(holding("X", lot("1", "1")),),
    )
    after = apply(before, action("reverse_split", new="1", old="10", price="52.00"))
    managed, model = after.account.managed, after.account.model_sleeves[0]
    assert managed.holdings == (holding("X", lot("2.2", "40")),)
    assert (managed.cash, model.cash, after.cash) == (Decimal("25.60"), Decimal("5.00"), Decimal("15.60"))
    assert model.holdings == (holding("X", lot("1.7", "50")),)
    assert after.account.protected == (holding("X", lot("0.1", "10")),)
    (sale,) = after.sales
    assert (sale.quantity, sale.gain, sale.date, sale.acquired) == (Decimal("0.3"), Decimal("3.60"), DAY, OLD)


def test_what_is_less_than_a_share_is_gone_for_its_cash() -> None:
    after = apply(account(holding("X", lot("3", "9.00"))), action("reverse_split", new="1", old="10", price="0"))
    assert after.account.managed.holdings == ()
    assert [(each.quantity, each.gain) for each in after.sales] == [(Decimal("0.3"), Decimal("-27.00"))]


def test_a_new_symbol_takes_over_lots_and_days() -> None:
    before = account(holding("X", lot("5", "9.00")), holding("Y", lot("2", "1.00", YOUNG)))
    after = apply(before, action("symbol_change", to="Y")).account
    assert after.managed.holdings == (Holding("Y", Decimal(7), (lot("5", "9.00"), lot("2", "1.00", YOUNG))),)


def test_a_dividend_comes_into_the_sleeve_that_holds_the_shares() -> None:
    """
    held     10 managed, 3 in the model sleeve, 2 protected: 15
    paid     15 × 0.333 = 4.995, 5.00 in cents: 3.33 + 0.67 into the managed sleeve, 1.00 into the model sleeve
    """
    before = account(
        holding("X", lot("10", None, None)),
        model=(holding("X", lot("3", "1")),),
        protected=(holding("X", lot("2", "1")),),
    )
    after = apply(before, action("cash_dividend", amount="0.333"))
    assert after.cash == Decimal("5.00")
    assert (after.account.managed.cash, after.account.model_sleeves[0].cash) == (Decimal("14.00"), Decimal("6.00"))
    assert after.account.managed.holdings == before.managed.holdings


QUANTITIES = st.decimals("0.001", "100000", places=3)
LOTS = st.lists(
    st.builds(Lot, QUANTITIES, st.decimals("0", "900", places=2), st.sampled_from([OLD, YOUNG])), min_size=1, max_size=4
)
PARTS = st.integers(1, 40).map(Decimal)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(LOTS, LOTS, PARTS, PARTS, st.decimals("0", "500", places=2))
def test_basis_is_conserved_and_only_whole_shares_are_left(
    managed: list[Lot], model: list[Lot], new: Decimal, old: Decimal, price: Decimal
) -> None:
    before = account(holding("X", *managed), model=(holding("X", *model),))
    kept = apply(before, action("split", new=str(new), old=str(old)))
    paid = apply(before, action("split", new=str(new), old=str(old), price=str(price)))
    assert abs(basis(before) - basis(kept.account)) < Decimal("0.01")
    sold = sum((each.quantity for each in paid.sales), Decimal(0))
    assert total(paid.account) + sold == total(kept.account)
    assert total(paid.account) % 1 == 0
    assert sold < 1
    assert all(
        sum((each.quantity for each in held.lots), Decimal(0)) == held.quantity for held in holdings(paid.account)
    )


def holdings(of: Account) -> list[Holding]:
    return [each for sleeve in of.sleeves for each in sleeve.holdings]


def basis(of: Account) -> Decimal:
    return sum((each.quantity * (each.cost_per_share or 0) for held in holdings(of) for each in held.lots), Decimal(0))


def total(of: Account) -> Decimal:
    return sum((each.quantity for each in holdings(of)), Decimal(0))


GOOD = {"id": "CA-1", "type": "split", "symbol": "X", "date": "2026-11-20", "new": "2", "old": "1"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"new": "1", "old": "2"}, "actions[0]: a split makes more shares: 1 for 2 does not. Were they exchanged?"),
        ({"type": "reverse_split"}, "actions[0]: a reverse split makes fewer shares: 2 for 1 does not"),
        ({"date": "2026-11-21"}, "actions[0].date: 2026-11-21 has not come: give the action on its day"),
        ({"amount": "1"}, "actions[0].amount: says nothing of a split"),
        (
            {"type": "cash_dividend", "new": None, "old": None},
            "actions[0].amount: is missing: a cash_dividend needs it",
        ),
        ({"type": "merger"}, "actions[0].type: "),
        ({"new": "0"}, "actions[0].new: "),
        ({"type": "symbol_change", "to": "X", "new": None, "old": None}, "actions[0].to: X is its symbol already"),
    ],
)
def test_what_is_wrong_with_an_action_is_told_with_its_place(change: dict[str, str | None], told: str) -> None:
    raw = {key: each for key, each in (GOOD | change).items() if each is not None}
    with pytest.raises(BookRefused) as refused:
        read_actions({"actions": [raw]}, DAY)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize("raw", [{}, {"actions": []}, [], {"actions": [GOOD, GOOD]}, {"actions": "x"}, None])
def test_what_is_no_file_of_actions_is_refused(raw: object) -> None:
    with pytest.raises(BookRefused):
        read_actions(raw, DAY)
