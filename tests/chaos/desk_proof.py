"""What has to be true of blocks after a chaos run, by the venue's ledger and the custodian's (BLOCK-1 to ALLOC-8)."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import select, text

from domain.values.money import ZERO
from reading.record.block_recompute import reallocate
from storage.connection import Transaction
from storage.schema.desk import (
    block_allocations,
    block_leavings,
    block_orders,
    blocks,
    desk_legs,
    paper_allocations,
    paper_block_orders,
)

WORDS = ("FILLED", "PARTIALLY_FILLED", "REJECTED", "CANCELED", "EXPIRED")
BY_FIX = text("SELECT count(*) FROM fix.orders WHERE filled_quantity > 0")


@dataclass(frozen=True, slots=True)
class DeskRecords:
    """Blocks as we have them, and as the venue and its custodian do."""

    blocks: Mapping[str, Any] = field(default_factory=dict)
    children: list[Any] = field(default_factory=list)
    at_venue: Mapping[str, Any] = field(default_factory=dict)
    parts: list[Any] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)  # what the custodian has been told, and took
    leavings: list[Any] = field(default_factory=list)
    legs: Mapping[tuple[str, int], Any] = field(default_factory=dict)  # those in blocks
    recomputed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_fix: int = 0  # orders that were filled through the session


def read(books: Transaction) -> DeskRecords:
    """Everything, in an open transaction."""

    def all_(table: Any) -> list[Any]:
        return list(books.execute(select(table)))

    made = {row.id: row for row in all_(blocks)}
    return DeskRecords(
        blocks=made,
        children=all_(block_orders),
        at_venue={row.client_order_id: row for row in all_(paper_block_orders)},
        parts=all_(block_allocations),
        told=[row for row in all_(paper_allocations) if row.refusal is None],
        leavings=all_(block_leavings),
        legs={(row.rebalance_id, row.leg): row for row in all_(desk_legs) if row.block_id is not None},
        recomputed={each: reallocate(books, each).wrong for each in made},
        by_fix=int(books.connection.scalar(BY_FIX) or 0),
    )


def blocks_agree(desk: DeskRecords, lost: frozenset[str]) -> Iterator[str]:
    """Every block has ended, and its orders are the venue's, once each; the venue has none that we do not know."""
    ours = {each.client_order_id: each for each in desk.children}
    for name in desk.at_venue.keys() - ours.keys() - lost:
        yield f"{name}: only the venue knows it"
    for name, child in ours.items():
        unit, there = desk.blocks[child.block_id].unit, desk.at_venue.get(name)
        here = (child.status, child.filled_units * unit, child.filled_amount)
        if child.status not in WORDS:
            yield f"{name}: is {child.status}"
        elif there is None:
            if child.filled_units:
                yield f"{name}: {child.status} here, and the venue never had it"
        elif here[1:] != (there.filled_quantity, there.filled_amount):
            yield f"{name}: {here} here, {there.status} {there.filled_quantity} {there.filled_amount} there"
    for each in desk.blocks.values():
        if each.status != "ENDED":
            yield f"{each.id}: {each.status}"


def blocks_allocated(desk: DeskRecords, lost: frozenset[str]) -> Iterator[str]:
    """What a block filled is its accounts', to the share and the cent, and each computes it again (ALLOC-8)."""
    shares: dict[str, Decimal] = defaultdict(Decimal)
    money: dict[str, Decimal] = defaultdict(Decimal)
    for each in desk.parts:
        shares[each.block_id] += each.units * desk.blocks[each.block_id].unit
        money[each.block_id] += each.amount
    for name, block in desk.blocks.items():
        mine = [each for each in desk.children if each.block_id == name]
        filled = sum((each.filled_units for each in mine), 0) * block.unit
        amount = sum((each.filled_amount for each in mine), ZERO)
        if (shares[name], money[name]) != (filled, amount):
            yield f"{name}: {filled} filled for {amount}, allocated {shares[name]} for {money[name]}"
        yield from (f"{name}: {told}" for told in desk.recomputed[name])


def custodian_told_once(desk: DeskRecords, lost: frozenset[str]) -> Iterator[str]:
    """The custodian has of every account what was booked of its blocks, once."""
    if lost:  # what was told between backup and restore is nobody's here; the ledgers are compared all the same
        return
    booked: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for each in desk.parts:
        if each.state == "BOOKED":
            booked[each.block_id, each.account_id] += each.units * desk.blocks[each.block_id].unit
    told: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for each in desk.told:
        told[each.alloc_id.partition("/")[0], each.account_id] += each.quantity
    for key in booked.keys() | told.keys():
        if booked[key] != told[key]:
            yield f"{key[1]} in {key[0]}: booked {booked[key]}, the custodian has {told[key]}"


def moved(desk: DeskRecords) -> Iterator[tuple[str, str, Decimal, Decimal]]:
    """By account and symbol the shares and the cash that allocations moved at the custodian."""
    for each in desk.told:
        sign = 1 if each.side == "buy" else -1
        yield each.account_id, each.symbol, sign * each.quantity, -sign * each.amount


DESK_CHECKS: dict[Callable[[DeskRecords, frozenset[str]], Iterator[str]], Callable[[DeskRecords], int]] = {
    blocks_agree: lambda desk: len(desk.children),
    blocks_allocated: lambda desk: len(desk.parts),
    custodian_told_once: lambda desk: len(desk.told),
}
