"""Exact numbers: cents, increments, and how people read them. Everything is `Decimal`; nothing is a float."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal

ZERO = Decimal(0)
ONE = Decimal(1)
CENT = Decimal("0.01")
HALF_A_CENT = Decimal("0.005")
TIDY_STEP = Decimal("0.000000000001")
WEIGHT_STEP = Decimal("0.0000000001")

# Wide enough that sums and products of quantities, prices and weights of 28 digits each stay exact. Set by whoever
# decides, so that a caller's own context can't change a plan, nor be too narrow for the number of its cents.
EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN)
_quantize = EXACT.quantize  # looked up once: a plan rounds some hundred times, and looking it up takes as long


def to_cent(amount: Decimal) -> Decimal:
    """The amount to the nearest cent, halves to even."""
    return _quantize(amount, CENT)


def up_to_cent(amount: Decimal) -> Decimal:
    """The smallest number of cents that is not below the amount."""
    return amount.quantize(CENT, ROUND_CEILING, EXACT)


def down_to_cent(amount: Decimal) -> Decimal:
    """The largest number of cents that is not above the amount."""
    return amount.quantize(CENT, ROUND_FLOOR, EXACT)


def tidy(amount: Decimal) -> Decimal:
    """The amount without the last digits of a division, so that 599.999…9 is 600 before a quantity is rounded."""
    return _quantize(amount, TIDY_STEP)


def down_to_increment(quantity: Decimal, increment: Decimal) -> Decimal:
    """The largest multiple of the increment that is not above a quantity ≥ 0."""
    return (quantity / increment).to_integral_value(ROUND_DOWN) * increment


def up_to_increment(quantity: Decimal, increment: Decimal) -> Decimal:
    """The smallest multiple of the increment that is not below a quantity ≥ 0."""
    return (quantity / increment).to_integral_value(ROUND_CEILING) * increment


def share_out(total: Decimal, parts: Sequence[Decimal]) -> list[Decimal]:
    """Splits an amount over quantities in whole cents that sum to it exactly.

    Rounds the running total, so no part is off by more than a cent and the order of the parts decides alone.
    """
    whole = sum(parts, ZERO)
    shares: list[Decimal] = []
    before = run = ZERO
    for part in parts:
        run += part
        upto = to_cent(total * run / whole)
        shares.append(upto - before)
        before = upto
    return shares


def money(amount: Decimal) -> str:
    """An amount as people read it: `12,345.60`."""
    return f"{to_cent(amount):,}"


def percent(weight: Decimal) -> str:
    """A weight as people read it, to a hundredth of a point: `20.00 %`."""
    return f"{(weight * 100).quantize(CENT, ROUND_HALF_EVEN, EXACT)} %"


def plain(number: Decimal) -> str:
    """A quantity, price or weight without exponent and without trailing zeros: `0.2`, `12`."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def cents(amount: Decimal) -> str:
    """An amount for machines: always two decimals, no separators, no negative zero."""
    return f"{EXACT.add(to_cent(amount), ZERO):f}"


def weight_text(weight: Decimal) -> str:
    """A weight for machines: a fraction of one, two to ten decimals; nothing at all is `0`."""
    if not weight:
        return "0"
    text = plain(EXACT.add(weight.quantize(WEIGHT_STEP, ROUND_HALF_EVEN, EXACT), ZERO))
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"
