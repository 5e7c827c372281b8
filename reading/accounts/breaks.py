"""Differences between the books and the custodian (RECON-1)."""

from typing import Any

from reading.words import number


def break_in_words(each: Any) -> str:
    """`3, AAPL: the books have 10, the custodian 9`."""
    from domain.values.money import money, plain

    if each.kind == "cash":
        return f"{each.id}, cash: the books have {money(each.expected)}, the custodian {money(each.actual)}"
    books, custodian = (number(plain(value)) for value in (each.expected, each.actual))
    return f"{each.id}, {each.symbol}: the books have {books}, the custodian {custodian}"
