"""Executions in any order, twice, lost, busted, corrected, with costs: an order stands as its broker has it."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random
from typing import Any

import pytest

from storage.connection import Books
from tests.venues.fix.test_reports import ORDER, raw, session
from venues.fix import books as fix_books
from venues.fix.adapter import FixVenue
from venues.fix.reports import report
from venues.fix.wire import Fields

CENT = Decimal("0.01")
SEEN: Counter[str] = Counter()
ENDS = {"4": "CANCELED", "2": "FILLED", "1": "WORKING", "0": "WORKING"}


@dataclass
class Broker:
    """One order in a broker's books: live executions by ExecID, and what was said."""

    dice: Random
    live: dict[str, tuple[Decimal, Decimal, Decimal]] = field(default_factory=dict)  # shares, price, costs
    status: str = "0"
    said: list[str] = field(default_factory=list)
    executed: set[int] = field(default_factory=set)  # which of what was said are executions
    number: int = 0

    @property
    def done(self) -> Decimal:
        return sum((each[0] for each in self.live.values()), Decimal(0))

    @property
    def cash(self) -> Decimal:
        return sum((shares * price for shares, price, _ in self.live.values()), Decimal(0))

    @property
    def costs(self) -> Decimal:
        return sum((each[2] for each in self.live.values()), Decimal(0))

    def says(self, kind: str, **fields: Any) -> None:
        average = self.cash / self.done if self.done else Decimal(0)
        told = {39: self.status, 150: kind, 14: self.done, 6: average} | {int(k[1:]): v for k, v in fields.items()}
        if kind in "FGH":
            self.executed.add(len(self.said))
        self.said.append(" ".join(f"{tag}={value}" for tag, value in told.items()))

    def _new(self) -> str:
        self.number += 1
        return f"e{self.number}"

    def _fill(self, shares: Decimal) -> tuple[Decimal, Decimal, Decimal]:
        return shares, Decimal(self.dice.randrange(900, 1100)) / 100, Decimal(self.dice.randrange(0, 4000)) / 1000

    def _opens(self) -> None:
        if self.status != "4":
            self.status = "2" if self.done == 100 else "1" if self.done else "0"

    def trade(self) -> None:
        room = int(100 - self.done)
        if self.status in "01" and room:
            name, fill = self._new(), self._fill(Decimal(self.dice.randrange(1, room + 1)))
            self.live[name] = fill
            self._opens()
            self.says("F", t17=name, t32=fill[0], t31=fill[1], t12=fill[2], t13="3")

    def change(self) -> None:
        if not self.live:
            return
        of, name = self.dice.choice(sorted(self.live)), self._new()
        had = self.live.pop(of)
        if self.dice.random() < 0.5:
            self._opens()
            self.says("H", t17=name, t19=of, t32=had[0], t31=had[1])
            SEEN["bust"] += 1
            return
        fill = self._fill(Decimal(self.dice.randrange(1, int(had[0]) + 1)))
        self.live[name] = fill
        self._opens()
        self.says("G", t17=name, t19=of, t32=fill[0], t31=fill[1], t12=fill[2], t13="3")
        SEEN["correction"] += 1

    def cancel(self) -> None:
        if self.status in "01":
            self.status = "4"
            self.says("4")


@pytest.mark.parametrize("seed", range(40))
def test_any_order_of_reports_ends_as_the_brokers_books(books: Books, seed: int) -> None:
    """FIX-3, FIX-4, FIX-6, ALLOC-5. Asked after twice at the end, as after every gap."""
    dice = Random(f"{seed}/reports")
    venue, broker = FixVenue(books.engine, session()), Broker(dice)
    venue.submit(ORDER)
    with books.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE fix.messages SET state = 'HANDED'")
    for _ in range(dice.randrange(3, 12)):
        dice.choices((broker.trade, broker.change, broker.cancel), (5, 3, 1))[0]()
    comes = [each for each in range(len(broker.said)) for _ in range(dice.choice((1, 1, 1, 2)))]
    if dice.random() < 0.7:
        dice.shuffle(comes)
    lost = {each for each in broker.executed if dice.random() < 0.2} if dice.random() < 0.4 else set()
    told = [broker.said[each] for each in comes if each not in lost]
    broker.says("I", t17="0")
    for each in [*told, broker.said[-1], broker.said[-1]]:
        with books.engine.begin() as connection:
            fix_books.take(connection, venue.session, report(Fields.of(raw(each))), each)
    (stands,) = venue.look(ORDER)
    with books.engine.connect() as connection:
        row = fix_books.get(connection, ORDER.client_order_id)
    assert row is not None
    assert stands.filled_quantity == broker.done, (seed, told)
    if not lost:
        assert not row.repaired
        assert stands.filled_amount == broker.cash.quantize(CENT, ROUND_HALF_EVEN)
        assert stands.costs == broker.costs.quantize(CENT, ROUND_HALF_EVEN)
    elif stands.filled_amount != broker.cash.quantize(CENT, ROUND_HALF_EVEN):
        assert abs(stands.filled_amount - broker.cash) < CENT or not row.repaired, (seed, stands, broker.cash)
    wanted = ENDS[broker.status]
    assert stands.status == ("PARTIALLY_FILLED" if wanted == "CANCELED" and broker.done else wanted), (seed, told)
    SEEN["lost"] += bool(lost)
    SEEN["in order"] += not lost
