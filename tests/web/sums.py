"""The sums of a console's page, computed again from its HTML."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from html.parser import HTMLParser

from tests.cli.sums import amount

Sum = tuple[str, Decimal, Decimal]
Rows = Sequence[Sequence[str]]
ZERO, CENT = Decimal(0), Decimal("0.01")


class Tables(HTMLParser):
    """The tables of a page by their label: rows of cells, as they are read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.named: dict[str, list[list[str]]] = {}
        self.label, self.inside = "", False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if ("role", "region") in attrs:
            self.label = dict(attrs)["aria-label"] or ""
        rows = self.named.setdefault(self.label, [])
        if tag == "tr":
            rows.append([])
        elif tag in {"td", "th"} and rows:
            rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.named[self.label][-1][-1] += data.strip()


def checked(page: str) -> Iterator[Sum]:
    """Every sum that the page shows: what it is, as it is shown, and as it comes out."""
    tables, tiles = Tables(page).named, dict(_tiles(page))
    yield from _cash(tables.get("Cash", []), tables.get("Orders", []))
    yield from _request(tables.get("Accounts of the request", []))
    yield from _review(tables.get("Plans by account", []), tiles)
    yield from _by_security(tables.get("The same trades by security", []), tiles)
    yield from _statement(tables.get("As a custodian states it", []), tables.get("Sleeves", []))
    yield from _bands(tables.get("Weights and bands", []), _fact(page, "managed value"))
    yield from _lots(tables.get("Tax lots", []), tables.get("Orders", []))


def _cash(table: Rows, orders: Rows) -> Iterator[Sum]:
    if not table:
        return
    *sleeves, total = [[amount(each) for each in row[1:]] for row in table[1:]]
    for row, (before, sold, bought, moved, after) in zip(table[1:], [*sleeves, total], strict=True):
        yield f"cash of {row[0]}", after, before + sold - bought + moved
    for at, name in enumerate(table[0][1:]):
        yield f"cash {name}", total[at], _sum(row[at] for row in sleeves)
    yield "moved inside the account", total[3], ZERO
    for side, at in (("sell", 1), ("buy", 2)):
        yield f"cash and all {side}s", total[at], _sum(amount(row[4]) for row in orders if row[0] == side)


def _request(table: Rows) -> Iterator[Sum]:
    """The figures of each account, of which a line of what was found below has none, and of all together."""
    if not table or table[-1][0] != "total":
        return
    planned = [row for row in table[1:-1] if len(row) == len(table[0]) and row[4]]
    total = table[-1][2:]  # its second cell is three columns wide
    for at, name in ((4, "managed value"), (6, "sold"), (7, "bought"), (8, "short-term"), (9, "long-term")):
        yield f"all {name}", amount(total[at - 4]), _sum(amount(row[at]) for row in planned)
    trades = _sum(max(amount(row[6]), amount(row[7])) for row in planned)
    yield "turnover", _share(total[1]), (trades / amount(total[0]) * 100).quantize(CENT)
    for row in planned:
        share = max(amount(row[6]), amount(row[7])) / amount(row[4]) * 100
        yield f"turnover of {row[0]}", _share(row[5]), share.quantize(CENT)
    yield "plans", Decimal(table[-1][1].split()[0]), Decimal(len(planned))


def _review(table: Rows, tiles: dict[str, str]) -> Iterator[Sum]:
    if not table:
        return
    for at, name in ((5, "sold"), (6, "bought"), (7, "short-term gain"), (8, "long-term gain")):
        yield f"{name} of all that wait", amount(tiles[name]), _sum(amount(row[at]) for row in table[1:])
    yield "plans that wait", amount(tiles["plans"]), Decimal(len(table) - 1)


def _by_security(table: Rows, tiles: dict[str, str]) -> Iterator[Sum]:
    if not table:
        return
    amounts = [[ZERO if row[at] == "–" else amount(row[at]) for at in (3, 5, 6)] for row in table[1:]]
    for row, (sold, bought, net) in zip(table[1:], amounts, strict=True):
        yield f"net of {row[0]}", net, bought - sold
    yield "sold of all securities", amount(tiles["sold"]), _sum(each[0] for each in amounts)
    yield "bought of all securities", amount(tiles["bought"]), _sum(each[1] for each in amounts)


def _statement(stated: Rows, sleeves: Rows) -> Iterator[Sum]:
    """What a custodian states: each line, all together, and what the sleeves have of it."""
    if not stated:
        return
    *lines, (_, _, _, cash), (_, _, _, total) = stated[1:]
    held: dict[str, Decimal] = {}
    in_sleeves = ZERO
    for row in sleeves[1:]:
        if row[1] == "cash":
            in_sleeves += amount(row[4])
        else:
            held[row[1]] = held.get(row[1], ZERO) + amount(row[2])
    yield "cash of all sleeves", amount(cash), in_sleeves
    for symbol, quantity, price, value in lines:
        yield f"all {symbol}", amount(quantity), held[symbol]
        if value != "unknown":
            priced = amount(price.partition("of ")[0])  # of an earlier day where it says so
            yield f"value of {symbol}", amount(value), (amount(quantity) * priced).quantize(CENT)
    if total != "unknown":
        yield "the whole account", amount(total), _sum(amount(row[3]) for row in lines) + amount(cash)


def _bands(table: Rows, managed: str) -> Iterator[Sum]:
    """What the components come to is the managed value, but for cents that are rounded in each."""
    if not table or not managed:
        return
    heading = "planned value" if "planned value" in table[0] else "value"  # nothing is planned while a break is open
    values = _sum(amount(row[table[0].index(heading)]) for row in table[1:])
    near = abs(values - amount(managed)) <= CENT * len(table)
    yield "all components", values, amount(managed) if not near else values


def _lots(lots: Rows, orders: Rows) -> Iterator[Sum]:
    """What each sell realises, from its lots, for each term."""
    for row in orders[1:] if lots else ():
        for gain, term in re.findall(r"([+−]?[\d,.]+) (short|long)", row[5]):
            of = [each[4] for each in lots[1:] if each[0] == row[1] and each[5] == term]
            yield f"{term}-term gain of {row[1]}", amount(gain), _sum(map(amount, of))


def _tiles(page: str) -> Iterator[tuple[str, str]]:
    for figure, name in re.findall(r"<b>([^<]*)</b><span>([^<]*)</span>", page):
        yield name, figure


def _fact(page: str, name: str) -> str:
    found = re.search(rf"<dt>{name}</dt><dd>([\d,.−]+)</dd>", page)
    return found[1] if found else ""


def _share(text: str) -> Decimal:
    return amount(text.replace("%", "").strip())


def _sum(amounts: Iterator[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
