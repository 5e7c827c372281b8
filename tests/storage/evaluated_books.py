"""Books for the daily evaluation: many small accounts in every state, their values often exactly on a bound.

Prices and quantities are small whole numbers and bands are whole percents, so that values meet bounds all the time.
Every id begins with § in place of what tells one book's names from another's in the same database.
"""

from typing import Any

from hypothesis import strategies as st

from tests.domain.strategies import shares

Json = dict[str, Any]
AS_OF = "2026-11-20"
SYMBOLS = ("§A", "§B", "§C", "§D")
PRICES = (None, "1", "1", "1", "2", "0.5", "0.333333333333")
DAYS = (AS_OF, AS_OF, AS_OF, "2026-11-18", "2026-11-13")
BANDS = (None, None, {"relative": "0.20"}, {"relative": "0.5"}, {"relative": "0"})
OVERRIDES: tuple[Json, ...] = (
    {},
    {},
    {},
    {"threshold_relative": "0.05"},
    {"cash_threshold_floor": "0.10"},
    {"price_max_age_days": 1},
    {"price_max_age_days": 10, "four_eyes": False},
    {"minimum_trade_amount": "0"},
)


@st.composite
def markets(draw: st.DrawFn) -> Json:
    """Securities with prices that are fresh, old or missing; two models; targets with every kind of component."""

    def banded(line: Json) -> Json:
        band = draw(st.sampled_from(BANDS))
        return line | ({"threshold": band} if band else {})

    securities: list[Json] = [
        {"symbol": symbol, "price": draw(st.sampled_from(PRICES)), "price_as_of": draw(st.sampled_from(DAYS))}
        for symbol in SYMBOLS
    ]
    if draw(st.booleans()):  # most markets have all their prices
        securities = [each | {"price": each["price"] or "1", "price_as_of": AS_OF} for each in securities]
    inner = [{"security": "§C", "weight": "0.5"}, {"model": "§N", "weight": "0.5"}]
    targets: list[Json] = [{"id": "§SUB", "components": inner}]
    for at in range(3):
        first, second, third, _ = shares(draw, 4, 20)
        weights = [f"{each * 5 / 100:.2f}" for each in (first, second, third)]
        lines = [
            banded({"model": "§M", "weight": weights[0]}),
            banded({"security": draw(st.sampled_from(SYMBOLS)), "weight": weights[1]}),
            banded({"target": "§SUB", "weight": weights[2]}) if at else {"model": "§N", "weight": weights[2]},
        ]
        if draw(st.booleans()):
            lines[1]["threshold"] = {"lower": draw(st.sampled_from(("0", weights[1]))), "upper": "0.95"}
            lines[1]["weight"] = weights[1] if float(weights[1]) <= 0.95 else "0.95"
        targets.append({"id": f"§T{at}", "components": lines, "policy": draw(st.sampled_from(OVERRIDES))})
    return {
        "as_of": AS_OF,
        "securities": [{key: value for key, value in each.items() if value is not None} for each in securities],
        "models": [
            {"id": "§M", "holdings": [{"symbol": "§A", "weight": "0.5"}, {"symbol": "§B", "weight": "0.5"}]},
            {"id": "§N", "holdings": [{"symbol": "§D", "weight": "0.9"}, {"cash": True, "weight": "0.1"}]},
        ],
        "targets": targets,
    }


@st.composite
def accounts(draw: st.DrawFn, at: int) -> Json:
    """An account worth 100 or so, in whole shares: in its target's proportions, or far from them."""
    odd = draw(st.integers(0, 9)) == 0
    quantity = st.integers(1, 60)

    def some(symbols: tuple[str, ...]) -> list[Json]:
        return [{"symbol": each, "quantity": str(draw(quantity))} for each in symbols if draw(st.booleans())]

    account: Json = {
        "id": f"§A-{at:02}",
        "target": draw(st.sampled_from(("§T0", "§T0", "§T1", "§T1", "§T2", None))),
        "status": draw(st.sampled_from(("open",) * 9 + ("frozen", "closed"))),
        "rebalancing": draw(st.integers(0, 9)) > 0,
        "first_rebalanced": draw(st.sampled_from(("2025-03-01",) * 5 + (None,))),
        "cash": str(draw(st.integers(-5 if odd else 0, 60))),
        "holdings": some(SYMBOLS[2:]),
        "sleeves": [
            {"model": model, "cash": str(draw(st.integers(-2 if odd else 0, 10))), "holdings": some(inside)}
            for model, inside in (("§M", ("§A", "§B")), ("§N", ("§D",)))
            if draw(st.integers(0, 3))
        ],
        "policy": draw(st.sampled_from(OVERRIDES)),
    }
    if odd:
        account["protected"] = [{"symbol": draw(st.sampled_from(SYMBOLS)), "quantity": "1000"}]
        account["withdrawals"] = [{"amount": str(draw(quantity)), "due": "2026-12-01"}] if draw(st.booleans()) else []
        kind = draw(st.sampled_from(("no_buy", "exclude", "substitute")))
        limit = {"type": kind, "symbol": "§A"} | ({"by": "§B"} if kind == "substitute" else {})
        account["restrictions"] = [limit] if draw(st.booleans()) else []
    return account


@st.composite
def books(draw: st.DrawFn) -> Json:
    """A book of twenty accounts, some of them in a household."""
    book: Json = draw(markets())
    book["accounts"] = [draw(accounts(at)) for at in range(20)]
    book["account_groups"] = [{"id": "§HOME", "accounts": ["§A-01", "§A-02"]}] if draw(st.booleans()) else []
    return book
