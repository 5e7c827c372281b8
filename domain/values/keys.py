"""Keys: the names of components and sleeves in plans and listings, and the one place that reads them.

`model:LCG` is both a component and its sleeve; `security:VTI` and `unassigned:VTI` are held by the `managed` sleeve.
"""

from functools import lru_cache
from typing import Literal, NamedTuple, cast

MANAGED = "managed"
PROTECTED = "protected"
CASH = "cash"

Kind = Literal["model", "security", "unassigned", "cash", "managed", "protected"]


class Named(NamedTuple):
    """What a key names: its kind, and the model's id or the symbol (empty for cash and the managed sleeve)."""

    kind: Kind
    ref: str


@lru_cache(maxsize=1 << 16)
def named(key: str) -> Named:
    """What a key names."""
    kind, _, ref = key.partition(":")
    return Named(cast(Kind, kind), ref)


def model_key(model_id: str) -> str:
    """The name of a model's sleeve and component: `model:LCG`."""
    return f"model:{model_id}"


def security_key(symbol: str) -> str:
    """The name of a security component: `security:VTI`."""
    return f"security:{symbol}"


def unassigned_key(symbol: str) -> str:
    """The name of a managed-sleeve holding that the target does not name: `unassigned:VTI`."""
    return f"unassigned:{symbol}"
