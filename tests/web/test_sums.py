"""Numbers add up on the console's own pages: every sum of a rebalance's page, computed again from its HTML."""

from decimal import Decimal
from html.parser import HTMLParser

from storage.connection import Books
from tests.cli.rebalanced import executed, pending
from tests.cli.sums import amount
from tests.web.conftest import Visitor

ACCOUNTS = ("A-101", "A-103", "A-105", "A-106", "A-110")  # A-106 is liquidated


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


def test_a_rebalance_s_cash_and_orders(demo: Books, visitor: Visitor) -> None:
    made = [pending(demo, each) for each in ACCOUNTS]
    executed(demo, made[1])
    client, summed = visitor("ann"), 0
    for each in made:
        tables = Tables(client.get(f"/rebalances/{each}").text).named
        _, *sleeves, total = [[row[0], *map(amount, row[1:])] if row[1] != "before" else row for row in tables["Cash"]]
        for _, before, sold, bought, moved, after in [*sleeves, total]:
            assert after == before + sold - bought + moved, each
            summed += 1
        for at in range(1, 6):
            assert total[at] == sum((row[at] for row in sleeves), Decimal(0)), each
        assert total[4] == 0
        for side, at in (("sell", 2), ("buy", 3)):
            amounts = [amount(row[4]) for row in tables["Orders"] if row[0] == side]
            assert total[at] == sum(amounts, Decimal(0)), (each, side)
    assert summed > 2 * len(ACCOUNTS)
