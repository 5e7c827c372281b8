"""A block's trade dates in its accounts: allotted by the rule, told to the custodian, booked where it took them.

    allocate ──► entries, GIVEN ──► give_over: the custodian's answers ──► settle: last words, the next day's child

An account's orders have filled what was booked; its books follow when its rebalance ends, lot by lot by trade date.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any

from activities.context import Desk, actor
from domain.executing import allocation, departures
from domain.executing import blocks as rules
from domain.executing.allocation import ALLOC_3, ALLOC_7, Part, Segment
from domain.executing.departures import Departure, DepartureRefused
from domain.executing.reconciliation import Break
from domain.values.money import ZERO, cents, plain
from storage.connection import Transaction
from storage.desk.blocks import cumulative
from storage.record.audit import AuditEntry
from venues.port import Allotted, Instruction

LAPSED = "nobody approved it before the day was booked"


def worked_out(desk: Desk, block_id: str) -> None:
    """Works a block's queue out, which is kept, before a transaction asks for it: of millions of shares it takes
    seconds, in which nothing is to be held.
    """
    with desk.books.transaction(actor()) as books:
        filled = cumulative(books.blocks.children(block_id))
        segments = books.blocks.segments(block_id)
    if segments and filled <= allocation.capacity(segments):
        allocation.cumulative(segments, filled)


def allocate(desk: Desk, block_id: str, departs: bool = True) -> None:
    """Writes down each account's part of what is filled, with what is taken back of before (ALLOC-3, ALLOC-7).

    `departs`: a day is over, with the departure that was approved for it.
    """
    worked_out(desk, block_id)
    with desk.books.transaction(actor()) as books:
        row = books.blocks.get(block_id, lock=True)
        children = books.blocks.children(block_id)
        filled = cumulative(children)
        segments = _departed(desk, books, row, children, filled) if departs else books.blocks.segments(block_id)
        days = [each for each in books.blocks.days(block_id) if each.units or each.amount or each.costs]
        lines = allocation.entries(books.allocations.allotted(block_id), list(allocation.days(segments, days)))
        books.allocations.give(block_id, lines, desk.now())
        members = {each.account_id: each.rebalance_id for each in books.blocks.members(block_id)}
        totals = _totals(books, block_id)
        told = allocation.sentences(
            block_id, row.symbol, segments, filled, {line.account: totals[line.account] for line in lines}, row.unit
        )
        books.audit.record_all(
            AuditEntry(
                "allocation taken back" if line.reverses else "allocated",
                account_id=line.account,
                rebalance_id=members.get(line.account),
                rule=(ALLOC_7 if line.reverses else ALLOC_3).code,
                after={
                    "block_id": block_id,
                    "trade_date": str(line.day),
                    "shares": plain(line.part.units * row.unit),
                    "amount": cents(line.part.amount),
                    **({"costs": cents(line.part.costs)} if line.part.costs else {}),
                    "told": told[line.account],
                },
            )
            for line in lines
        )


def _departed(desk: Desk, books: Transaction, row: Any, children: Any, filled: int) -> tuple[Segment, ...]:
    """The segments, with the day's departure in them where one is approved; else it lapses (ALLOC-9)."""
    segments = books.blocks.segments(row.id)
    for each in books.allocations.departures(row.id, open_only=True):
        before = filled - children[-1].filled_units
        if each.approved_by is None or each.day != children[-1].day:
            books.allocations.lapsed(each, LAPSED, desk.now())
            continue
        wanted = Departure(each.moves, each.why, each.asked_by, each.approved_by)
        try:
            segments = departures.departed(row.id, segments, before, filled, wanted)
        except DepartureRefused as flaw:
            books.allocations.lapsed(each, str(flaw), desk.now())
            continue
        books.blocks.begin_segments(row.id, segments)
        books.allocations.departed(each, before, filled, desk.now())
    return segments


def _totals(books: Transaction, block_id: str) -> Mapping[str, Part]:
    totals: dict[str, Part] = defaultdict(Part)
    for (account, _), part in books.allocations.allotted(block_id).items():
        totals[account] += part
    return totals


