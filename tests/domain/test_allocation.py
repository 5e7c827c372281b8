"""Allocation of blocks: the table, the laws over generated blocks, and a slow oracle (ALLOC-1 to ALLOC-8, BLOCK-5)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from random import Random
from statistics import fmean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.executing import allocation
from domain.executing.allocation import DayFilled, Part, Segment, allocated, cumulative, days, entries, pro_rata, split
from domain.executing.blocks import dated, left, rests
from domain.values.money import ZERO, to_cent
from tests.domain import allocation_oracle as oracle
from tests.domain.allocation_cases import BlockCase, block_cases

CASES = list(block_cases())
TODAY = date(2026, 11, 20)
Allocator = Callable[[Segment, int], Mapping[str, int]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: BlockCase) -> None:
    so_far, looked = 0, 0
    for (filled, parts), expected in zip(days(case.segments, case.filled), case.expect, strict=True):
        so_far += filled.units
        for key, found in {
            "shares": {account: Decimal(part.units) for account, part in parts.items()},
            "cash": {account: part.amount for account, part in parts.items()},
            "costs of": {account: part.costs for account, part in parts.items()},
            "pro rata": {
                account: Decimal(each.numerator) / each.denominator
                for account, each in pro_rata(case.segments, so_far).items()
            },
        }.items():
            if key in expected:
                looked += 1
                assert found == {account: Decimal(each) for account, each in expected[key].items()}, key
        if "lots" in expected:
            looked += 1
            sizes = [part.units for part in parts.values()]
            lot = case.segments[0].lot
            assert sum(each // lot for each in sizes) == int(expected["lots"]["whole"])
            assert sum(bool(each % lot) for each in sizes) == int(expected["lots"]["part"])
    assert looked


def test_the_names_draw_the_worked_entry() -> None:
    """The first 717 units are walked past: nobody chose the number (ALLOC-1)."""
    assert allocation.segment("B-000001", 1, 0, {"101": 500, "102": 300, "103": 120, "104": 75, "105": 5}).entry == 717


def test_a_bust_is_reversed_and_booked_anew() -> None:
    """ALLOC-7: the entries of a correction take back the whole day of whoever has other figures, and no one else's."""
    (case,) = [each for each in CASES if "bust" in each.name]
    before = list(days(case.segments, case.booked))
    booked = {(account, filled.day): part for filled, parts in before for account, part in parts.items()}
    lines = entries(booked, list(days(case.segments, case.filled)))
    assert [(line.account, line.part.units) for line in lines if line.reverses] == [
        ("101", -275), ("102", -165), ("103", -66), ("104", -41), ("105", -3)
    ]  # fmt: skip
    assert sum(line.part.units for line in lines) == -153
    assert sum(line.part.amount for line in lines) == Decimal("-1530.00")
    assert entries(booked, before) == []


def test_each_account_is_told_what_it_can_check() -> None:
    """ALLOC-8"""
    segments = CASES[0].segments[:1]
    (_, parts), *_ = days(segments, CASES[0].filled[:1])
    told = allocation.sentences("B-000001", "VTI", segments, 397, {"101": parts["101"]}, Decimal(1))
    assert told["101"] == (
        "101 ordered 500 VTI of the 1000 of B-000001; 397 are filled, exactly pro rata 198.5; queue entered: "
        "B-000001/1 behind 717; received 198 at 287.1148 on average: 56,848.73. (ALLOC-8)"
    )


TARGETS = st.dictionaries(st.sampled_from([f"A-{n}" for n in range(9)]), st.integers(1, 25), min_size=1)


@settings(max_examples=150, deadline=None)
@given(TARGETS, st.integers(1, 999), st.data())
def test_it_is_what_the_oracle_says(targets: dict[str, int], number: int, data: st.DataObject) -> None:
    one = allocation.segment(f"B-{number:06d}", 1, 0, targets)
    filled = data.draw(st.integers(1, one.total))
    amount = Decimal(data.draw(st.integers(0, 10_000_000))) / 100
    got = allocated(one, filled)
    assert got == oracle.shares(one.name, targets, filled)
    having = {account: units for account, units in got.items() if units}
    assert split(amount, having, one.name) == oracle.cash(one.name, having, amount)


