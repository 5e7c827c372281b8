"""Prices that jump: held back and named, where no corporate action explains them (policy `price_jump`).

A close is compared with the last close before it, stored or in the same file. What a split makes of it is no jump, as
the split restates the closes of before it; a close of a day before an applied split is of shares that are no more.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text

from domain.telling.plan_json import price_text
from domain.values.money import percent

SPLIT_SINCE = text(
    """
    DELETE FROM delivered_prices d USING (
      SELECT symbol, max(day) AS day FROM corporate_actions WHERE kind IN ('split', 'reverse_split') GROUP BY symbol
    ) s WHERE s.symbol = d.symbol AND d.as_of < s.day RETURNING d.symbol, d.as_of, s.day
    """
)
# The closes of every symbol of which one in the file differs from the one before it by more than the limit: from the
# last stored one before the file's first.
JUMPING = text(
    """
    WITH firsts AS (
      SELECT symbol, min(as_of) AS day FROM delivered_prices JOIN securities USING (symbol) GROUP BY symbol
    ), starts AS (
      SELECT f.symbol, coalesce(
        (SELECT max(p.as_of) FROM prices p WHERE p.symbol = f.symbol AND p.as_of < f.day), f.day
      ) AS day FROM firsts f
    ), closes AS MATERIALIZED (
      SELECT d.symbol, d.as_of, d.price, true AS delivered FROM delivered_prices d JOIN firsts USING (symbol)
      UNION ALL
      SELECT p.symbol, p.as_of, p.price, false
      FROM starts s JOIN prices p ON p.symbol = s.symbol AND p.as_of >= s.day
        LEFT JOIN delivered_prices d ON d.symbol = p.symbol AND d.as_of = p.as_of
      WHERE d.symbol IS NULL
    ), compared AS (
      SELECT *, lag(price) OVER (PARTITION BY symbol ORDER BY as_of) AS before FROM closes
    ), jumping AS (
      SELECT DISTINCT symbol FROM compared WHERE abs(price - before) > CAST(:limit AS numeric) * before
    )
    SELECT symbol, as_of, trim_scale(price), delivered FROM closes JOIN jumping USING (symbol)
    ORDER BY symbol COLLATE "C", as_of
    """
)
TAKE_OUT = text(
    """
    DELETE FROM delivered_prices d
    USING unnest(CAST(:symbols AS text[]), CAST(:days AS date[])) AS held (symbol, as_of)
    WHERE d.symbol = held.symbol AND d.as_of = held.as_of
    """
)


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A price that was not taken, and why."""

    symbol: str
    day: date
    why: str
    jumps: bool = False  # it may be right: somebody has to look at it


def hold_back(connection: Connection, limit: Decimal, accepted: Collection[str]) -> list[HeldBack]:
    """Takes out of the delivered prices what jumps by more than the limit; `accepted` symbols may jump.

    Once a symbol has jumped, what follows is compared with the last close that did not.
    """
    connection.execute(text("ANALYZE delivered_prices"))  # the planner knows nothing else of it
    held = [
        HeldBack(row.symbol, row.as_of, f"it is of before the split of {row.day}, which was applied")
        for row in connection.execute(SPLIT_SINCE)
    ]
    jumped = []
    last: dict[str, tuple[date, Decimal]] = {}
    for symbol, day, price, delivered in connection.execute(JUMPING, {"limit": limit}):
        before = last.get(symbol)
        change = abs(price - before[1]) / before[1] if before else Decimal(0)
        if delivered and before and change > limit and symbol not in accepted:
            way = "above" if price > before[1] else "below"
            why = f"{price_text(price)} is {percent(change)} {way} {price_text(before[1])}, the close of {before[0]}"
            jumped.append(HeldBack(symbol, day, why, jumps=True))
        else:
            last[symbol] = day, price
    if jumped:
        connection.execute(
            TAKE_OUT, {"symbols": [each.symbol for each in jumped], "days": [each.day for each in jumped]}
        )
    return held + jumped
