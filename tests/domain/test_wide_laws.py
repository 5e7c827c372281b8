"""Every law holds of wide books too, restricted ones among them. `REBALANCER_LAW_EXAMPLES=20000` tries that many."""

import json
import os
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from domain.books.book import BookRefused
from domain.values.policy import Mode
from domain.values.purpose import FULL, Purpose
from tests.domain import laws, limit_laws, lot_laws
from tests.domain.ledger import World, world
from tests.domain.planning import planned
from tests.domain.strategies import MODES, books
from tests.domain.wide_books import wide_books

Json = dict[str, Any]
EXAMPLES = int(os.environ.get("REBALANCER_LAW_EXAMPLES", "120"))
many = settings(
    max_examples=EXAMPLES,
    derandomize="REBALANCER_LAW_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
ALL = (*laws.LAWS, *limit_laws.LIMITS, *lot_laws.LOT_LAWS)


def planned_world(book: Json, mode: Mode, purpose: Purpose = FULL) -> World:
    """A world that could be planned at all."""
    try:
        plan = planned(book, mode, purpose)
    except BookRefused:  # a generated precision may stick out of its threshold
        assume(False)
    assume("orders" in plan)
    return world(book, plan)


@many
@given(wide_books(), MODES)
def test_every_law_holds_of_wide_books(book: Json, mode: Mode) -> None:
    seen = planned_world(book, mode)
    for law in ALL:
        law(seen)


@many
@given(wide_books(restricted=True), MODES)
def test_every_law_holds_of_restricted_accounts(book: Json, mode: Mode) -> None:
    seen = planned_world(book, mode)
    for law in ALL:
        law(seen)


NOT_ASKED = (  # of a plan that raises or invests cash and nothing else
    limit_laws.what_is_excluded_or_replaced_is_sold,
    limit_laws.withdrawals_are_raised,
)
AMOUNTS = st.sampled_from((None, Decimal(150), Decimal(5_000), Decimal(100_000)))


@settings(many, max_examples=max(60, EXAMPLES // 2))
@given(wide_books(restricted=True), MODES, AMOUNTS, st.booleans())
def test_laws_hold_one_way(book: Json, mode: Mode, amount: Decimal | None, raises: bool) -> None:
    seen = planned_world(book, mode, Purpose("raise_cash" if raises else "invest_cash", amount))
    own = limit_laws.cash_is_raised_by_sells_alone if raises else limit_laws.cash_is_invested_by_buys_alone
    for law in (own, *(law for law in ALL if law not in NOT_ASKED)):
        law(seen)


@settings(many, max_examples=max(60, EXAMPLES // 2))
@given(books(), MODES)
def test_lots_are_conserved_in_small_books(book: Json, mode: Mode) -> None:
    seen = planned_world(book, mode)
    for law in lot_laws.LOT_LAWS:
        law(seen)


@settings(many, max_examples=max(20, EXAMPLES // 10))
@given(wide_books(restricted=True), MODES)
def test_the_same_book_gives_the_same_bytes(book: Json, mode: Mode) -> None:
    first = planned_world(book, mode).plan
    assert json.dumps(first) == json.dumps(planned(json.loads(json.dumps(book)), mode))


# --- each law can fail: a sound plan, then one thing in it, or in what restricts the account, that makes it unlawful

BOOK: Json = {
    "as_of": "2026-11-20",
    "securities": [{"symbol": "X", "price": "100.00"}, {"symbol": "Y", "price": "50.00"}],
    "targets": [
        {"id": "T", "components": [{"security": "X", "weight": "0.5"}, {"security": "Y", "weight": "0.5"}]},
    ],
    "accounts": [
        {
            "id": "A-1",
            "target": "T",
            "first_rebalanced": "2025-03-01",
            "cash": "1000.00",
            "holdings": [
                {"symbol": "X", "lots": [{"quantity": "80", "cost_per_share": "40", "acquired": "2020-01-02"}]},
                {"symbol": "Y", "lots": [{"quantity": "20", "cost_per_share": "40", "acquired": "2020-01-02"}]},
            ],
        }
    ],
}


def lawful() -> World:
    """X is sold and Y is bought."""
    plan = planned(BOOK, "exact")
    assert [(order["side"], order["symbol"]) for order in plan["orders"]] == [("sell", "X"), ("buy", "Y")]
    return world(json.loads(json.dumps(BOOK)), plan)


@pytest.mark.parametrize(
    ("account", "law"),
    [
        ({"restrictions": [{"type": "no_buy", "symbol": "Y"}]}, limit_laws.nothing_is_bought_that_may_not_be),
        (
            {"restrictions": [{"type": "exclude", "symbol": "Y", "until": "2026-11-20"}]},
            limit_laws.nothing_is_bought_that_may_not_be,
        ),
        ({"restrictions": [{"type": "no_trade", "symbol": "X"}]}, limit_laws.nothing_is_sold_that_may_not_be),
        (
            {"restrictions": [{"type": "exclude", "symbol": "X", "hold": True}]},
            limit_laws.nothing_is_sold_that_may_not_be,
        ),
        ({"restrictions": [{"type": "exclude", "symbol": "X"}]}, limit_laws.what_is_excluded_or_replaced_is_sold),
        ({"gain_budget": "1799.99"}, limit_laws.the_gain_budget_is_kept),
        (
            {"recent_sales": [{"symbol": "Y", "date": "2026-10-21", "quantity": "1", "gain": "-1"}]},
            limit_laws.no_loss_of_the_household_is_washed,
        ),
        ({"withdrawals": [{"amount": "900.00", "due": "2026-12-01"}]}, limit_laws.withdrawals_are_raised),
    ],
)
def test_a_plan_against_a_limit_breaks_its_law(account: Json, law: Any) -> None:
    seen = lawful()
    law(seen)
    seen.book["accounts"][0] |= account
    with pytest.raises(AssertionError):
        law(seen)


@pytest.mark.parametrize("law", [limit_laws.cash_is_raised_by_sells_alone, limit_laws.cash_is_invested_by_buys_alone])
def test_a_plan_both_ways_breaks_a_one_way_law(law: Any) -> None:
    with pytest.raises(AssertionError):
        law(lawful())


@pytest.mark.parametrize(
    "account",
    [
        {"restrictions": [{"type": "no_trade", "symbol": "X", "until": "2026-11-19"}]},
        {"restrictions": [{"type": "exclude", "symbol": "Y", "from": "2026-11-21"}]},
        {"gain_budget": "1800"},
        {"recent_sales": [{"symbol": "Y", "date": "2026-10-20", "quantity": "1", "gain": "-1"}]},
    ],
)
def test_what_does_not_bind_breaks_no_law(account: Json) -> None:
    seen = lawful()
    seen.book["accounts"][0] |= account
    for law in limit_laws.LIMITS:
        law(seen)


@pytest.mark.parametrize("law", lot_laws.LOT_LAWS)
def test_a_lot_that_appears_breaks_its_law(law: Any) -> None:
    seen = lawful()
    law(seen)
    seen.lots["managed", "X"]["2020-01-02", "40"] += Decimal(1)  # type: ignore[assignment]
    seen.after.shares["managed", "X"] += Decimal(1)
    with pytest.raises(AssertionError):
        law(seen)
