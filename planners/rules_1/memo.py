"""What is worked out of immutable values once, and remembered while the same objects come again.

A target, a model or a price set serves thousands of accounts: its tables are made once for each, not once an account.
The key is the objects' identity, and the memory keeps them alive, so that an identity is never another object's.
"""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

ResultT = TypeVar("ResultT")
REMEMBERED = 512  # results; then all is forgotten, which costs a little time and nothing else


def remembered(function: Callable[..., ResultT]) -> Callable[..., ResultT]:
    """The function, asked once for the same objects. Neither they nor the result, which is shared, may change."""
    known: dict[int | tuple[int, ...], tuple[tuple[object, ...], ResultT]] = {}

    @wraps(function)
    def ask(*given: object) -> ResultT:
        key = id(given[0]) if len(given) == 1 else tuple(map(id, given))
        found = known.get(key)
        if found is None:
            if len(known) >= REMEMBERED:
                known.clear()
            found = known[key] = given, function(*given)
        return found[1]

    return ask
