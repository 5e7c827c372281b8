"""Netting: what leaves the account of the trades of its sleeves (ORDER-2, ORDER-3)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from domain.planning.orders import Trade, net
from domain.values.snapshot import Security

D = Decimal
MARKET = {"X": Security("X", "X", D("0.0004"), date(2026, 11, 20))}
LARGE = Trade("model:N", "X", D(-124_950), "model:N")
DUST = Trade("model:M", "X", D(-8), "model:M")  # 0.0032: its part of what the order brings is 0.00


def test_a_sleeves_part_that_is_paid_with_nothing_stays_in_it() -> None:
    netted = net([LARGE, DUST], MARKET, D(0))
    assert [order.allocations for order in netted.orders] == [(LARGE,)]
    assert [order.allocations for order in netted.skipped] == [(DUST,)]


def test_what_completes_a_sale_goes_along() -> None:
    gone = replace(DUST, completes=True)
    netted = net([LARGE, gone], MARKET, D(0))
    assert [order.allocations for order in netted.orders] == [(gone, LARGE)]
