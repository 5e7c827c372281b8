"""Books for property tests: one account each, near its target or far from it, in every state that there is."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
SYMBOLS = ("AA", "BB", "CC", "DD", "EE", "FF", "GG")
MODELS = ("M1", "M2", "M3")
PRICES = ("0.37", "7.13", "20.00", "33.3333", "100.00", "250.50", "871.99")
INCREMENTS = ("1", "1", "1", "1", "0.001", "0.5", "10")
SIZES = (900, 12_000, 100_000, 2_000_000)
DRIFTS = ("0", "0.5", "0.78", "0.93", "0.97", "1", "1", "1.02", "1.05", "1.19", "1.3", "2")
LOTS = (
    ("2019-05-06", "0.25"),
    ("2025-11-19", "0.9"),
    ("2025-11-20", "1"),
    ("2026-08-03", "1.4"),
)  # acquired, cost ÷ price
AS_OF = "2026-11-20"


def part(whole: Decimal, price: str, increment: str, odd: bool) -> Decimal:
    """About so much money in shares: whole increments, or with an odd fraction."""
    quantity = (whole / Decimal(price) / Decimal(increment)).to_integral_value() * Decimal(increment)
    return quantity + Decimal("0.37") if odd and quantity else quantity


def shares(draw: st.DrawFn, parts: int, total: int = 100) -> list[int]:
    """Whole percentages that sum to the total; some may be 0."""
    cuts = sorted(draw(st.integers(0, total)) for _ in range(parts - 1))
    return [after - before for before, after in zip([0, *cuts], [*cuts, total], strict=True)]


def holding(draw: st.DrawFn, security: Mapping[str, str], money: Decimal) -> Json | None:
    """A holding worth about so much, with lots or of unknown basis; None where it would be empty."""
    odd = draw(st.integers(0, 9)) == 0
    quantity = part(money, security["price"], security["quantity_increment"], odd)
    if quantity <= 0:
        return None
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return {"symbol": security["symbol"], "quantity": str(quantity)}
    first = part(quantity * kind / 4, "1", security["quantity_increment"], False)
    lots = []
    for quantity_of, at in ((first, kind - 1), (quantity - first, kind)):
        acquired, factor = LOTS[at]
        if quantity_of > 0:
            cost = (Decimal(security["price"]) * Decimal(factor)).quantize(Decimal("0.0001"))
            lots.append({"quantity": str(quantity_of), "cost_per_share": str(cost), "acquired": acquired})
    return {"symbol": security["symbol"], "lots": lots}


def present(found: Sequence[Json | None]) -> list[Json]:
    """Those that are not empty."""
    return [each for each in found if each is not None]


@st.composite
def models(draw: st.DrawFn) -> list[Json]:
    """Three models of up to three securities and some cash; often of the same ones, so that trades cross."""
    made = []
    pool = SYMBOLS[: draw(st.sampled_from((3, 7)))]
    for name in MODELS:
        symbols = draw(st.permutations(pool))[: draw(st.integers(1, 3))]
        weights = shares(draw, len(symbols) + 1)
        holdings: list[Json] = [
            {"symbol": symbol, "weight": str(Decimal(weight) / 100)}
            for symbol, weight in zip(symbols, weights[1:], strict=True)
        ]
        holdings.append({"cash": True, "weight": str(Decimal(weights[0]) / 100)})
        minimum = draw(st.sampled_from(("0", "0", "1000", "25000")))
        made.append({"id": name, "investment_minimum": minimum, "holdings": holdings})
    return made


def band(draw: st.DrawFn, weight: Decimal) -> Json:
    """A threshold around a weight, or none."""
    match draw(st.integers(0, 5)):
        case 0:
            return {"threshold": {"relative": draw(st.sampled_from(("0", "0.03", "0.5", "1")))}}
        case 1:
            lower, upper = weight * Decimal("0.9"), min(Decimal(1), weight + Decimal("0.01"))
            return {"threshold": {"lower": str(lower), "upper": str(upper)}}
        case 2:
            return {"precision": {"relative": draw(st.sampled_from(("0", "0.01", "0.1")))}}
    return {}


@st.composite
def targets(draw: st.DrawFn) -> list[Json]:
    """A target of models, securities, cash and sometimes a sub-target with a part of them."""
    named: list[tuple[str, str]] = [("model", name) for name in MODELS[: draw(st.integers(0, 3))]]
    named += [("security", symbol) for symbol in draw(st.permutations(SYMBOLS))[: draw(st.integers(0, 3))]]
    lines: list[Json] = []
    left, *percents = shares(draw, len(named) + 1)
    for (kind, ref), percent in zip(named, percents, strict=True):
        weight = Decimal(percent) / 100
        lines.append({kind: ref, "weight": str(weight)} | band(draw, weight))
    names_cash: bool = draw(st.booleans())
    if lines and names_cash:
        lines.append({"cash": True, "weight": str(Decimal(left) / 100)} | band(draw, Decimal(left) / 100))
    if len(lines) > 1 and draw(st.booleans()):
        inner, rest = lines[0], lines[1:]
        inside = [{**inner, "weight": "0.6", **band(draw, Decimal("0.6"))}, {**rest[0], "weight": "0.3"}]
        for line in inside:
            line.pop("threshold", None)
        outer = {"target": "SUB", "weight": inner["weight"]}
        return [{"id": "T", "components": [outer, *rest]}, {"id": "SUB", "components": inside}]
    return [{"id": "T", "components": lines}]


@st.composite
def books(draw: st.DrawFn) -> Json:
    """A book with one account, `A-1`."""
    securities = {
        symbol: {"symbol": symbol, "price": price, "quantity_increment": draw(st.sampled_from(INCREMENTS))}
        for symbol, price in zip(SYMBOLS, draw(st.permutations(PRICES)), strict=True)
    }
    known, aims = draw(models()), draw(targets())
    size = Decimal(draw(st.sampled_from(SIZES)))
    wanted = {line.get("model") or line.get("security"): Decimal(line["weight"]) for line in aims[0]["components"]}

    def drifted(ref: str) -> Decimal:
        stray = "0.08" if draw(st.integers(0, 4)) == 0 else "0"
        return size * wanted.get(ref, Decimal(stray)) * Decimal(draw(st.sampled_from(DRIFTS)))

    held = present([holding(draw, securities[symbol], drifted(symbol)) for symbol in SYMBOLS])
    sleeves = []
    for model in known:
        value = drifted(model["id"])
        if value == 0 and draw(st.booleans()):
            continue
        inside = {line["symbol"]: Decimal(line["weight"]) for line in model["holdings"] if "symbol" in line}
        if draw(st.integers(0, 4)) == 0:
            inside[draw(st.sampled_from(SYMBOLS))] = Decimal("0.1")
        contents = [
            holding(draw, securities[s], value * w * Decimal(draw(st.sampled_from(DRIFTS)))) for s, w in inside.items()
        ]
        cash = value * Decimal(draw(st.sampled_from(("0", "0", "0.02", "0.4", "-0.03"))))
        sleeves.append(
            {"model": model["id"], "cash": str(cash.quantize(Decimal("0.01"))), "holdings": present(contents)}
        )
    share = Decimal(draw(st.sampled_from(("-0.02", "0", "0.004", "0.02", "0.05", "0.3", "1"))))
    account: Json = {
        "id": "A-1",
        "target": None if draw(st.integers(0, 11)) == 0 else "T",
        "first_rebalanced": None if draw(st.booleans()) else "2025-03-01",
        "cash": str((size * share + Decimal(draw(st.integers(0, 99))) / 100).quantize(Decimal("0.01"))),
        "holdings": held,
        "sleeves": sleeves,
        "lot_relief": draw(st.sampled_from((None, "fifo", "lifo", "hifo", "min_tax"))),
    }
    if draw(st.integers(0, 5)) == 0:
        account["withdrawals"] = [{"amount": str(size / 50), "due": "2026-12-01"}]
    minimum = draw(st.sampled_from(("100.00", "100.00", "0", "2000.00")))
    return {
        "as_of": AS_OF,
        "policy": {"minimum_trade_amount": minimum},
        "securities": list(securities.values()),
        "models": known,
        "targets": aims,
        "accounts": [account],
    }


MODES = st.sampled_from(("exact", "best_fit", "min_transaction"))
