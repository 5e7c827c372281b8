"""The oracle knows the best end of accounts that a person can work out; nobody's plan is better than it."""

from decimal import Decimal
from typing import Any

import pytest

from domain.plan import plan
from domain.values.policy import MODES, Mode
from tests.laws import funds, oracle, turnover
from tests.laws.books import AS_OF
from tests.laws.turnover import compare_turnover
from tests.laws.world import Members

Json = dict[str, Any]


def account(cash: str, *lines: tuple[str, str, int]) -> Json:
    """Securities with price, weight and shares held."""
    symbols = [f"X{at}" for at in range(len(lines))]
    return {
        "as_of": str(AS_OF),
        "policy": {"minimum_trade_amount": "0"},
        "securities": [{"symbol": s, "price": price} for s, (price, _, _) in zip(symbols, lines, strict=True)],
        "targets": [
            {
                "id": "T",
                "components": [{"security": s, "weight": w} for s, (_, w, _) in zip(symbols, lines, strict=True)],
            }
        ],
        "accounts": [
            {
                "id": "A-1",
                "target": "T",
                "first_rebalanced": "2025-03-01",
                "cash": cash,
                "holdings": [
                    {"symbol": s, "quantity": str(n)} for s, (_, _, n) in zip(symbols, lines, strict=True) if n
                ],
            }
        ],
    }


def best_of(book: Json) -> oracle.End:
    members = Members(book)
    snapshot = members.snapshot("A-1")
    found = oracle.best(snapshot, plan(snapshot, members.policy, "best_fit"))
    assert found is not None
    return found


def test_a_line_in_its_band_and_cash_in_its_own_are_left() -> None:
    """1,000.00: 49 X0 of 10.00 and 48 X1 of 10.00 at 49 % each, 30.00 cash: 2 % ± 0.5 is 25.00 at most."""
    assert best_of(account("20.00", ("10.00", "0.49", 49), ("10.00", "0.49", 49))) == oracle.End(0, 0, 0, 0)
    one_more = best_of(account("30.00", ("10.00", "0.49", 48), ("10.00", "0.49", 49)))
    assert one_more == oracle.End(0, 0, 0, 1_000)


def test_a_share_too_large_for_its_line_is_not_bought() -> None:
    """60 % and 38 % of 1,000.00 in shares of 500.00 and 10.00: a second X0 would be 100 %. X1 goes to 450.00, inside
    its threshold of 456.00, and cash to 50.00, 25.00 above its band; X0 is 76.00 and X1 54.80 outside theirs.
    """
    book = account("120.00", ("500.00", "0.6", 1), ("10.00", "0.38", 38))
    assert best_of(book) == oracle.End(2_500, 0, 13_080, 7_000)


def test_no_plan_is_better_than_the_best_end() -> None:
    for mode in ("exact", "best_fit", "min_transaction"):
        compared = oracle.compare(1, 40, mode)  # type: ignore[arg-type]
        assert compared.accounts > 25 and compared.better == 0


@pytest.mark.parametrize("mode", MODES)
def test_turnover_is_the_least_where_nothing_is_rounded(mode: Mode) -> None:
    found = compare_turnover(1, 60, mode, all_held=True)
    assert found.others == [] and found.least == found.accounts > 40


def test_turnover_that_is_not_the_least_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def more(*_: object) -> float:
        return 10_000_000.0

    monkeypatch.setattr(turnover, "least_turnover", more)
    assert "would do" in compare_turnover(1, 5, "exact").others[0]


def test_small_accounts_and_funds_are_the_same_each_time() -> None:
    assert oracle.small(1, 3) == oracle.small(1, 3) != oracle.small(1, 4)
    assert funds.funds(1, 3, 25_000) == funds.funds(1, 3, 25_000) != funds.funds(1, 4, 25_000)


def test_funds_are_planned_and_counted() -> None:
    found = funds.settle(1, 5, 25_000, "best_fit")
    assert found.accounts == 5 and len(list(found.lines())) == 5
    assert all(Decimal(each["price"]) < 650 for each in funds.funds(1, 0, 25_000)["securities"])


def test_funds_trade_once() -> None:
    """LAW-9 and LAW-10: direct funds of every value, whole shares, every mode."""
    found = funds.all_funds(2, 12)
    assert sum(each.accounts for each in found.values()) == 180
    assert [again for each in found.values() for again in each.again] == []
    assert sum(each.counts["a step helps"] for each in found.values()) == 0
