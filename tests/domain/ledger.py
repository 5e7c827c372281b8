"""A second bookkeeper: what a plan's JSON does to a book, worked out without the code that made the plan.

Trades are booked from `orders` and `transfers` alone. A security transfer is paid by who receives the shares.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Json = dict[str, Any]
CENT = Decimal("0.01")
Lots = Counter[tuple[str | None, str | None]]  # quantity by date acquired and cost


@dataclass
class Books:
    """Cash and shares by sleeve. `pieces` counts the amounts that each sleeve's cash was rounded in."""

    cash: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    shares: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    pieces: Counter[str] = field(default_factory=Counter)

    def tolerance(self, sleeve: str) -> Decimal:
        """How far rounding to cents may have moved a sleeve's cash."""
        return CENT * (self.pieces[sleeve] + 1)

    def value(self, sleeve: str, prices: Mapping[str, Decimal]) -> Decimal:
        """Cash and holdings of a sleeve."""
        held = (quantity * prices[symbol] for (where, symbol), quantity in self.shares.items() if where == sleeve)
        return self.cash[sleeve] + sum(held, Decimal(0))


@dataclass(frozen=True)
class World:
    """A book with one account, the plan that was made of it, and the books before and after."""

    book: Json
    plan: Json
    prices: Mapping[str, Decimal]
    increments: Mapping[str, Decimal]
    before: Books
    after: Books
    lots: Mapping[tuple[str, str], Lots]

    @property
    def account(self) -> Json:
        """The book's account."""
        account: Json = self.book["accounts"][0]
        return account

    @property
    def reserved(self) -> Decimal:
        """What withdrawals reserve of the managed sleeve's cash."""
        return sum((Decimal(each["amount"]) for each in self.account.get("withdrawals", [])), Decimal(0))

    @property
    def managed_value(self) -> Decimal:
        """What every weight is a share of."""
        sleeves = {"managed", *(f"model:{sleeve['model']}" for sleeve in self.account.get("sleeves", []))}
        return sum((self.before.value(sleeve, self.prices) for sleeve in sleeves), Decimal(0)) - self.reserved


def world(book: Json, plan: Json) -> World:
    """Books a plan's orders and transfers into the book's account."""
    account = book["accounts"][0]
    securities = {security["symbol"]: security for security in book["securities"]}
    before, after = _opening(account), _opening(account)
    for order in plan["orders"]:
        _book_order(order, after)
    for transfer in plan["transfers"]:
        amount = Decimal(transfer["amount"])
        payer, paid = (transfer["to"], transfer["from"]) if transfer["symbol"] else (transfer["from"], transfer["to"])
        after.cash[payer] -= amount
        after.cash[paid] += amount
        after.pieces.update((payer, paid))
        if transfer["symbol"]:
            quantity = Decimal(transfer["quantity"])
            after.shares[transfer["from"], transfer["symbol"]] -= quantity
            after.shares[transfer["to"], transfer["symbol"]] += quantity
    return World(
        book,
        plan,
        {symbol: Decimal(each["price"]) for symbol, each in securities.items()},
        {symbol: Decimal(each.get("quantity_increment", "1")) for symbol, each in securities.items()},
        before,
        after,
        _lots(account),
    )


def _opening(account: Json) -> Books:
    books = Books()
    books.cash["managed"] = Decimal(account["cash"])
    for sleeve in account.get("sleeves", []):
        books.cash[f"model:{sleeve['model']}"] = Decimal(sleeve.get("cash", "0"))
    for (sleeve, symbol), lots in _lots(account).items():
        books.shares[sleeve, symbol] = Decimal(sum(lots.values()))
    return books


def _lots(account: Json) -> dict[tuple[str, str], Lots]:
    found: dict[tuple[str, str], Lots] = defaultdict(Counter)
    sleeves = [("managed", account.get("holdings", []))]
    sleeves += [(f"model:{sleeve['model']}", sleeve.get("holdings", [])) for sleeve in account.get("sleeves", [])]
    for sleeve, holdings in sleeves:
        for holding in holdings:
            for lot in holding.get("lots") or [{"quantity": holding["quantity"]}]:
                found[sleeve, holding["symbol"]] += lots([lot])
    return found


def lots(listed: list[Json]) -> Lots:
    """Quantities by date acquired and cost."""
    found: Lots = Counter()
    for lot in listed:
        cost = lot.get("cost_per_share")
        found[lot.get("acquired"), None if cost is None else str(Decimal(cost).normalize())] += Decimal(lot["quantity"])  # type: ignore[assignment]
    return found


def _book_order(order: Json, books: Books) -> None:
    """Splits an order's amount over its sleeves by quantity; to the cent, as far as the JSON tells."""
    sign = -1 if order["side"] == "sell" else 1
    for part in order["allocations"]:
        quantity = Decimal(part["quantity"])
        amount = Decimal(order["amount"]) * quantity / Decimal(order["quantity"])
        books.shares[part["sleeve"], order["symbol"]] += sign * quantity
        books.cash[part["sleeve"]] -= sign * amount
        books.pieces[part["sleeve"]] += 1
