"""Others that turn desired values into whole shares: PyPortfolioOpt's greedy, the `rebalance` package, HiGHS itself.

Each is prepared from a `Wanted` outside the clock and gives a function to be timed: shares of every position.
None of them knows sleeves, lots, bands or minimum trades; positions are given as if each were a security.
"""

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.wanted import Place, Position, Wanted

Quantities = Mapping[Place, float]
Rounding = Callable[[], Quantities]
TIME_LIMIT = 30.0  # seconds for one exact program


def greedy(wanted: Wanted) -> Rounding:
    """PyPortfolioOpt: `DiscreteAllocation(weights, prices, value).greedy_portfolio()`."""
    import pandas
    from pypfopt.discrete_allocation import DiscreteAllocation

    names = {str(at): each for at, each in enumerate(wanted.positions)}
    weights = {name: each.desired / wanted.total for name, each in names.items()}
    prices = pandas.Series({name: each.price for name, each in names.items()})

    def run() -> Quantities:
        found, _ = DiscreteAllocation(weights, prices, wanted.total).greedy_portfolio()
        return {each.place: float(found.get(name, 0)) for name, each in names.items()}

    return run


def rebalance_package(wanted: Wanted) -> Rounding:
    """The `rebalance` package: its integer program by cvxpy and HiGHS, for the least sum of |value − desired|."""
    from rebalance.rebalancing_helper import rebalance_optimizer

    names = {str(at): each for at, each in enumerate(wanted.positions)}
    portfolio: Any = _Portfolio(wanted, names)
    value = sum(each.held * each.price for each in wanted.positions) + portfolio.cash["USD"].amount
    percents = {name: each.desired / value * 100 for name, each in names.items()}

    def run() -> Quantities:
        found = rebalance_optimizer(portfolio, percents, objective="absolute-l1")
        return {each.place: each.held + float(found[name]) for name, each in names.items()}

    return run


class _Asset:
    """What the package's optimizer reads of an asset; its own class asks the network for the price."""

    currency = "USD"
    fractional = False
    courtage_profile = None

    def __init__(self, position: Position) -> None:
        self.position = position
        self.quantity = position.held

    def price_in(self, currency: str) -> float:
        return self.position.price

    def market_value_in(self, currency: str) -> float:
        return self.position.price * self.quantity


class _Cash:
    def __init__(self, amount: float) -> None:
        self.amount = amount


class _Portfolio:
    """What the package's optimizer reads of a portfolio."""

    selling_allowed = True
    _common_currency = "USD"

    def __init__(self, wanted: Wanted, names: Mapping[str, Position]) -> None:
        held = sum(each.held * each.price for each in wanted.positions)
        self.assets = {name: _Asset(each) for name, each in names.items()}
        self.cash = {"USD": _Cash(sum(wanted.budgets.values()) - held)}


def exact(wanted: Wanted) -> Rounding:
    """The integer program itself: whole shares with the least sum of |value − desired|, no sleeve's cash below 0.

    A position only moves towards its desired value, as the rules have it (SLEEVE-2). Solved to the optimum; raises
    RuntimeError where that takes too long.
    """
    import highspy

    unlimited = highspy.kHighsInf

    def run() -> Quantities:
        solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        solver.silent()
        for option, value in (("mip_rel_gap", 0.0), ("mip_abs_gap", 0.005), ("time_limit", TIME_LIMIT)):
            solver.setOptionValue(option, value)
        count = len(wanted.positions)
        for each in wanted.positions:
            lower = each.held if each.desired >= each.held * each.price else 0.0
            upper = each.held if each.desired <= each.held * each.price else unlimited
            solver.addVar(lower, upper)
        for _ in wanted.positions:
            solver.addVar(0, unlimited)
        for at, each in enumerate(wanted.positions):
            solver.changeColIntegrality(at, highspy.HighsVarType.kInteger)
            solver.changeColCost(count + at, 1)
            solver.addRow(-unlimited, each.desired, 2, [at, count + at], [each.price, -1.0])
            solver.addRow(each.desired, unlimited, 2, [at, count + at], [each.price, 1.0])
        for sleeve, budget in wanted.budgets.items():
            here = [at for at, each in enumerate(wanted.positions) if each.place[0] == sleeve]
            solver.addRow(-unlimited, budget, len(here), here, [wanted.positions[at].price for at in here])
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"no optimum within {TIME_LIMIT:.0f} s: {solver.getModelStatus()}")
        values = solver.getSolution().col_value
        return {each.place: float(round(values[at])) for at, each in enumerate(wanted.positions)}

    return run
