"""What a plan comes to in a few figures, and what several come to together: their own, nothing is estimated anew."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storage.connection import Transaction

ZERO = Decimal(0)
Json = dict[str, Any]
AT_ONCE = 500  # plans that are in memory together
UNPLANNED = dict.fromkeys(("managed_value", "turnover", "sold", "bought", "gain", "warnings"))


@dataclass(frozen=True, slots=True)
class Figures:
    """Amounts in the account's currency; gains as estimated, those of known cost; of one plan or of several together.

    `trades` is what is sold or bought, the larger of each plan; `warnings` counts what the rules warn of.
    """

    managed_value: Decimal = ZERO
    sold: Decimal = ZERO
    bought: Decimal = ZERO
    trades: Decimal = ZERO
    short_term: Decimal = ZERO
    long_term: Decimal = ZERO
    warnings: int = 0

    @property
    def turnover(self) -> Decimal:
        """What is traded, as a share of the managed value."""
        return self.trades / self.managed_value if self.managed_value else ZERO

    def as_json(self) -> Json:
        """The public form."""
        from domain.values.money import cents, weight_text

        return {
            "managed_value": cents(self.managed_value),
            "turnover": weight_text(self.turnover),
            "sold": cents(self.sold),
            "bought": cents(self.bought),
            "gain": {"short_term": cents(self.short_term), "long_term": cents(self.long_term)},
            "warnings": self.warnings,
        }


def of_plan(plan: Mapping[str, Any] | None) -> Figures | None:
    """The figures of a plan in its public form; None where nothing could be planned."""
    if plan is None or "components" not in plan:
        return None
    sold, bought = (
        sum((Decimal(each["amount"]) for each in plan["orders"] if each["side"] == side), ZERO)
        for side in ("sell", "buy")
    )
    gains = [each["gain"] for each in plan["orders"] if each.get("gain")]
    return Figures(
        Decimal(plan["managed_value"]),
        sold,
        bought,
        max(sold, bought),
        sum((Decimal(each["short_term"]) for each in gains), ZERO),
        sum((Decimal(each["long_term"]) for each in gains), ZERO),
        sum(each["severity"] == "warning" for each in plan["findings"]),
    )


def with_figures(books: "Transaction", rebalances: Sequence[Json]) -> tuple[list[Json], Json]:
    """Rebalances of a listing, each with its account's name and its plan's figures, and what all plans come to."""
    names = books.accounts.names([each["account_id"] for each in rebalances])
    ids = [each["rebalance_id"] for each in rebalances if each["rebalance_id"]]
    told: dict[str, Json] = {}
    total = Figures()
    for at in range(0, len(ids), AT_ONCE):
        for row in books.rebalances.plans(ids[at : at + AT_ONCE]):
            figures = of_plan(row.plan)
            if figures is not None:
                total = together((total, figures))
                warned = [each["message"] for each in row.plan["findings"] if each["severity"] == "warning"]
                told[row.id] = figures.as_json() | {"liquidation": row.plan["liquidation"], "warnings": warned}
    listed = [
        {
            "liquidation": False,
            **each,
            "name": names.get(each["account_id"], ""),
            **UNPLANNED,
            **told.get(each["rebalance_id"], {}),
        }
        for each in rebalances
    ]
    return listed, {"plans": len(told)} | total.as_json()


def together(several: Iterable[Figures]) -> Figures:
    """The sums."""
    total = Figures()
    for each in several:
        total = Figures(
            total.managed_value + each.managed_value,
            total.sold + each.sold,
            total.bought + each.bought,
            total.trades + each.trades,
            total.short_term + each.short_term,
            total.long_term + each.long_term,
            total.warnings + each.warnings,
        )
    return total
