"""What is worked out of immutable values once, and remembered while the same objects come again.

A target, a model or a price set serves thousands of accounts: its tables are made once for each, not once an account.
The key is the objects' identity, and the memory keeps them alive, so that an identity is never another object's.
"""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from typing import TypeVar

ResultT = TypeVar("ResultT")
REMEMBERED = 512  # results; then all is forgotten, which costs a little time and nothing else


def remembered(function: Callable[..., ResultT]) -> Callable[..., ResultT]:
    """The function, asked once for the same objects. Neither they nor the result, which is shared, may change."""
    known: dict[int | tuple[int, ...], tuple[tuple[object, ...], ResultT]] = {}

    def work_out(key: int | tuple[int, ...], given: tuple[object, ...]) -> ResultT:
        if len(known) >= REMEMBERED:
            known.clear()
        known[key] = given, (result := function(*given))
        return result

    @wraps(function)
    def ask(*given: object) -> ResultT:
        key = tuple(map(id, given))
        found = known.get(key)
        return work_out(key, given) if found is None else found[1]

    @wraps(function)
    def ask_of_one(given: object) -> ResultT:
        found = known.get(id(given))
        return work_out(id(given), (given,)) if found is None else found[1]

    @wraps(function)
    def ask_of_two(one: object, other: object) -> ResultT:
        key = id(one), id(other)
        found = known.get(key)
        return work_out(key, (one, other)) if found is None else found[1]

    kinds = [each.kind for each in signature(function).parameters.values()]
    if kinds == [Parameter.POSITIONAL_OR_KEYWORD]:
        return ask_of_one
    return ask_of_two if kinds == [Parameter.POSITIONAL_OR_KEYWORD] * 2 else ask  # the usual ones, asked quickly
