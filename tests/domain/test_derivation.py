"""A derivation says what its plan does: on generated books, its numbers are those of the plan's public form."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from domain.books.book import BookRefused
from domain.plan import plan
from domain.planning.signals import signal
from domain.telling import plan_json, steps
from domain.telling.derivation import derive
from domain.values.policy import Mode
from domain.values.purpose import FULL, Purpose
from tests.domain.planning import snapshot_of
from tests.domain.strategies import MODES, books
from tests.domain.wide_books import wide_books

Json = dict[str, Any]
EXAMPLES = int(os.environ.get("REBALANCER_LAW_EXAMPLES", "60"))
many = settings(
    max_examples=EXAMPLES,
    derandomize="REBALANCER_LAW_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
CENT = Decimal("0.01")
PURPOSES = st.one_of(
    st.just(FULL),
    st.builds(Purpose, st.sampled_from(("raise_cash", "invest_cash")), st.sampled_from((None, Decimal("1234.56")))),
)


class Told:
    """A plan in its public form beside its derivation: rows as objects, by title."""

    plan: Json

    def __init__(self, book: Json, mode: Mode, purpose: Purpose) -> None:
        try:
            snapshot, policy = snapshot_of(book)
        except BookRefused:  # a generated precision may stick out of its threshold
            assume(False)
        derived = derive(snapshot, policy, mode, purpose=purpose)
        assert derived.plan == plan(snapshot, policy, mode, purpose=purpose)
        self.plan = plan_json.as_json(derived.plan)
        self.steps: dict[str, list[dict[str, str]]] = {}
        for each in steps.as_json(derived.steps):
            names = [column["name"] for column in each["columns"]]  # type: ignore[attr-defined]
            rows = [dict(zip(names, row, strict=True)) for row in each["rows"]]  # type: ignore[attr-defined]
            assert all(isinstance(cell, str) for row in rows for cell in row.values())
            self.steps[str(each["title"])] = rows
        self.increments = {each["symbol"]: Decimal(each["quantity_increment"]) for each in book["securities"]}
        if "orders" not in self.plan:
            assert list(self.steps) == ["What the checks say"]
            assume(False)

    def rows(self, title: str) -> list[dict[str, str]]:
        return self.steps.get(title, [])

    def by(self, title: str, key: str, column: str) -> dict[str, Decimal]:
        """The sum of a column, by what another says."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        for row in self.rows(title):
            if row[column]:
                found[row[key]] += Decimal(row[column])
        return dict(found)


def number(text: str) -> Decimal:
    return Decimal(text or 0)


