"""Records: values that nothing changes, as cheap to make as plain objects.

A plan makes some two hundred values. A frozen dataclass costs five times what a plain one does, as it guards every
field while it is made; a record is guarded by the type checker instead, which refuses to assign to its fields.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

RecordT = TypeVar("RecordT")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(described: type[RecordT]) -> type[RecordT]:
    """The class as a dataclass with slots: compared and hashed by its fields, which nobody may assign to."""
    return dataclass(slots=True, unsafe_hash=True)(described)
