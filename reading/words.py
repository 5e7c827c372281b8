"""Values as people read them, the same words in a table, on a page and in a sentence."""

from datetime import UTC, datetime
from decimal import Decimal


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 record, 1,302 records."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def utc(at: datetime | None) -> str | None:
    """A moment as listings have it: ISO 8601 with a Z."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def moment(at: str | None) -> str:
    """A moment of a listing, like 2026-11-20T11:00:00Z, as tables show it."""
    return "" if at is None else at.replace("T", " ")


def amount(text: str | None) -> str:
    """An amount as people read it."""
    from domain.values.money import money

    return "" if text is None else money(Decimal(text))


def signed(text: str) -> str:
    """An amount with its sign: a gain or a loss."""
    return f"{'−' if Decimal(text) < 0 else '+'}{amount(str(abs(Decimal(text))))}"


def number(text: str) -> str:
    """A quantity or price with separators, as many decimals as it has."""
    return f"{Decimal(text):,f}"


def setting(value: object) -> str:
    """A number of the policy, which may be a yes or no, or a list."""
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def share(text: str) -> str:
    """A weight as people read it."""
    from domain.values.money import percent

    return percent(Decimal(text))