def quantities(trades: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Shares by symbol, below 0 where sold."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for each in trades:
        found[each["symbol"]] += Decimal(each["quantity"]) * (-1 if each["side"] == "sell" else 1)
    return dict(found)


def agrees(told: Told) -> None:
    """Every law below, of one plan."""
    components_end_where_the_plan_says(told)
    cash_is_that_of_the_plan(told)
    orders_are_those_of_the_plan(told)
    what_sleeves_trade_comes_to_the_orders(told)
    lots_are_those_of_the_orders(told)
    amounts_add_up(told)


def components_end_where_the_plan_says(told: Told) -> None:
    ends = told.rows("Where it ends")
    assert [(row["component"], row["ends at"], row["weight"]) for row in ends] == [
        (each["component"], each["planned_value"], each["planned_weight"]) for each in told.plan["components"]
    ]
    for row in ends:
        assert abs(number(row["shall be"]) + number(row["difference"]) - number(row["ends at"])) <= CENT, row


def cash_is_that_of_the_plan(told: Told) -> None:
    rows = told.rows("Cash, before and after")
    managed = rows[0]
    assert (managed["before"], managed["after"]) == (told.plan["cash"]["before"], told.plan["cash"]["after"])
    flows = ("sells", "buys", "crossings", "funding")
    for row in rows:
        assert number(row["before"]) + sum(number(row[each]) for each in flows) == number(row["after"]), row
        shares = [(each, -1) for each in told.plan["transfers"] if each["symbol"]]  # paid by whom they go to
        cash = [(each, 1) for each in told.plan["transfers"] if not each["symbol"]]
        for column, moved in (("crossings", shares), ("funding", cash)):
            came = sum(Decimal(each["amount"]) * sign for each, sign in moved if each["to"] == row["sleeve"])
            went = sum(Decimal(each["amount"]) * sign for each, sign in moved if each["from"] == row["sleeve"])
            assert number(row[column]) == came - went, (column, row)
    total = rows[-1]
    for side, sign in (("sell", 1), ("buy", -1)):
        amounts = sum(Decimal(each["amount"]) for each in told.plan["orders"] if each["side"] == side)
        assert number(total[f"{side}s"]) == sign * amounts
    if len(rows) > 1:
        assert (total["crossings"], total["funding"]) == ("", "")


def orders_are_those_of_the_plan(told: Told) -> None:
    title = "From trades to orders"
    assert told.by(title, "security", "ordered") == quantities(told.plan["orders"])
    left_out = [each for each in told.plan["skipped"] if each["rule"] in {"ORDER-3", "LOT-2"}]
    assert told.by(title, "security", "not made") == quantities(left_out)
    crossed: dict[str, Decimal] = defaultdict(Decimal)
    for each in told.plan["transfers"]:
        if each["symbol"]:
            crossed[each["symbol"]] += Decimal(each["quantity"])
    assert told.by(title, "security", "crosses") == crossed


def what_sleeves_trade_comes_to_the_orders(told: Told) -> None:
    """To within an increment: a net buy beside a crossing of odd fractions is rounded down (ORDER-2)."""
    traded: dict[str, Decimal] = defaultdict(Decimal)
    for title, rows in told.steps.items():
        for row in rows if title.startswith("Inside ") else ():
            traded[row["holding"]] += number(row["shares"])
    for row in told.rows("What the managed sleeve trades"):
        traded[row["component"].partition(":")[2]] += number(row["shares"])
    net = {row["security"]: number(row["bought"]) - number(row["sold"]) for row in told.rows("From trades to orders")}
    for symbol in traded.keys() | net.keys():
        assert abs(traded[symbol] - net.get(symbol, Decimal(0))) < told.increments[symbol], symbol


def lots_are_those_of_the_orders(told: Told) -> None:
    title = "Lots relieved, and their gains"
    sold = {each["symbol"]: Decimal(each["quantity"]) for each in told.plan["orders"] if each["side"] == "sell"}
    assert told.by(title, "security", "quantity") == sold
    for term, key in (("short", "short_term"), ("long", "long_term")):
        gains = (number(row["gain"]) for row in told.rows(title) if row["term"] == term)
        assert sum(gains, Decimal(0)) == Decimal(told.plan["gain"][key])


def amounts_add_up(told: Told) -> None:
    worth = sum((number(row["value"]) for row in told.rows("What the account is worth")), Decimal(0))
    values = sum((Decimal(each["current_value"]) for each in told.plan["components"]), Decimal(0))
    reserved = Decimal(told.plan["cash"]["before"]) - next(
        Decimal(each["current_value"]) for each in told.plan["components"] if each["component"] == "cash"
    )
    count = len(told.rows("What the account is worth")) + len(told.plan["components"])
    assert abs(worth - reserved - values) <= CENT * count
    for row in told.rows("What is traded for cash"):
        assert abs(number(row["forced"]) + number(row["for cash"]) - number(row["change"])) <= CENT * 2, row
    shall = sum((number(row["shall be"]) for row in told.rows("Where it ends")), Decimal(0))
    assert abs(shall - values) <= CENT * count


@many
@given(wide_books(restricted=True), MODES, PURPOSES)
def test_of_wide_and_restricted_books(book: Json, mode: Mode, purpose: Purpose) -> None:
    agrees(Told(book, mode, purpose))


@many
@given(books(), MODES, PURPOSES)
def test_of_small_books(book: Json, mode: Mode, purpose: Purpose) -> None:
    agrees(Told(book, mode, purpose))


@settings(many, max_examples=max(30, EXAMPLES // 2))
@given(wide_books(restricted=True), st.sampled_from((Decimal("0.001"), Decimal("0.1"))))
def test_of_model_signals(book: Json, change: Decimal) -> None:
    assume(book["models"])
    told = Told(book, "best_fit", signal(book["models"][0]["id"], change))
    agrees(told)
    assert "What the signal asks" in told.steps
