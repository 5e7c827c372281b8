"""Blocks: which orders go to the venue as one, who takes part in it, and what it means to leave.

Asked when a desk forms and releases its blocks, when an account leaves one, and at a day's end. How a block's fills are
divided is `allocation`'s business.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from functools import reduce
from hashlib import sha256
from operator import sub
from typing import Any, Literal

from domain.executing import allocation
from domain.executing.allocation import Part, Segment
from domain.values.money import ONE, plain
from domain.values.record import record
from domain.values.rules import Rule

BLOCK_1 = Rule(
    "BLOCK-1",
    "One block per venue, security, side and order terms at a time; what comes later forms the next one.",
)
BLOCK_2 = Rule("BLOCK-2", "A block has whole increments only; an account's fractional tail stays an order of its own.")
BLOCK_3 = Rule(
    "BLOCK-3",
    "Who takes part in a block with how many units is stated and recorded before anything is sent, and changed only by "
    "an account that leaves.",
)
BLOCK_4 = Rule(
    "BLOCK-4",
    "Sell blocks first: an account joins buy blocks once its own sells have their last word, on its own cash alone.",
)
BLOCK_5 = Rule(
    "BLOCK-5",
    "Who leaves a released block takes out what the venue confirms to reduce; those who stay share what is filled from "
    "then on by what each lacks.",
)
BLOCK_6 = Rule(
    "BLOCK-6",
    "What a day leaves unfilled goes on as the same block's next child order, or ends, as the venue's terms say.",
)
BLOCK_7 = Rule("BLOCK-7", "Whose allocation its custodian refuses has a break on its account; the others are booked.")
ROT_1 = Rule(
    "ROT-1", "Several custodians are sent to in turn; who is first moves on by one with every version of the model."
)

Side = Literal["sell", "buy"]


@record
class Offer:
    """A leg that an account's rebalance hands over to its venue's desk. `price` is the limit."""

    account: str
    rebalance_id: str
    leg: int
    side: Side
    symbol: str
    quantity: Decimal
    increment: Decimal
    price: Decimal


@record
class Member:
    """An account's part of a block, in units, and the tail that is an order of its own, in shares (BLOCK-2)."""

    offer: Offer
    units: int
    tail: Decimal


@record
class Block:
    """One order for many: `unit` is how many shares a unit is."""

    side: Side
    symbol: str
    price: Decimal
    unit: Decimal
    members: tuple[Member, ...]

    @property
    def units(self) -> int:
        """The units of all members."""
        return sum(each.units for each in self.members)


def unit_of(increment: Decimal) -> Decimal:
    """The shares that a block trades in: whole ones where the security allows it, else its own increment (BLOCK-2)."""
    return ONE if ONE % increment == 0 else increment


def divided(quantity: Decimal, unit: Decimal) -> tuple[int, Decimal]:
    """A quantity as whole units and the tail that is left of it (BLOCK-2)."""
    units = int((quantity / unit).to_integral_value(ROUND_FLOOR))
    return units, quantity - units * unit


def formed(offers: Iterable[Offer]) -> tuple[Block, ...]:
    """The blocks of the offers that one desk has now: sells first, then by security and limit (BLOCK-1, BLOCK-4).

    An account is in a block once: where it offers the same twice, the later leg waits for the next one. Offers of less
    than a unit form none.
    """
    alike: dict[tuple[bool, str, Decimal, Decimal], dict[str, Member]] = defaultdict(dict)
    for each in sorted(offers, key=lambda offer: (offer.account, offer.rebalance_id, offer.leg)):
        unit = unit_of(each.increment)
        units, tail = divided(each.quantity, unit)
        key = (each.side == "buy", each.symbol, each.price, unit)
        if units and each.account not in alike[key]:
            alike[key][each.account] = Member(each, units, tail)
    return tuple(
        Block("buy" if buy else "sell", symbol, price, unit, tuple(members.values()))
        for (buy, symbol, price, unit), members in sorted(alike.items(), key=lambda item: item[0])
        if members
    )


def joins(legs: Iterable[tuple[Side, bool]]) -> Side | None:
    """Which of an account's legs may be in blocks now, by side and whether each has its last word (BLOCK-4)."""
    open_sides = {side for side, ended in legs if not ended}
    return "sell" if "sell" in open_sides else "buy" if open_sides else None


def without(block: Block, account: str) -> Block:
    """The block before its release without an account (BLOCK-5)."""
    return replace(block, members=tuple(each for each in block.members if each.offer.account != account))


def lot_of(shares: Decimal | None, unit: Decimal) -> int:
    """The units of a lot of so many shares, which has one at least; 1 where de minimis is off (ALLOC-6)."""
    return 1 if shares is None else max(1, divided(shares, unit)[0])


def statement(block_id: str, venue: str, block: Block, lot: int = 1) -> dict[str, Any]:
    """What is kept and recorded before anything is sent (BLOCK-3), with its digest; the lot where there is one."""
    told: dict[str, Any] = {
        "block_id": block_id,
        "venue": venue,
        "side": block.side,
        "symbol": block.symbol,
        "price": plain(block.price),
        "unit": plain(block.unit),
        "total": block.units,
        **({"lot": lot} if lot > 1 else {}),
        "accounts": [
            {
                "account_id": each.offer.account,
                "rebalance_id": each.offer.rebalance_id,
                "leg": each.offer.leg,
                "units": each.units,
            }
            for each in sorted(block.members, key=lambda member: member.offer.account)
        ],
    }
    return told | {"digest": digest(told)}


