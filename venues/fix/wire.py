"""A FIX message as pairs of tag and value, in their order. Knows no engine: what tests and gateway read alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

SOH = "\x01"
# In which order the tags of a group's entry go, by the tag that counts them: the first begins each entry. The outbox
# keeps none of it.
GROUPS = {73: (11, 37, 38), 78: (79, 80, 467, 81, 161, 12, 13, 153, 154)}


class Unreadable(ValueError):
    """A field of a message that is not what its tag says."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What a message says; where a tag comes several times, `get` gives the first."""

    pairs: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, raw: str) -> "Fields":
        """The fields of a message as it came over the wire. Raises Unreadable."""
        pairs = []
        for each in raw.split(SOH):
            tag, there, value = each.partition("=")
            if not each:
                continue
            if not there or not tag.isdigit():
                raise Unreadable(f'"{each[:40]}" is no field')
            pairs.append((int(tag), value))
        return cls(tuple(pairs))

    def get(self, tag: int) -> str | None:
        """A field's text, or None."""
        return next((value for found, value in self.pairs if found == tag), None)

    def number(self, tag: int) -> Decimal | None:
        """A field that is a number, or None. Raises Unreadable."""
        told = self.get(tag)
        if told is None:
            return None
        try:
            number = Decimal(told)
        except InvalidOperation:
            raise Unreadable(f"{tag}={told} is no number") from None
        if not number.is_finite():
            raise Unreadable(f"{tag}={told} is no number")
        return number

    def day(self, tag: int) -> date | None:
        """A field that is a day, like 20261120. Raises Unreadable."""
        told = self.get(tag)
        try:
            return None if told is None else datetime.strptime(told, "%Y%m%d").date()  # noqa: DTZ007
        except ValueError:
            raise Unreadable(f"{tag}={told} is no day") from None

    def moment(self, tag: int) -> datetime | None:
        """A field that is a moment in UTC, like 20261120-15:00:00.123. Raises Unreadable."""
        told = self.get(tag)
        try:
            return None if told is None else datetime.fromisoformat(f"{_iso(told)}+00:00")
        except ValueError:
            raise Unreadable(f"{tag}={told} is no moment") from None

    def group(self, first: int, tags: frozenset[int]) -> Iterator["Fields"]:
        """The entries of a repeating group: each begins with `first`, and holds only `tags`."""
        entry: list[tuple[int, str]] = []
        for tag, value in self.pairs:
            if tag == first or (entry and tag not in tags):
                if entry:
                    yield Fields(tuple(entry))
                entry = []
            if tag == first or entry:
                entry.append((tag, value))
        if entry:
            yield Fields(tuple(entry))


def _iso(told: str) -> str:
    """As `fromisoformat` reads it: brokers give no, three, six or nine digits of a second."""
    day, _, time = told.partition("-")
    whole, _, part = time.partition(".")
    return f"{day}T{whole}" + (f".{part[:6]:0<6}" if part else "")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be sent: type, fields, and the entries of its groups by the tag that counts them."""

    kind: str
    fields: Mapping[int, str]
    groups: Mapping[int, Sequence[Mapping[int, str]]] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """As the outbox keeps it."""
        return {
            "fields": {str(tag): value for tag, value in self.fields.items()},
            "groups": {
                str(tag): [{str(each): value for each, value in entry.items()} for entry in entries]
                for tag, entries in self.groups.items()
            },
        }

    @classmethod
    def kept(cls, kind: str, told: Mapping[str, Mapping[str, object]]) -> "Outgoing":
        """What the outbox kept."""
        groups: dict[int, list[dict[int, str]]] = {}
        for tag, entries in told["groups"].items():
            groups[int(tag)] = [{int(each): str(value) for each, value in entry.items()} for entry in entries]  # type: ignore[attr-defined]
        return cls(kind, {int(tag): str(value) for tag, value in told["fields"].items()}, groups)
