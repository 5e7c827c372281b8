"""Books near those of tests/cases: each case's account with a few things changed, and every law asked of it.

What was thought of is in the cases; what goes wrong is beside them: another price, an older lot, a step of ten,
a budget, a second account of the household. A seed and a number make the same book again.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

from domain.books.book import BookRefused
from domain.values.policy import MODES
from domain.values.purpose import FULL, Purpose
from tests.domain.cases import book_of, cases
from tests.laws.at_large import broken
from tests.laws.books import Asked
from tests.laws.tally import Find, Tally
from tests.laws.world import Members

Json = dict[str, Any]
LATELY = ("2026-10-21", "2026-10-25", "2026-11-01", "2026-11-19", "2025-11-20", "2025-11-21", "2019-05-05")
AMOUNTS = (None, Decimal(150), Decimal(1_000), Decimal("3333.33"))
EMPTY: dict[str, Any] = {"models": [], "targets": [], "account_groups": []}


@cache
def _books() -> tuple[tuple[str, Json], ...]:
    """The books of all cases that are small enough to be read by a person, with the names of the cases."""
    found = ((each.id, book_of(each.given)) for each in cases() if "signal" not in each.given)
    return tuple((name, book) for name, book in found if len(book["securities"]) < 40)


def near(seed: int, number: int) -> tuple[str, Json, Asked]:
    """A case's name, its book with one to five things changed, and what is asked of one of its accounts."""
    random = Random(f"near {seed} {number}")
    name, made = random.choice(_books())
    book = {**copy.deepcopy(EMPTY), **copy.deepcopy(made)}
    for account in book["accounts"]:
        for key in ("holdings", "sleeves", "restrictions", "withdrawals", "protected", "recent_sales"):
            account.setdefault(key, [])
    for _ in range(random.randint(1, 5)):
        random.choice(CHANGES)(book, random)
    account_id = random.choice(book["accounts"])["id"]
    kind = random.choice((*("full",) * 6, "raise_cash", "invest_cash"))
    purpose = FULL if kind == "full" else Purpose(kind, random.choice(AMOUNTS))
    return name, book, Asked(account_id, random.choice(MODES), purpose)


def look_near(seed: int, numbers: Iterable[int]) -> Tally:
    """What the books of these numbers show; a find's place is the asked account's in its book."""
    tally = Tally()
    for number in numbers:
        name, book, wanted = near(seed, number)
        try:
            members = Members(book)
        except BookRefused:
            tally.seen["books refused"] += 1
            continue
        if wanted.account_id not in members.accounts:
            tally.seen["accounts refused"] += 1
            continue
        first = dict(reversed(list(broken(members, wanted, tally))))
        for law, says in first.items():
            place = [each["id"] for each in book["accounts"]].index(wanted.account_id)
            tally.found(Find(law, f"{wanted.mode}, {name}: {says}", number, place, len(str(book))))
    return tally


# --- What is changed


def _lots(book: Json) -> Iterator[Json]:
    """Every holding's lots that have a cost, and holdings that are told without lots."""
    for account in book["accounts"]:
        for held in [*account["holdings"], *(each for sleeve in account["sleeves"] for each in sleeve["holdings"])]:
            yield from held.get("lots", [held])


def _times(number: str, random: Random, factors: str, step: str) -> str:
    return str((Decimal(number) * Decimal(random.choice(factors.split()))).quantize(Decimal(step)))


def _price(book: Json, random: Random) -> None:
    security = random.choice(book["securities"])
    if "price" in security:
        security["price"] = _times(security["price"], random, "0.5 0.9 0.99 1.01 1.1 2 7.3 60", "0.01")


def _quantity(book: Json, random: Random) -> None:
    if lots := list(_lots(book)):
        lot = random.choice(lots)
        lot["quantity"] = _times(lot["quantity"], random, "0.3 0.8 1.05 1.5 4", "1") or "1"
        lot["quantity"] = max(lot["quantity"], "1", key=Decimal)


def _odd(book: Json, random: Random) -> None:
    if lots := list(_lots(book)):
        lot = random.choice(lots)
        lot["quantity"] = str(Decimal(lot["quantity"]) + Decimal(random.choice(("0.5", "0.123", "3", "0.000001"))))


def _cost(book: Json, random: Random) -> None:
    if lots := [each for each in _lots(book) if "cost_per_share" in each]:
        lot = random.choice(lots)
        lot["cost_per_share"] = _times(lot["cost_per_share"], random, "0.3 0.8 1.05 1.5 2.2", "0.01")


def _acquired(book: Json, random: Random) -> None:
    if lots := [each for each in _lots(book) if "acquired" in each]:
        random.choice(lots)["acquired"] = random.choice(LATELY)


def _cash(book: Json, random: Random) -> None:
    account = random.choice(book["accounts"])
    more = Decimal(random.choice(("-150", "33.33", "500", "2500.55", "40000")))
    account["cash"] = str(Decimal(account.get("cash", "0")) + more)


def _sleeve_cash(book: Json, random: Random) -> None:
    for sleeve in random.choice(book["accounts"])["sleeves"]:
        sleeve["cash"] = str(Decimal(sleeve["cash"]) + Decimal(random.choice(("-60", "15.5", "400"))))


def _budget(book: Json, random: Random) -> None:
    random.choice(book["accounts"])["gain_budget"] = random.choice(("0", "37.5", "200", "1000", "5000"))


def _restriction(book: Json, random: Random) -> None:
    kind = random.choice(("exclude", "no_buy", "no_sell", "no_trade"))
    symbol = random.choice(book["securities"])["symbol"]
    random.choice(book["accounts"])["restrictions"].append({"type": kind, "symbol": symbol})


def _weight(book: Json, random: Random) -> None:
    if book["targets"]:
        component = random.choice(random.choice(book["targets"])["components"])
        component["weight"] = _times(component["weight"], random, "0.5 0.8 0.97", "0.0001")


def _increment(book: Json, random: Random) -> None:
    random.choice(book["securities"])["quantity_increment"] = random.choice(("0.001", "0.01", "1", "5", "10"))


def _withdrawal(book: Json, random: Random) -> None:
    amount = random.choice(("300", "1234.56", "9000", "250000"))
    due = random.choice(("2026-11-25", "2026-12-15", "2027-03-01"))
    random.choice(book["accounts"])["withdrawals"].append({"amount": amount, "due": due})


def _minimum_trade(book: Json, random: Random) -> None:
    book["policy"] = {**book.get("policy", {}), "minimum_trade_amount": random.choice(("0", "25", "600", "2000"))}


def _tax_status(book: Json, random: Random) -> None:
    random.choice(book["accounts"])["tax_status"] = random.choice(("taxable", "exempt", "deferred", "roth"))


def _minimum(book: Json, random: Random) -> None:
    if book["models"]:
        random.choice(book["models"])["investment_minimum"] = random.choice(("0", "1000", "10000", "50000"))


def _household(book: Json, random: Random) -> None:
    """Another account like it, in one household with it."""
    account = copy.deepcopy(book["accounts"][0])
    account |= {"id": f"A-{len(book['accounts']) + 1}", "withdrawals": []}
    book["accounts"].append(account)
    book["account_groups"] = [{"id": "HOME", "accounts": [each["id"] for each in book["accounts"]]}]


CHANGES: tuple[Callable[[Json, Random], None], ...] = (
    _price, _quantity, _odd, _cost, _acquired, _cash, _sleeve_cash, _budget, _restriction, _weight, _increment,
    _withdrawal, _minimum_trade, _tax_status, _minimum, _household,
)  # fmt: skip
