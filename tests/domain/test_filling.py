"""Which holdings make up a sleeve's new value: λ, concentration and whole shares, without a plan around them."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.planning import concentration
from domain.planning.concentration import concentrated
from domain.planning.filling import SleeveTrades, Task, fill_sleeve
from domain.planning.levels import Levels
from domain.planning.rounding import buy_quantities, sell_quantities, shares_to_sell
from domain.targets.restrictions import NO_LIMITS, Aim
from domain.values.snapshot import Holding, Lot, Security, Sleeve
from tests.domain.cases import TODAY
from tests.domain.numbers import number

Amounts = dict[str, Decimal]


def amounts(text: str) -> Amounts:
    """`X 5,500 Y 2,700` as amounts by symbol."""
    words = text.split()
    return {symbol: number(amount) for symbol, amount in zip(words[::2], words[1::2], strict=True)}


def market(text: str, increments: str = "") -> dict[str, Security]:
    """Securities by symbol, with their prices."""
    steps = amounts(increments)
    return {
        symbol: Security(symbol, "", price, TODAY, steps.get(symbol, Decimal(1)))
        for symbol, price in amounts(text).items()
    }


def sleeve(text: str, cash: str = "0") -> Sleeve:
    """An open sleeve that holds so many shares."""
    held = tuple(Holding(symbol, quantity, (Lot(quantity),)) for symbol, quantity in amounts(text).items())
    return Sleeve("model:M", number(cash), held)


def model(text: str, cash: str = "0") -> Aim:
    """What a model of so many percent asks of its sleeve."""
    weights = {symbol: weight / 100 for symbol, weight in amounts(text).items()}
    return Aim(weights, Decimal(cash) / 100, {})


def filled(own: Sleeve, aim: Aim | None, change: str, prices: dict[str, Security], smallest: str = "0") -> SleeveTrades:
    """What a sleeve trades whose value changes by so much."""
    worth = worth_of(own, prices)
    value = own.cash + sum(worth.values(), Decimal(0))
    return fill_sleeve(own, worth, Task(aim, value, number(change), Decimal(smallest)), prices, NO_LIMITS)


def worth_of(own: Sleeve, prices: dict[str, Security]) -> Amounts:
    return {each.symbol: prices[each.symbol].worth(each.quantity) for each in own.holdings}


def level(values: Amounts, weights: Amounts, total: Decimal) -> Decimal | None:
    """λ, or None where nothing has to move."""
    return Levels(values, weights, total, total > sum(values.values())).level()


HALF = {"X": Decimal("0.5"), "Y": Decimal("0.3"), "Z": Decimal("0.2")}


@pytest.mark.parametrize(
    ("values", "total", "reached"),
    [
        ("X 5,500 Y 2,700 Z 1,800", "11,000", "11,000"),  # all three are below 11,000 of λ: 11,000, 9,000, 9,000
        ("X 5,500 Y 2,700 Z 1,800", "10,100", "9,200"),  # Y and Z, both at 9,000: 5,500 + 0.5 λ
        ("X 5,500 Y 2,700 Z 1,800", "9,000", "9,000"),
        ("X 5,500 Y 2,700 Z 1,800", "9,900", "10,800"),  # X alone, from 11,000: 0.5 λ + 4,500
        ("X 5,500 Y 2,700 Z 1,800", "0", "0"),
        ("X 0 Y 0 Z 0", "10,000", "10,000"),
        ("X 6,000 Y 0 Z 0", "10,000", "8,000"),  # 6,000 + 0.5 λ
        ("X 6,000 Y 0 Z 0", "5,000", "10,000"),
        ("X 100 Y 60 Z 40", "200", None),  # nothing to do
    ],
)
def test_level(values: str, total: str, reached: str | None) -> None:
    assert level(amounts(values), HALF, number(total)) == (reached and number(reached))


VALUES = st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 50)), min_size=1, max_size=8)


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(VALUES, st.integers(0, 60_000))
def test_holdings_at_their_level_sum_to_the_total(held: list[tuple[int, int]], total: int) -> None:
    whole = sum(weight for _, weight in held)
    values = {f"S{at}": Decimal(value) for at, (value, _) in enumerate(held)}
    weights = {f"S{at}": Decimal(weight) / whole for at, (_, weight) in enumerate(held)}
    reached = level(values, weights, Decimal(total))
    if reached is None:
        assert sum(values.values()) == total
        return
    growing = total > sum(values.values())
    levels = [(values[symbol], reached * weights[symbol]) for symbol in values]
    goals = sum((max(each) if growing else min(each) for each in levels), Decimal(0))
    assert abs(goals - total) < Decimal("0.0000001")


@pytest.mark.parametrize(
    ("name", "held", "cash", "change", "trades"),
    [
        ("it grows from nothing", "X 0", "0", "1,000", "X 5 Y 6 Z 10"),
        ("it grows by little, where it lacks most", "X 55 Y 54 Z 90", "0", "1,000", "Y 12 Z 20"),
        ("it shrinks where it has most", "X 55 Y 54 Z 90", "0", "-1,000", "X -10"),
        ("it shrinks to nothing", "X 55 Y 54 Z 90", "0", "-10,000", "X -55 Y -54 Z -90"),
        ("its own cash is invested along", "X 50 Y 60 Z 100", "500", "500", "X 5 Y 6 Z 10"),
        ("its own cash pays", "X 50 Y 60 Z 100", "500", "-500", ""),
        ("an overdraft of its own is not spent again", "X 50 Y 60 Z 100", "-2,000", "1,000", ""),
        ("what the model does not name is sold, growing", "X 50 Y 60 W 20", "0", "2,000", "W -20 X 1 Y 1 Z 102"),
        ("and shrinking, and it pays first", "X 50 Y 60 Z 100 W 20", "0", "-200", "W -20"),
        ("and what it does not pay is sold besides", "X 50 Y 60 Z 100 W 20", "0", "-1,200", "W -20 X -5 Y -6 Z -10"),
    ],
)
def test_fill_sleeve(name: str, held: str, cash: str, change: str, trades: str) -> None:
    """Prices X 100, Y 50, Z 20, W 10; the model X 50 %, Y 30 %, Z 20 %."""
    prices = market("X 100 Y 50 Z 20 W 10")
    found = filled(sleeve(held, cash), model("X 50 Y 30 Z 20"), change, prices)
    assert {symbol: quantity for symbol, quantity in found.quantities.items() if quantity} == amounts(trades), name


def test_without_a_model_a_sleeve_sells_everything() -> None:
    found = filled(sleeve("X 3 Y 0.5"), None, "-325", market("X 100 Y 50"), "100")
    assert found.quantities == amounts("X -3 Y -0.5")


def test_the_models_cash_is_left_over() -> None:
    assert filled(sleeve(""), model("X 90", "10"), "1000", market("X 100")).quantities == amounts("X 9")


@pytest.mark.parametrize(
    ("name", "held", "change", "trades", "given_up"),
    [
        ("all large enough", "X 50 Y 60 Z 100", "500", "X 2.5 Y 3 Z 5", ""),
        ("the smallest is left, the others share by weight", "X 50 Y 60 Z 100", "400", "X 2.5 Y 3", "Z 80"),
        ("again, until one is left", "X 50 Y 60 Z 100", "240", "X 2.4", "Y 72 Z 48"),
        ("one that is left is made, however small", "X 50 Y 60 Z 100", "90", "X 0.9", "Y 27 Z 18"),
        # 5,500 + 2,600 + 1,900 and 400: at λ 9,800 Y takes 340.00 and Z 60.00; then Y alone
        ("the one that is left is not always the largest weight", "X 55 Y 52 Z 95", "400", "Y 8", "Z 60"),
        ("selling", "X 50 Y 60 Z 100", "-400", "X -2.5 Y -3", "Z 80"),
        # 62.50, 7.50 and 5.00 would be sold: Z and Y are left, and X makes all of it
        ("selling, what is left makes no part of it", "X 1 Y 0.6 Z 1", "-75", "X -0.8", "Y 7.5 Z 5"),
    ],
)
def test_concentration(name: str, held: str, change: str, trades: str, given_up: str) -> None:
    """Prices X 100, Y 50, Z 20 in tenths; the model X 50 %, Y 30 %, Z 20 %; the minimum trade is 100.00."""
    prices = market("X 100 Y 50 Z 20", "X 0.1 Y 0.1 Z 0.1")
    found = filled(sleeve(held), model("X 50 Y 30 Z 20"), change, prices, "100")
    assert {symbol: quantity for symbol, quantity in found.quantities.items() if quantity} == amounts(trades), name
    assert found.given_up == amounts(given_up), name


@pytest.mark.parametrize(("minimum", "orders"), [("380", 500), ("380.01", 499), ("600", 316), ("190,000", 1)])
def test_as_many_take_part_as_can(minimum: str, orders: int) -> None:
    """190,000.00 into 500 equal holdings: 380.00 each, 601.27 for 316 of them, 599.37 for 317 (SLEEVE-4)."""
    symbols = [f"S{at:03}" for at in range(500)]
    prices = {symbol: Security(symbol, "", Decimal(50), TODAY, Decimal("0.0001")) for symbol in symbols}
    weight = Decimal(1) / 500
    levels = Levels(dict.fromkeys(symbols, Decimal(1000)), dict.fromkeys(symbols, weight), Decimal(690_000), True)
    traded, _, given_up = concentrated(levels, dict.fromkeys(symbols, Decimal(20)), prices, number(minimum))
    assert list(traded) == symbols[:orders]  # the last by key is left first
    assert list(given_up) == symbols[: orders - 1 : -1]
    assert all(abs(amount - Decimal(190_000) / orders) < Decimal("0.01") for amount in traded.values())


@st.composite
def spreads(draw: st.DrawFn) -> tuple[Levels, Amounts, dict[str, Security]]:
    """A sleeve of up to 24 holdings on its way to another value, its shares and their securities."""
    symbols = [f"S{at:02}" for at in range(draw(st.integers(10, 24)))]
    prices, steps = st.sampled_from(["50", "1.37", "333.33", "0.05"]), st.sampled_from(["1", "1", "0.0001", "10"])
    alike = draw(st.booleans())
    each = st.tuples(prices, steps, st.integers(0, 60), st.integers(1, 9))
    one = draw(each)
    of = [one if alike else draw(each) for _ in symbols]
    market = {s: Security(s, "", number(p), TODAY, number(i)) for s, (p, i, _, _) in zip(symbols, of, strict=True)}
    shares = {s: n * number(i) for s, (_, i, n, _) in zip(symbols, of, strict=True)}
    weights = {s: Decimal(w) / 300 for s, (_, _, _, w) in zip(symbols, of, strict=True)}
    worth = {s: shares[s] * number(p) for s, (p, _, _, _) in zip(symbols, of, strict=True)}
    change = Decimal(draw(st.integers(1, 3_000_000))) / 100
    growing, total = draw(st.booleans()), sum(worth.values(), Decimal(0))
    goal = total + change if growing else max(Decimal(0), total - change)
    return Levels(worth, weights, goal, growing), shares, market


def test_many_are_given_up_as_they_would_be_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """SLEEVE-4 in a queue that works out the smallest order alone, beside all orders worked out for each given up."""
    given_up = []

    @given(spreads(), st.sampled_from(["25", "100", "600"]), st.booleans())
    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    def alike(spread: tuple[Levels, Amounts, dict[str, Security]], smallest: str, fewest: bool) -> None:
        levels, shares, market = spread
        found = []
        for few in (0, len(market)):
            monkeypatch.setattr(concentration, "FEW", few)
            again = Levels(levels.values, levels.weights, levels.left, levels.growing)
            found.append(concentrated(again, shares, market, number(smallest), fewest=fewest))
        assert found[0] == found[1]
        given_up.append(len(found[0][2]))

    alike()
    assert sum(each > 2 for each in given_up) > 50


@given(spreads(), st.lists(st.tuples(st.integers(0, 23), st.sampled_from(["0", "0.5", "1"])), max_size=8))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_who_is_not_frozen_moves_as_in_a_sleeve_without_the_frozen(
    spread: tuple[Levels, Amounts, dict[str, Security]], frozen: list[tuple[int, str]]
) -> None:
    levels = spread[0]
    for at, part in frozen:
        symbol = sorted(levels.values)[at % len(levels.values)]
        if symbol in levels.weights:
            levels.freeze(symbol, levels.amount_of(symbol) * number(part))
        left = {each: levels.values[each] for each in levels.weights}
        anew = Levels(left, levels.weights, levels.left, levels.growing)
        assert levels.amounts() == anew.amounts()
        assert {each: levels.amount_of(each) for each in left} == {each: anew.amount_of(each) for each in left}


def test_raising_cash_sells_no_step_too_many() -> None:
    """13.8 X, 4.56 Y and 7.6 Z are 1,760.00: 14, 5 and 8 are 50.00 too much, which is a Y (CASH-2)."""
    task = Task(model("X 50 Y 30 Z 20"), Decimal(10_000), Decimal(-1_760), Decimal(0), one_way=True)
    own, prices = sleeve("X 55 Y 54 Z 90"), market("X 100 Y 50 Z 20")
    found = fill_sleeve(own, worth_of(own, prices), task, prices, NO_LIMITS)
    assert found.quantities == amounts("X -14 Y -4 Z -8")


@pytest.mark.parametrize(
    ("goals", "quantities"),
    [
        ("X 1,000", "X 10"),
        ("X 1,099.99", "X 10"),  # closer with one more, but nothing else leaves a cent for it
        ("X 1,050 Y 50", "X 10 Y 1"),  # one X more would be as far off: not closer
        ("X 1,060 Y 40", "X 10 Y 1"),  # 100.00 are over: one X comes 20.00 nearer, one Y 30.00
        ("X 1,060 Y 15", "X 10 Y 0"),  # 75.00 are over: closer, but 25.00 are lacking
        ("X 1,060 Y 20 Z 20", "X 11 Y 0 Z 0"),
        ("X 1,030 Y 45", "X 10 Y 1"),  # 75.00: one X would be too far
    ],
)
def test_buys_round_down_then_take_single_shares(goals: str, quantities: str) -> None:
    assert buy_quantities(amounts(goals), market("X 100 Y 50 Z 50")) == amounts(quantities)


@pytest.mark.parametrize(
    ("goals", "held", "quantities"),
    [
        ("X 1,000", "X 50", "X 10"),
        ("X 1,000.01", "X 50", "X 11"),
        ("X 1,060 Y 1,040", "X 50 Y 50", "X 11 Y 21"),  # 10.6 and 20.8, by the nearest shares
        ("X 1,060 Y 1,030", "X 50 Y 50", "X 11 Y 21"),  # 10.6 and 20.6; X alone would raise it, less near
        ("X 1,060 Y 1,010", "X 50 Y 50", "X 11 Y 20"),  # 10.6 and 20.2: 2,100.00 of 2,070.00 are raised
        ("X 1,040 Y 1,010", "X 50 Y 50", "X 11 Y 20"),  # 50.00 are lacking: one X is 20.00 further off, one Y 30.00
        ("X 1,040 Y 1,020", "X 50 Y 50", "X 11 Y 20"),  # 11 and 21 are 90.00 too much: keeping one X would be 100.00
        ("X 1,000", "X 10", "X 10"),
        ("X 1,037", "X 10.37", "X 10.37"),
        ("X 1,030", "X 10.37", "X 10.37"),  # 11 are more than there are
        ("X 1,000", "X 10.37", "X 10"),
    ],
)
def test_sells_together_raise_their_sum(goals: str, held: str, quantities: str) -> None:
    """Rounded up each, then single shares kept after all, where that leaves the holdings closest (ORDER-1)."""
    prices = market("X 100 Y 50")
    sold = sell_quantities(amounts(goals), amounts(held), prices)
    raised = sum((quantity * (prices[symbol].price or 0) for symbol, quantity in sold.items()), Decimal(0))
    assert raised >= sum(amounts(goals).values())
    assert sold == amounts(quantities)


@pytest.mark.parametrize(
    ("amount", "held", "sold"),
    [
        ("1,000", "50", "10"),
        ("1,000.01", "50", "11"),
        ("0", "50", "0"),
        ("-5", "50", "0"),
        ("990", "9.9", "9.9"),
        ("950", "9.9", "9.9"),
    ],
)
def test_shares_to_sell(amount: str, held: str, sold: str) -> None:
    assert shares_to_sell(number(amount), number(held), market("X 100")["X"]) == number(sold)