@settings(max_examples=120, deadline=None)
@given(TARGETS, st.integers(1, 999), st.data())
def test_it_is_what_the_oracle_says_of_who_leaves(targets: dict[str, int], number: int, data: st.DataObject) -> None:
    """BLOCK-5: several leave, one after the other, in part or whole; some are refused."""
    block = f"B-{number:06d}"
    segments: tuple[Segment, ...] = (allocation.segment(block, 1, 0, targets),)
    done, leavings = 0, list[tuple[int, str, int]]()
    for _ in range(data.draw(st.integers(1, 4))):
        if done + 1 >= allocation.capacity(segments):
            break
        done = data.draw(st.integers(done + 1, allocation.capacity(segments) - 1))
        lacking = rests(segments, done)
        who = data.draw(st.sampled_from(sorted(lacking)))
        out = data.draw(st.integers(0, lacking[who]))
        segments = left(block, segments, who, done, out)
        if out:
            leavings.append((done, who, out))
    filled = data.draw(st.integers(done, allocation.capacity(segments)))
    assert cumulative(segments, filled) == oracle.with_leavings(block, targets, leavings, filled)


@settings(max_examples=60, deadline=None)
@given(TARGETS, st.integers(1, 999))
def test_on_the_mean_over_all_entries_it_is_exactly_pro_rata(targets: dict[str, int], number: int) -> None:
    """ALLOC-2"""
    one = allocation.segment(f"B-{number:06d}", 1, 0, targets)
    filled = one.total // 3
    every = [allocated(replace(one, entry=entry), filled) for entry in range(one.total)]
    for account, units in targets.items():
        assert sum(got[account] for got in every) == filled * units


def _targets(random: Random, accounts: int, most: int = 300) -> dict[str, int]:
    """Small accounts, large ones, and some of a single share."""
    return {
        f"A-{n:05d}": random.choice((1, 2, random.randint(3, 20), random.randint(21, most))) for n in range(accounts)
    }


