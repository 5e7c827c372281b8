"""Allocation: whose are the shares that a block has filled so far, and for how much?

Asked when a day of a block is booked, when a fill is busted or corrected, by `block show`, and by whoever computes a
block again years later. All follows from the statement and how much is filled, not from how the fills came.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from heapq import heappop, heappush

from domain.values.money import CENT, EXACT, ZERO, money, plain, to_cent
from domain.values.record import record
from domain.values.rules import Rule

ALLOC_1 = Rule(
    "ALLOC-1",
    "A block's units stand in a queue, each where its account is due; it is entered where the block's own draw says, "
    "and after c units are filled the accounts have the first c from there.",
)
ALLOC_2 = Rule(
    "ALLOC-2",
    "Allocated is exactly what is filled: never less than before, never more than ordered, exactly the order when all "
    "is filled, and always less than 2 units from pro rata.",
)
ALLOC_3 = Rule(
    "ALLOC-3", "Allocated once a trade date: a day's shares are the difference between two cumulative allocations."
)
ALLOC_4 = Rule(
    "ALLOC-4",
    "A day's exact amount is split by its shares to the cent, floor and then largest remainder, ties by the draw.",
)
ALLOC_5 = Rule(
    "ALLOC-5",
    "A day's costs are split as its amount is. An account's commissions and fees are paid from its cash with the fill: "
    "they add to what a buy cost, and lessen what a sale brought.",
)
ALLOC_6 = Rule(
    "ALLOC-6",
    "De minimis, off by default: allocated in lots, each account's last as short as it is, of which at most one a day "
    "is in part; so always less than 3 lots from pro rata.",
)
ALLOC_7 = Rule(
    "ALLOC-7",
    "A bust or a correction is the same allocation of what is filled then; what was booked otherwise is reversed.",
)
ALLOC_8 = Rule(
    "ALLOC-8", "Each account is told what it ordered, got and paid in a block, in numbers that come out again."
)

Targets = tuple[tuple[str, int], ...]  # account and units, by account


@record
class Segment:
    """A stretch of a block in which nobody leaves: who takes part in it, with how many units, from which fill on.

    `starts_at` is the cumulative fill of the block at which it begins; `entry` how many lots the queue is entered
    behind; `lot` the units of a lot, 1 unless de minimis is on (ALLOC-6); `moved` what a departure moves between
    accounts when it begins (ALLOC-9).
    """

    name: str
    starts_at: int
    targets: Targets
    entry: int
    lot: int = 1
    moved: Targets = ()

    @property
    def total(self) -> int:
        """The units of all accounts."""
        return sum(units for _, units in self.targets)


@record
class DayFilled:
    """What a block filled on a trade date: units, what they came to exactly, and what that cost besides."""

    day: date
    units: int
    amount: Decimal
    costs: Decimal = ZERO


@record
class Part:
    """An account's part of a day, or what takes one back: units and cents, and what they cost besides."""

    units: int = 0
    amount: Decimal = ZERO
    costs: Decimal = ZERO

    def __add__(self, other: "Part") -> "Part":
        """Both together."""
        return Part(self.units + other.units, self.amount + other.amount, self.costs + other.costs)

    def __sub__(self, other: "Part") -> "Part":
        """What is left without the other."""
        return Part(self.units - other.units, self.amount - other.amount, self.costs - other.costs)


@record
class Entry:
    """A line for the books of one account and day; `reverses` takes back what was booked of it before (ALLOC-7)."""

    account: str
    day: date
    part: Part
    reverses: bool


def draw(text: str) -> int:
    """A number that nobody chooses: the SHA-256 of a text in UTF-8 as a big-endian integer (ALLOC-1)."""
    return int.from_bytes(sha256(text.encode()).digest(), "big")


def segment(block_id: str, number: int, starts_at: int, targets: Mapping[str, int], lot: int = 1) -> Segment:
    """A block's segment, `B-000001/1` being the first, with the entry that its name draws (ALLOC-1).

    Nobody takes part in one behind the last account that left. Raises ValueError where an account has no unit.
    """
    if min(targets.values(), default=1) < 1 or lot < 1:
        raise ValueError(f"{block_id}/{number}: an account has at least one unit, and a lot too")
    name = f"{block_id}/{number}"
    lots = sum(_lots(units, lot) for units in targets.values())
    entry = draw(f"{name}|start") % lots if lots else 0
    return Segment(name, starts_at, tuple(sorted(targets.items())), entry, lot)


