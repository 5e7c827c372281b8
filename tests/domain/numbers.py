"""Numbers as cases and tests write them."""

from decimal import Decimal, InvalidOperation


def number(text: str | None) -> Decimal:
    """`-1,234.50` as a Decimal. Raises ValueError where it is none."""
    try:
        return Decimal((text or "").replace(",", ""))
    except InvalidOperation as flaw:
        raise ValueError(f'"{text}" is not a number') from flaw


def same(expected: str, actual: Decimal) -> bool:
    """True where the number is the expected one, to as many places as that gives."""
    wanted = number(expected)
    return wanted == actual.quantize(Decimal(1).scaleb(min(0, int(wanted.as_tuple().exponent))))
