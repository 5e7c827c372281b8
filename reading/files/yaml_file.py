"""YAML as books need it: exactly as written, without aliases and tags, and a large one an account at a time.

Read from the parser's events, so that nothing is held but what is asked for. Plain true, false, null and whole numbers
are such, everything else is the text written: YAML would make a float of 0.20, a date of 2026-11-20 and a boolean of
the ticker ON.
"""

import re
from collections.abc import Callable, Iterator
from typing import IO, Any

MAX_DEPTH = 50  # of lists in lists
ACCOUNTS = "accounts"
WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}
WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,15})")
Json = dict[str, Any]
Once = Callable[[list[tuple[str, Any]]], Json]


class YamlRefused(ValueError):
    """What is wrong with a file, behind "the file"."""


def read(source: str | bytes | IO[bytes], once: Once) -> Any:
    """The one document of a source. `once` makes an object of its pairs. Raises YamlRefused."""
    events = _Events(source)
    found = None if events.empty() else events.value(next(events), once)
    events.end()
    return found


def market(source: IO[bytes], once: Once) -> Any:
    """As `read`, of a large book: a list of accounts is passed over, and there as []."""
    events = _Events(source)
    if events.empty():
        return None
    first = next(events)
    if not _starts(first, "Mapping"):
        return events.value(first, once)
    pairs: list[tuple[str, Any]] = []
    for key in events.until("MappingEnd"):
        name, start = str(events.value(key, once)), next(events)
        if name == ACCOUNTS and _starts(start, "Sequence"):
            events.skip()
            pairs.append((name, []))
        else:
            pairs.append((name, events.value(start, once)))
    events.end()
    return once(pairs)


def accounts(source: IO[bytes], once: Once) -> Iterator[Any]:
    """The accounts of a book that `market` has read, one after the other."""
    events = _Events(source)
    events.empty()
    next(events)
    for key in events.until("MappingEnd"):
        name, start = str(events.value(key, once)), next(events)
        if name == ACCOUNTS:
            for item in events.until("SequenceEnd"):
                yield events.value(item, once)
        elif type(start).__name__.endswith("StartEvent"):
            events.skip()


class _Events:
    """The events of a stream; whatever a book may not have is refused as it comes by."""

    def __init__(self, source: str | bytes | IO[bytes]) -> None:
        import yaml

        self.flaw = yaml.YAMLError
        self.depth = 0
        self.events = iter(yaml.parse(source, Loader=yaml.CSafeLoader))

    def __iter__(self) -> "_Events":
        return self

    def __next__(self) -> Any:
        try:
            event = next(self.events)
        except self.flaw as flaw:
            mark = getattr(flaw, "problem_mark", None)
            said = " ".join(str(getattr(flaw, "problem", None) or flaw).split())
            raise YamlRefused(f"is not YAML: {said}{_where(mark)}") from flaw
        name = type(event).__name__
        if name == "AliasEvent":
            raise YamlRefused("uses YAML aliases (*name): write each value out")
        if getattr(event, "tag", None) is not None:
            raise YamlRefused("uses YAML tags (!name): write the value alone")
        if name in {"SequenceStartEvent", "MappingStartEvent"}:
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise YamlRefused("is nested too deeply")
        elif name in {"SequenceEndEvent", "MappingEndEvent"}:
            self.depth -= 1
        return event

    def empty(self) -> bool:
        """Goes to the first document; True where there is none."""
        next(self)
        return type(next(self)).__name__ == "StreamEndEvent"

    def end(self) -> None:
        """Goes to the end, which comes after the first document."""
        for event in self:
            if type(event).__name__ == "DocumentStartEvent":
                raise YamlRefused(f"is not YAML: but found another document{_where(event.start_mark)}")

    def until(self, end: str) -> Iterator[Any]:
        """The events at which the items of an open list or object start."""
        while type(event := next(self)).__name__ != f"{end}Event":
            yield event

    def skip(self) -> None:
        """Passes over what has just started."""
        start = self.depth
        while self.depth >= start:
            next(self)

    def value(self, event: Any, once: Once) -> Any:
        """What begins with an event."""
        if _starts(event, "Mapping"):
            return once(
                [(str(self.value(key, once)), self.value(next(self), once)) for key in self.until("MappingEnd")]
            )
        if _starts(event, "Sequence"):
            return [self.value(item, once) for item in self.until("SequenceEnd")]
        text = str(event.value)
        if not event.implicit[0]:  # quoted, or a block of text
            return text
        if text in WORDS:
            return WORDS[text]
        return int(text) if WHOLE.fullmatch(text) else text


def _starts(event: Any, kind: str) -> bool:
    return type(event).__name__ == f"{kind}StartEvent"


def _where(mark: Any) -> str:
    return f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
