"""Models: what managers hold, by weight."""

from typing import TYPE_CHECKING, Any

from reading.actions import do
from reading.refused import Unknown

if TYPE_CHECKING:
    from storage.connection import Transaction

Json = dict[str, Any]


def show(books: "Transaction", model_id: str) -> Json:
    """A model as it is now, in its public form. Raises Unknown."""
    from domain.values.money import cents, weight_text
    from storage.market.reading import read_models

    found = read_models(books.connection, [model_id]).get(model_id)
    if found is None:
        raise Unknown(f"model {model_id} is unknown: ", do("model list", told="{} has those there are"))
    return {
        "model_id": found.id,
        "name": found.name,
        "manager": found.manager,
        "version": found.version,
        "investment_minimum": cents(found.investment_minimum),
        "accounts": books.signals.holders(model_id),
        "holdings": [{"symbol": each.symbol, "weight": weight_text(each.weight)} for each in found.holdings],
        "cash_weight": weight_text(found.cash_weight),
    }
