"""The sums of a page, computed again from the page as it is printed."""

import re
from collections.abc import Iterator
from decimal import Decimal

MONEY = re.compile(r"[+−-]?[\d,]+\.\d\d(?!\d)")
GAIN = re.compile(r"([+−][\d,]+\.\d\d) (short|long)")


def checked(page: str) -> Iterator[tuple[str, Decimal, Decimal]]:
    """Every sum that the page prints: what it is, as it is printed, and as it comes out."""
    yield from _cash(page)
    yield from _orders(page)
    yield from _statement(page)
    yield from _request(page)


def amount(text: str) -> Decimal:
    """An amount as a page has it."""
    return Decimal(text.replace(",", "").replace("−", "-").replace("+", ""))


def _table(page: str, title: str) -> tuple[str, list[str]]:
    """The head of a table and its lines; empty where the page has none of that title."""
    lines = page.splitlines()
    for at, line in enumerate(lines):
        if line.strip().startswith(title) and at + 2 < len(lines) and set(lines[at + 2].strip()) == {"─"}:
            rows = lines[at + 3 :]
            return lines[at + 1], rows[: next((n for n, row in enumerate(rows) if not row.strip()), len(rows))]
    return "", []


def _at(head: str, name: str, row: str) -> str:
    """What a row has in a column of numbers, which ends where its heading does."""
    cell = re.search(r"(\S*)$", row[: head.index(name) + len(name)])
    return cell[1] if cell else ""


def _cash(page: str) -> Iterator[tuple[str, Decimal, Decimal]]:
    head, rows = _table(page, "Cash")
    columns = ("before", "+ sold", "− bought", "+ moved", "= after")
    told = {row.split()[0]: [amount(_at(head, name, row)) for name in columns] for row in rows}
    for sleeve, (before, sold, bought, moved, after) in told.items():
        yield f"cash of {sleeve}", after, before + sold - bought + moved
    if "total" in told:
        for place, name in enumerate(columns):
            yield f"cash {name}", told["total"][place], _sum(of[place] for key, of in told.items() if key != "total")
        yield "moved inside the account", told["total"][3], Decimal(0)


def _orders(page: str) -> Iterator[tuple[str, Decimal, Decimal]]:
    head, rows = _table(page, "Orders")
    told = re.search(r"^sells ([\d,.]+) · buys ([\d,.]+)", page, re.MULTILINE)
    if not rows or not told:
        return
    for side, printed in zip(("sell", "buy"), told.groups(), strict=True):
        amounts = [amount(_at(head, "amount", row)) for row in rows if row.startswith(side)]
        yield f"all {side}s", amount(printed), _sum(amounts)
    cash, lines = _table(page, "Cash")
    if lines[-1].startswith("total"):
        for name, printed in zip(("+ sold", "− bought"), told.groups(), strict=True):
            yield f"cash {name} and the orders", amount(_at(cash, name, lines[-1])), amount(printed)


def _statement(page: str) -> Iterator[tuple[str, Decimal, Decimal]]:
    head, rows = _table(page, "As a custodian states it")
    values = {row.split()[0]: _at(head, "value", row) for row in rows}
    for row in rows:
        quantity, price, value = (_at(head, name, row) for name in ("quantity", "price", "value"))
        if MONEY.fullmatch(price):
            yield row.split()[0], amount(value), (amount(quantity) * amount(price)).quantize(Decimal("0.01"))
    if rows and MONEY.fullmatch(values["total"]):
        yield (
            "the whole account",
            amount(values["total"]),
            _sum(amount(value) for key, value in values.items() if key != "total"),
        )
    told = re.search(r"^ +cash ([\d,.−-]+): (.*)$", page, re.MULTILINE)
    if told:
        yield "cash of the sleeves", amount(told[1]), _sum(amount(each) for each in MONEY.findall(told[2]))
        yield "cash as stated", amount(values["cash"]), amount(told[1])


def _request(page: str) -> Iterator[tuple[str, Decimal, Decimal]]:
    head, rows = _table(page, "As planned")
    if not rows:
        return
    at = next(n for n, row in enumerate(rows) if row.startswith("total"))
    accounts, total = [row for row in rows[:at] if not row.startswith(" ")], rows[at]
    trades = Decimal(0)
    for name in ("value", "sells", "buys"):
        yield f"all {name}", amount(_at(head, name, total)), _sum(amount(_at(head, name, row)) for row in accounts)
    for row in accounts:
        trades += max(amount(_at(head, "sells", row)), amount(_at(head, "buys", row)))
    turnover = (trades / amount(_at(head, "value", total)) * 100).quantize(Decimal("0.01"))
    cell = total[: head.index("turnover") + len("turnover")]
    yield "turnover", amount(MONEY.findall(cell)[-1]), turnover
    for term in ("short", "long"):
        gains = [_sum(amount(each) for each, of in GAIN.findall("\n".join(of_them)) if of == term)
                 for of_them in (rows[:at], rows[at:])]  # fmt: skip
        yield f"{term}-term gain", gains[1], gains[0]


def _sum(amounts: object) -> Decimal:
    return sum(amounts, Decimal(0))  # type: ignore[call-overload, no-any-return]
