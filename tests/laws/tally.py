"""What a run of the laws saw and what it found, summed over processes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

KEPT = 12  # finds of a kind, the smallest

LEAST = {  # of every 1,000 accounts planned, so many at least: a run that sees fewer has looked at too little
    "planned": 1000,
    "with orders": 500,
    "mode exact": 200,
    "mode best_fit": 200,
    "mode min_transaction": 200,
    "kind raise_cash": 60,
    "kind invest_cash": 30,
    "kind signal": 15,
    "liquidations": 10,
    "rejections": 30,
    "crossings": 40,
    "openings": 60,
    "closings": 60,
    "unassigned holdings": 150,
    "skips ORDER-3": 60,
    "skips LOT-2": 10,
    "skips RESTRICT-3": 15,
    "skips WASH-1": 5,
    "sells below the minimum that complete a sale": 10,
    "budgets": 120,
    "losses disallowed": 8,
    "restriction exclude": 120,
    "restriction substitute": 60,
    "restriction no_buy": 60,
    "restriction no_sell": 60,
    "restriction no_trade": 60,
    "unknown basis sold": 40,
    "overdrawn managed sleeves": 30,
    "overdrawn model sleeves": 30,
    "withdrawals": 120,
    "withdrawals beyond the cash": 40,
    "protected holdings": 60,
    "households": 100,
    "households planned together": 50,
    "worthless holdings": 20,
    "seven sleeves or more": 1,
    "hundreds of holdings": 3,
    "settled again": 300,
    "buys sized again": 100,
}


@dataclass(frozen=True)
class Find:
    """A law that a plan of an account broke: by which it can be made again, and how large the account is."""

    law: str
    says: str
    number: int
    place: int
    size: int


@dataclass
class Tally:
    """Counts of what was seen, and the finds: how many of each law, and the smallest of them."""

    seen: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    finds: dict[str, list[Find]] = field(default_factory=dict)

    def found(self, find: Find) -> None:
        """Counts a find and keeps it where it is among the smallest of its law."""
        self.broken[find.law] += 1
        kept = self.finds.setdefault(find.law, [])
        kept.append(find)
        kept.sort(key=lambda each: (each.size, each.number, each.place))
        del kept[KEPT:]

    def add(self, other: "Tally") -> None:
        """Adds what another process saw."""
        self.seen += other.seen
        self.broken += other.broken
        for law, finds in other.finds.items():
            both = sorted([*self.finds.get(law, []), *finds], key=lambda each: (each.size, each.number, each.place))
            self.finds[law] = both[:KEPT]

    def too_few(self) -> Iterator[str]:
        """What it saw less of than it has to."""
        accounts = self.seen["planned"]
        for what, least in LEAST.items():
            wanted = accounts * least // 1000
            if not accounts or self.seen[what] < wanted:
                yield f"{what}: {self.seen[what]:,} of {accounts:,} accounts, and {wanted:,} are the least"