def digest(told: Mapping[str, Any]) -> str:
    """The SHA-256 of a statement: the same for the same accounts, targets and terms, whatever stored it."""
    heads = [str(told[key]) for key in ("block_id", "venue", "side", "symbol", "price", "unit", "total")]
    heads += [f"lot {told['lot']}"] if "lot" in told else []
    lines = [f"{each['account_id']}|{each['rebalance_id']}|{each['leg']}|{each['units']}" for each in told["accounts"]]
    return sha256("\n".join(["|".join(heads), *lines]).encode()).hexdigest()


def first_segment(told: Mapping[str, Any]) -> Segment:
    """The segment that a statement begins with (ALLOC-1)."""
    targets = {each["account_id"]: int(each["units"]) for each in told["accounts"]}
    return allocation.segment(told["block_id"], 1, 0, targets, told.get("lot", 1))


def rests(segments: Sequence[Segment], filled: int) -> dict[str, int]:
    """What each account still lacks after so many units are filled: for who lacks any."""
    ends, now = allocation.cumulative(segments, allocation.capacity(segments)), allocation.cumulative(segments, filled)
    return {account: ends[account] - now[account] for account in ends if ends[account] > now[account]}


def left(block_id: str, segments: Sequence[Segment], account: str, asked_at: int, reduced: int) -> tuple[Segment, ...]:
    """The block's segments after the venue answered a leaving (BLOCK-5).

    `asked_at` is the cumulative fill when it was asked, `reduced` the units that it confirms to have taken out: none
    where it refused, and nothing changes; fewer than the rest, and the account stays with the others. Raises ValueError
    for more than the account lacked then.
    """
    lacking = rests(segments, asked_at)
    if not 0 <= reduced <= lacking.get(account, 0):
        raise ValueError(f"{block_id}: {account} lacked {lacking.get(account, 0)} units, not {reduced}")
    if not reduced:
        return tuple(segments)
    return begun_anew(block_id, segments, asked_at, lacking, {account: reduced})


def begun_anew(
    block_id: str, segments: Sequence[Segment], at: int, lacking: Mapping[str, int], less: Mapping[str, int]
) -> tuple[Segment, ...]:
    """The segments with a new one from a cumulative fill on, of what each lacks less what it is relieved of.

    Units that don't leave the block are moved: what one is relieved of, another lacks more (ALLOC-9).
    """
    moved = tuple(less.items()) if not sum(less.values()) else ()
    rest = {account: lacking.get(account, 0) - less.get(account, 0) for account in lacking.keys() | less.keys()}
    number = int(segments[-1].name.rpartition("/")[2]) + 1
    targets = {account: units for account, units in rest.items() if units}
    new = allocation.segment(block_id, number, at, targets, segments[0].lot)
    return in_force((*segments, replace(new, moved=moved)))


def in_force(begun: Iterable[Segment]) -> tuple[Segment, ...]:
    """Of all segments that were ever begun, in their order, those that count: one that begins where a later one does
    was never filled. The first stays, as it says what was ordered; so does what a departure moved.
    """
    kept: list[Segment] = []
    for new in begun:
        at = new.starts_at
        kept = [
            each
            for number, each in enumerate(kept)
            if each.starts_at < at or not number or (each.moved and each.starts_at == at)
        ]
        kept.append(new)
    return tuple(kept)


def child(block_id: str, day: int) -> str:
    """The name of a block's order on its first, second, … day: `B-000001`, `B-000001/2` (BLOCK-6)."""
    return block_id if day == 1 else f"{block_id}/{day}"


def child_order_id(epoch: str, block_id: str, day: int) -> str:
    """The name of a block's child at the venue (EXEC-1): nothing of an account's own order has a name like it."""
    return f"{epoch}-{block_id}-{day:03d}"


def alloc_id(block_id: str, day: date, revision: int | None, epoch: str | None) -> str:
    """The name of what a custodian is told of a block's trade date (FIX-8): both, and which revision where it is not
    the first of the day. `epoch` is that in which the block was stated, where it is not the installation's first: after
    a restore numbers of blocks are given twice.
    """
    told = [block_id, f"{day:%Y%m%d}", str(revision or ""), epoch or ""]
    return "/".join(each for each in told if each)


def is_child(client_order_id: str) -> bool:
    """True of what `child_order_id` made."""
    return _CHILD.search(client_order_id) is not None


_CHILD = re.compile(r"-B-[0-9]+-[0-9]{3,}$")


def dated(had: Mapping[date, Part], more: Part, day: date) -> dict[date, Part]:
    """Of which trade dates it is that an order has so much more than it `had` (ALLOC-3).

    A fill is of the venue's `day`. What takes back or changes fills or costs is of the newest day that has as much;
    where none has, all that the order filled is of its newest day now (ALLOC-7).
    """
    for each in [day] if more.units > 0 else sorted(had, reverse=True):
        if _is_a_day(had.get(each, Part()) + more):
            return {each: more}
    newest = max({*had, day} if more.units > 0 else had, default=day)
    found = {each: Part() - there for each, there in had.items() if each != newest}
    return found | {newest: reduce(sub, found.values(), more)}


def _is_a_day(filled: Part) -> bool:
    """True of what can be allocated: units for an amount, at some costs or none, or nothing for nothing."""
    return (filled.units > 0 and filled.amount >= 0) or filled == Part()


def carried(segments: Sequence[Segment], filled: int, unfilled: Literal["end", "carry"]) -> int:
    """The units of the next day's child; none where all is filled or the terms let the rest end (BLOCK-6)."""
    return allocation.capacity(segments) - filled if unfilled == "carry" else 0


def in_turn(custodians: Iterable[str], model_version: int) -> tuple[str, ...]:
    """In which order several custodians are sent a model's new version (ROT-1)."""
    named = sorted(set(custodians))
    first = model_version % len(named) if named else 0
    return (*named[first:], *named[:first])