def give_over(desk: Desk, block_id: str) -> bool:
    """Tells the custodian what it was not told; False where it has not answered yet.

    Who is refused has a break, and the others are booked (BLOCK-7).
    """
    with desk.books.transaction(actor()) as books:
        row = books.blocks.get(block_id)
        told: dict[tuple[int, date], dict[str, Allotted]] = defaultdict(dict)
        for each in books.allocations.given(block_id):
            part = Part(each.units, each.amount, each.costs)
            told[each.revision, each.trade_date][each.account_id] = _allotted(part, row)
        instructions = [
            (revision, _instruction(books, row, revision, day, told[revision, day])) for revision, day in told
        ]
    for revision, each in instructions:
        said = desk.venues.venue(row.venue).allocate(each)
        if said is None:
            return False
        with desk.books.transaction(actor()) as books:
            books.blocks.get(block_id, lock=True)
            books.allocations.answered(block_id, revision, each.day, said)
            _refused(books, row, {account: why for account, why in said.items() if why is not None})
            for its in books.allocations.otherwise(block_id):  # of rebalances that have ended meanwhile
                had, has = (its.told, its.told_cash), (its.filled_quantity, its.cash)
                books.breaks.changed_fill(its.account_id, its.rebalance_id, row.symbol, had, has)
    return True


def _instruction(
    books: Transaction, row: Any, revision: int, day: date, accounts: Mapping[str, Allotted]
) -> Instruction:
    """What the custodian is told of a trade date: what changes, and what each account has of it then."""
    revisions = books.allocations.revisions(row.id, day)
    stated = books.blocks.children(row.id)[0].client_order_id.partition("-")[0]
    epoch = None if stated == books.epochs.first() else stated
    names = {
        each: rules.alloc_id(row.id, day, None if each == revisions[0] else each, epoch)
        for each in sorted({*revisions, revision})
    }
    return Instruction(
        alloc_id=names[revision],
        block=row.id,
        day=day,
        orders=books.blocks.traded(row.id, day),
        side=row.side,
        symbol=row.symbol,
        accounts=accounts,
        whole={
            account: _allotted(part, row) for account, part in books.allocations.taken(row.id, day, revision).items()
        },
        before=[name for each, name in names.items() if each < revision],
    )


def _allotted(part: Part, row: Any) -> Allotted:
    return Allotted(part.units * row.unit, part.amount, part.costs)


def _refused(books: Transaction, row: Any, refused: Mapping[str, str]) -> None:
    """Opens a break on each account whose allocation the custodian refused (BLOCK-7)."""
    if not refused:
        return
    members = {each.account_id: each.rebalance_id for each in books.blocks.members(row.id)}
    allotted, has = dict.fromkeys(refused, ZERO), dict.fromkeys(refused, ZERO)
    for each in books.allocations.of(row.id):
        if each.account_id in refused:
            allotted[each.account_id] += each.units * row.unit
            has[each.account_id] += each.units * row.unit if each.state == "BOOKED" else ZERO
    for account, why in sorted(refused.items()):
        found = Break("allocation", row.symbol, allotted[account], has[account])
        books.breaks.open(account, members.get(account), [found])
        books.audit.record(
            "allocation refused",
            account_id=account,
            rebalance_id=members.get(account),
            rule=rules.BLOCK_7.code,
            after={"block_id": row.id, "shares": plain(allotted[account]), "why": why},
        )


def settle(desk: Desk, block_id: str) -> bool:
    """The last word of who has all it will get; what is unfilled is carried on, or ends (BLOCK-6).

    True where the block has ended, and others wait for one of its terms.
    """
    with desk.books.transaction(actor()) as books:
        row = books.blocks.get(block_id, lock=True)
        children = books.blocks.children(block_id)
        child, filled, now = children[-1], cumulative(children), desk.now()
        if row.status != "RELEASED" or child.allocated_at is not None or books.allocations.given(block_id):
            return False
        books.blocks.allocated(child, now)
        segments, terms = books.blocks.segments(block_id), desk.venues.terms(row.venue)
        carries = terms.blocks is not None and terms.blocks.carries and child.status != "REJECTED"
        left = rules.carried(segments, filled, "carry" if carries else "end")
        lacking = rules.rests(segments, filled) if left else {}
        why = child.venue_reason or "the block ended"
        leavings = {each.account_id: f"left the block: {each.why}" for each in books.blocks.leavings(block_id)}
        books.desk.end(
            [
                (leg.rebalance_id, leg.leg, leavings.get(leg.account_id, why))
                for leg in books.blocks.members(block_id)
                if leg.ended_at is None and leg.account_id not in lacking
            ],
            now,
        )
        if left:
            opens = terms.next_day(child.closes_at or now)  # none: it never was sent
            books.blocks.add_child(block_id, books.epochs.current(), child.day + 1, left, opens)
            return False
        open_units = allocation.capacity(segments) - filled
        books.blocks.end(block_id, why if open_units else None, now)
        return books.desk.reopen(row.venue, now)