@pytest.mark.parametrize(("accounts", "seed"), [(2, 1), (7, 2), (60, 3), (700, 4), (3_000, 5)])
def test_laws_over_days_of_partial_fills_and_leavings(accounts: int, seed: int) -> None:
    """ALLOC-2, ALLOC-4, BLOCK-5: whatever is filled, and whoever leaves in between, at every moment looked at."""
    random = Random(seed)
    targets = _targets(random, accounts, most=300 if accounts < 1_000 else 60)
    segments: tuple[Segment, ...] = (allocation.segment(f"B-{seed:06d}", 1, 0, targets),)
    before, done, looked, filled, gone = dict.fromkeys(targets, 0), 0, 0, list[DayFilled](), 0
    while done < allocation.capacity(segments):
        if gone < 4 and accounts > 2 and done and random.random() < 0.5:
            lacking = rests(segments, done)
            leaver = random.choice(sorted(lacking))
            out = random.randint(0, lacking[leaver])
            segments = left(f"B-{seed:06d}", segments, leaver, done, out)
            targets[leaver] -= out
            gone += 1
        room = allocation.capacity(segments) - done
        units = random.randint(1, max(1, room // 2)) if room > 5 else room
        done += units
        now = cumulative(segments, done)
        assert sum(now.values()) == done
        exact = pro_rata(segments, done)
        for account, got in now.items():
            assert before[account] <= got <= targets[account]
            assert abs(got - exact[account]) < 2
        looked += len(now)
        before = now
        filled.append(DayFilled(TODAY + timedelta(days=len(filled)), units, units * Decimal("17.123"), Decimal("3.07")))
    assert before == targets
    assert looked > accounts
    for filled_day, parts in days(segments, filled):
        assert sum(part.units for part in parts.values()) == filled_day.units
        assert sum(part.amount for part in parts.values()) == to_cent(filled_day.amount)
        assert sum(part.costs for part in parts.values()) == filled_day.costs
        for part in parts.values():
            fair = filled_day.amount * part.units / filled_day.units
            assert abs(part.amount - fair) < Decimal("0.02")


@pytest.mark.parametrize("seed", range(8))
def test_busts_lead_where_the_corrected_fills_would_have(seed: int) -> None:
    """ALLOC-7: booked, busted, booked again: the books' sum is what the corrected fills alone give."""
    random = Random(seed)
    segments = (allocation.segment(f"B-{seed:06d}", 1, 0, _targets(random, 40)),)
    cuts = sorted(random.sample(range(1, segments[0].total), 4))
    sizes = [after - at for at, after in zip([0, *cuts], cuts, strict=False)]
    filled = [DayFilled(TODAY + timedelta(days=n), size, size * Decimal("9.37")) for n, size in enumerate(sizes)]
    books: dict[tuple[str, date], Part] = {}
    for _ in range(6):
        at = random.randrange(len(filled))
        kept = random.randint(0, filled[at].units)
        filled[at] = DayFilled(filled[at].day, kept, kept * Decimal("9.41"))
        now = list(days(segments, filled))
        for line in entries(books, now):
            had = books.get((line.account, line.day), Part())
            assert not line.reverses or line.part.units == -had.units
            books[line.account, line.day] = Part(had.units + line.part.units, had.amount + line.part.amount)
        standing = {key: part for key, part in books.items() if part != Part()}
        assert standing == {(account, day.day): part for day, parts in now for account, part in parts.items()}
        assert sum((part.amount for part in books.values()), ZERO) == sum((day.amount for day in filled), ZERO)


def _late(allocator: Allocator, blocks: int = 500) -> dict[str, float]:
    """By how many standard errors each account was behind pro rata, over many blocks filled in part."""
    random = Random(11)
    targets = {"large": 57, "middle": 23, "other": 23, "small": 5, "one": 1}
    behind: dict[str, list[Fraction]] = {account: [] for account in targets}
    for number in range(blocks):
        one = allocation.segment(f"B-{number:06d}", 1, 0, targets)
        filled = random.randint(1, one.total - 1)
        got = allocator(one, filled)
        for account, units in targets.items():
            behind[account].append(Fraction(units * filled, one.total) - got[account])
    return {
        account: fmean(map(float, each)) / (pstdev(map(float, each)) / blocks**0.5) for account, each in behind.items()
    }


def test_nobody_is_systematically_late() -> None:
    """ALLOC-2"""
    assert all(abs(errors) < 4 for errors in _late(allocated).values())


def _earliest_due(one: Segment, filled: int) -> Mapping[str, int]:
    """Without the drawn entry: the smallest always waits to the end."""
    return allocated(replace(one, entry=0), filled)


def _by_name(one: Segment, filled: int) -> Mapping[str, int]:
    """Floor, and what is left to the first by name."""
    got = {account: units * filled // one.total for account, units in one.targets}
    for account in sorted(got)[: filled - sum(got.values())]:
        got[account] += 1
    return got


@pytest.mark.parametrize("biased", [_earliest_due, _by_name])
def test_a_biased_allocator_is_found(biased: Allocator) -> None:
    """The test above finds who is late where somebody is."""
    assert max(abs(errors) for errors in _late(biased).values()) > 6


def _taken_back(allocator: Allocator, blocks: int = 200) -> int:
    """In how many blocks some account has less after one more fill."""
    random, found = Random(7), 0
    for number in range(blocks):
        one = allocation.segment(f"B-{number:06d}", 1, 0, _targets(random, 9, most=30))
        course = [allocator(one, filled) for filled in range(one.total + 1)]
        found += any(after[account] < at[account] for at, after in pairwise(course) for account in at)
    return found


def _largest_remainder(one: Segment, filled: int) -> Mapping[str, int]:
    got = {account: units * filled // one.total for account, units in one.targets}
    rest = {account: units * filled % one.total for account, units in one.targets}
    for account in sorted(got, key=lambda account: (-rest[account], account))[: filled - sum(got.values())]:
        got[account] += 1
    return got


def test_nothing_is_taken_back_where_largest_remainder_would() -> None:
    """ALLOC-2: at every single fill of every block."""
    assert _taken_back(allocated) == 0
    assert _taken_back(_largest_remainder) > 100


@settings(max_examples=80, deadline=None)
@given(TARGETS, st.integers(1, 7), st.data())
def test_in_lots_at_most_one_is_in_part(targets: dict[str, int], lot: int, data: st.DataObject) -> None:
    """ALLOC-6: an account's own last lot may be short, whenever its turn comes; less than 3 lots from pro rata."""
    one = allocation.segment("B-000009", 1, 0, targets, lot)
    filled = data.draw(st.integers(0, one.total))
    got = allocated(one, filled)
    assert sum(got.values()) == filled
    odd = [account for account, units in got.items() if units % lot not in (0, targets[account] % lot)]
    assert len(odd) <= 1
    assert all(abs(got[each] - Fraction(units * filled, one.total)) < 3 * lot for each, units in targets.items())
    assert allocated(one, one.total) == targets
    assert all(got[account] <= units for account, units in allocated(one, min(filled + 1, one.total)).items())


def test_short_last_lots_take_no_turn_of_a_whole_one() -> None:
    """ALLOC-6: many accounts of one share more than a lot, beside a large one: nobody is far from pro rata anywhere."""
    targets = {"large": 400} | {f"A-{number:02d}": 11 for number in range(20)}
    one = allocation.segment("B-000001", 1, 0, targets, 10)
    before = dict.fromkeys(targets, 0)
    for filled in range(one.total + 1):
        got = allocated(one, filled)
        assert sum(got.values()) == filled
        for account, units in targets.items():
            assert before[account] <= got[account] <= units
            assert abs(got[account] - Fraction(units * filled, one.total)) < 20
        before = dict(got)
    assert before == targets


def test_what_cannot_be_allocated_is_refused() -> None:
    one = allocation.segment("B-000001", 1, 0, {"A": 3})
    with pytest.raises(ValueError, match="4 filled of 3"):
        allocated(one, 4)
    with pytest.raises(ValueError, match="at least one unit"):
        allocation.segment("B-000001", 1, 0, {"A": 0})
    with pytest.raises(ValueError, match="whole cents"):
        split(Decimal("0.001"), {"A": 1}, "B-000001/1")
    with pytest.raises(ValueError, match="over no units"):
        split(Decimal(1), {}, "B-000001/1")


@pytest.mark.parametrize(
    ("units", "amount", "booked"),
    [
        (10, "100", {1: (10, "100")}),  # a fill is of the day that the venue says
        (0, "5", {1: (0, "5")}),  # a dearer price: of the newest day
        (-20, "-200", {1: (-20, "-200")}),
        (-80, "-800", {0: (-80, "-800")}),  # the newest day has no 80
        (-150, "-1500", {0: (-100, "-1000"), 1: (-50, "-500")}),  # nor has any 150: all is of the newest now
        (-170, "-1700", {0: (-100, "-1000"), 1: (-70, "-700")}),
    ],
)
def test_what_is_changed_is_of_a_day_that_can_bear_it(
    units: int, amount: str, booked: dict[int, tuple[int, str]]
) -> None:
    """ALLOC-3, ALLOC-7: no day is left with less than nothing, or with money and no shares."""
    had = {TODAY: Part(100, Decimal(1000)), TODAY + timedelta(days=1): Part(70, Decimal(700))}
    found = dated(had, Part(units, Decimal(amount)), TODAY + timedelta(days=1))
    assert found == {TODAY + timedelta(days=at): Part(n, Decimal(cash)) for at, (n, cash) in booked.items()}


def test_a_price_alone_changes_no_day_that_has_nothing() -> None:
    had, later = {TODAY: Part(100, Decimal(1000))}, TODAY + timedelta(days=3)
    assert dated(had, Part(0, Decimal(5)), later) == {TODAY: Part(0, Decimal(5))}
    assert dated(had, Part(costs=Decimal(2)), later) == {TODAY: Part(costs=Decimal(2))}  # told when the day was over
    assert dated({}, Part(-5, Decimal(-50)), TODAY) == {TODAY: Part(-5, Decimal(-50))}  # nothing can be taken of it