def _lots(units: int, lot: int) -> int:
    return -(-units // lot)


def _by_draw(name: str, accounts: Sequence[str]) -> list[str]:
    """Accounts in the order in which ties are decided (ALLOC-1)."""
    return sorted(accounts, key=lambda account: (draw(f"{name}|{account}"), account))


def _queue(weights: Sequence[int], length: int) -> "array[int]":
    """The first places of the queue (ALLOC-1): at each, of the units that may be placed there the earliest due.

    Accounts are numbered in the order of their ties. Every unit comes to stand where it is due or before.
    """
    total, several = sum(weights), len(weights)
    placed = [0] * several
    opens: dict[int, list[int]] = {}  # place from which an account's next unit may be placed
    ready = [-(-total // weight) * several + number for number, weight in enumerate(weights)]
    ready.sort()
    queue = array(_code(several))
    for place in range(1, length + 1):
        for number in opens.pop(place, ()):
            due = -(-(placed[number] + 1) * total // weights[number])
            heappush(ready, due * several + number)
        number = heappop(ready) % several
        queue.append(number)
        placed[number] = done = placed[number] + 1
        if done < weights[number]:
            opens_at = done * total // weights[number]
            if opens_at <= place:
                heappush(ready, -(-(done + 1) * total // weights[number]) * several + number)
            else:
                opens.setdefault(opens_at + 1, []).append(number)
    return queue


def _code(accounts: int) -> str:
    """The narrowest of an array's types that numbers so many accounts: a queue has a number for every unit."""
    return "H" if accounts <= 1 << 16 else "L"


def _queue_of_lots(units: Sequence[int], lot: int) -> tuple["array[int]", "array[int]"]:
    """Whose each lot of the queue is, and how many units it has (ALLOC-6): placed from where its first unit may be,
    due where its last is. Whoever's is begun is whole before the next, so an account's rest is its own last lot.
    """
    total = sum(units)
    placed = [0] * len(units)
    opens = [(1, number) for number in range(len(units))]  # place from which an account's next lot may be placed
    ready: list[tuple[int, int]] = []
    whose, sizes, place = array(_code(len(units))), array("L"), 1
    while place <= total:
        while opens and opens[0][0] <= place:
            _, number = heappop(opens)
            ends = min(placed[number] + lot, units[number])
            heappush(ready, (-(-ends * total // units[number]), number))
        _, number = heappop(ready)
        size = min(lot, units[number] - placed[number])
        whose.append(number)
        sizes.append(size)
        placed[number] += size
        place += size
        if placed[number] < units[number]:
            heappush(opens, (placed[number] * total // units[number] + 1, number))
    return whose, sizes


@lru_cache(maxsize=16)  # a queue of a million units is 2 MB, and takes a second
def walked(segment: Segment) -> tuple[tuple[str, ...], "array[int]", "array[int] | None"]:
    """A segment's accounts, its queue as it is walked from its entry, and the sizes of its lots; None: a unit each."""
    accounts = tuple(_by_draw(segment.name, [account for account, _ in segment.targets]))
    units, at = dict(segment.targets), segment.entry
    weights = [units[account] for account in accounts]
    if segment.lot == 1:
        queue = _queue(weights, sum(weights))
        return accounts, queue[at:] + queue[:at], None
    whose, sizes = _queue_of_lots(weights, segment.lot)
    return accounts, whose[at:] + whose[:at], sizes[at:] + sizes[:at]


def allocated(segment: Segment, filled: int) -> dict[str, int]:
    """Each account's units after so many of the segment are filled (ALLOC-1).

    Raises ValueError where more is filled than the segment has.
    """
    if not 0 <= filled <= segment.total:
        raise ValueError(f"{segment.name}: {filled} filled of {segment.total} can't be allocated")
    if filled in (0, segment.total):  # nobody has any, or everybody all: whatever the queue is
        return {account: units if filled else 0 for account, units in segment.targets}
    accounts, places, sizes = walked(segment)
    if sizes is None:
        count = Counter(places[:filled])
        return {account: count[number] for number, account in enumerate(accounts)}
    got = dict.fromkeys(accounts, 0)
    for number, size in zip(places, sizes, strict=True):
        given = min(size, filled)  # the last one in part (ALLOC-6)
        got[accounts[number]] += given
        filled -= given
        if not filled:
            break
    return got


def cumulative(segments: Sequence[Segment], filled: int) -> dict[str, int]:
    """Each account's units of a block after so many of it are filled, over all its segments (ALLOC-2, BLOCK-5).

    Raises ValueError where more is filled than the block has.
    """
    got = {account: 0 for each in segments for account, _ in (*each.targets, *each.moved)}
    for each, ends in _stretches(segments):
        for account, units in allocated(each, max(0, min(filled, ends) - each.starts_at)).items():
            got[account] += units
        if each.moved and filled >= each.starts_at:
            for account, units in each.moved:
                got[account] += units
    if sum(got.values()) != filled:
        raise ValueError(f"{segments[-1].name}: {filled} filled, and {sum(got.values())} is all there is to allocate")
    return got


def pro_rata(segments: Sequence[Segment], filled: int) -> dict[str, Fraction]:
    """What each account would have, were shares divisible without end: what it had when the segment that is being
    filled began, and its part of what was filled since. For the sentence that it is told (ALLOC-8).
    """
    begun = [each for each in segments if each.starts_at <= filled]
    now = begun[-1]
    had = cumulative(segments, now.starts_at)
    since, total = filled - now.starts_at, now.total or 1
    targets = dict(now.targets)
    return {account: had[account] + Fraction(targets.get(account, 0) * since, total) for account in had}


def capacity(segments: Sequence[Segment]) -> int:
    """The units of a block when all that nobody took out of it is filled."""
    return segments[-1].starts_at + segments[-1].total


def _stretches(segments: Sequence[Segment]) -> Iterator[tuple[Segment, int]]:
    """Each segment with the cumulative fill at which it ends."""
    ends = [each.starts_at for each in segments[1:]] + [capacity(segments)]
    return zip(segments, ends, strict=True)


def split(amount: Decimal, units: Mapping[str, int], draw_id: str) -> dict[str, Decimal]:
    """An amount of cents by units: floor, then a cent each by largest remainder, ties by the draw (ALLOC-4, ALLOC-5).

    Each is within a cent of its exact part and the sum is exact. Raises ValueError for an amount without units.
    """
    if amount != to_cent(amount):
        raise ValueError(f"{draw_id}: {amount} is not in whole cents")
    total = sum(units.values())
    if not total:
        if amount:
            raise ValueError(f"{draw_id}: {amount} can't be split over no units")
        return dict.fromkeys(units, ZERO)
    in_cents = int(EXACT.divide(amount, CENT))
    floors = {account: in_cents * each // total for account, each in units.items()}
    rest = {account: in_cents * each % total for account, each in units.items()}
    left = in_cents - sum(floors.values())
    drawn = _by_draw(draw_id, list(units)) if left else []
    for account in sorted(drawn, key=lambda account: -rest[account])[:left]:
        floors[account] += 1
    return {account: each * CENT for account, each in floors.items()}


def days(segments: Sequence[Segment], filled: Sequence[DayFilled]) -> Iterator[tuple[DayFilled, dict[str, Part]]]:
    """Each trade date's parts, oldest first (ALLOC-3): for who has any. Days have to be in order, each once."""
    before = cumulative(segments, 0)
    so_far = 0
    for each in filled:
        so_far += each.units
        now = cumulative(segments, so_far)
        units = {account: now[account] - before[account] for account in now if now[account] != before[account]}
        amounts = split(to_cent(each.amount), units, segments[0].name)
        costs = split(to_cent(each.costs), units, segments[0].name)
        yield each, {account: Part(units[account], amounts[account], costs[account]) for account in units}
        before = now


def entries(
    booked: Mapping[tuple[str, date], Part], now: Sequence[tuple[DayFilled, Mapping[str, Part]]]
) -> list[Entry]:
    """What makes the books say `now`: what was booked otherwise is taken back whole, then booked anew (ALLOC-7)."""
    wanted = {(account, filled.day): part for filled, parts in now for account, part in parts.items()}
    lines = []
    for account, day in sorted(booked.keys() | wanted.keys(), key=lambda key: (key[1], key[0])):
        had, has = booked.get((account, day), Part()), wanted.get((account, day), Part())
        if had == has:
            continue
        if had != Part():
            lines.append(Entry(account, day, Part() - had, reverses=True))
        if has != Part():
            lines.append(Entry(account, day, has, reverses=False))
    return lines


def average(amount: Decimal, units: int, unit: Decimal = Decimal(1)) -> Decimal | None:
    """The average price of a day or a block, to a hundredth of a cent. For display alone (ALLOC-4)."""
    return EXACT.quantize(amount / (units * unit), Decimal("0.0001")) if units else None


def sentences(
    block_id: str, symbol: str, segments: Sequence[Segment], filled: int, parts: Mapping[str, Part], unit: Decimal
) -> dict[str, str]:
    """What each of these accounts is told of its part in a block (ALLOC-8). Units count `unit` shares each."""
    ordered, exact = dict(segments[0].targets), pro_rata(segments, filled)
    of = f"{symbol} of the {plain(segments[0].total * unit)} of {block_id}; {plain(filled * unit)} are filled"
    lots = f" of lots of {plain(segments[0].lot * unit)}" if segments[0].lot > 1 else ""
    entered = f"queue{lots} entered: " + ", ".join(f"{each.name} behind {each.entry:,}" for each in segments)
    told = {}
    for account, part in parts.items():
        price = average(part.amount, part.units, unit)
        paid = f" at {price} on average: {money(part.amount)}" if price is not None else ""
        costs = f", costs {money(part.costs)}" if part.costs else ""
        told[account] = (
            f"{account} ordered {plain(ordered.get(account, 0) * unit)} {of}, exactly pro rata "
            f"{plain(shares_of(exact.get(account, Fraction(0)), unit))}; {entered}; received "
            f"{plain(part.units * unit)}{paid}{costs}. ({ALLOC_8.code})"
        )
    return told


def shares_of(units: Fraction, unit: Decimal) -> Decimal:
    """A fraction of units as shares, to three decimals. For display alone."""
    exact = units * Fraction(unit)
    return EXACT.quantize(Decimal(exact.numerator) / Decimal(exact.denominator), Decimal("0.001"))
