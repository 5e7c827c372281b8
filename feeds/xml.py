"""XML, safely: no document type, so no entities to expand and nothing to fetch; bounded in size, depth and number."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from feeds.rows import Unreadable, legible

MAX_DEPTH = 60
MAX_NODES = 2_000_000


@dataclass(slots=True)
class Node:
    """An element, by its name without namespace; its own text without what is inside its elements."""

    name: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: "list[Node]" = field(default_factory=list)

    def all(self, *path: str) -> "Iterator[Node]":
        """The elements at the end of a path of names."""
        found = [self]
        for name in path:
            found = [child for each in found for child in each.children if child.name == name]
        return iter(found)

    def first(self, *path: str) -> str:
        """The text of the first element at the end of a path; empty where there is none."""
        found = next(self.all(*path), None)
        return "" if found is None else found.text.strip()

    def everywhere(self, name: str) -> "Iterator[Node]":
        """The elements of a name below this one, at any depth, in the document's order."""
        waiting = list(reversed(self.children))
        while waiting:
            node = waiting.pop()
            if node.name == name:
                yield node
            waiting += reversed(node.children)

    def words(self) -> str:
        """All that it says, with what is inside it: equal where two elements are the same word for word."""
        inside = "".join(each.words() for each in self.children)
        return f"<{self.name} {sorted(self.attributes.items())}>{self.text.strip()}{inside}"


def parse(content: bytes) -> Node:
    """The document's root element. Raises Unreadable."""
    tree = _Tree()
    try:
        tree.parser.Parse(content, True)
    except expat.ExpatError as flaw:
        raise Unreadable(f"is not XML: {expat.ErrorString(flaw.code)}", flaw.lineno) from flaw
    except (ValueError, LookupError) as flaw:  # an encoding that nobody knows
        raise Unreadable(f"is not XML that can be read: {legible(str(flaw))}") from flaw
    if not tree.top.children:
        raise Unreadable("is not XML: there is no element")
    return tree.top.children[0]


class _Tree:
    def __init__(self) -> None:
        self.top = Node("", 0)
        self.open = [self.top]
        self.count = 0
        self.parser = expat.ParserCreate(namespace_separator="|")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _doctype(self, *given: object) -> None:
        raise Unreadable("declares a document type, which no message needs: refused", self.parser.CurrentLineNumber)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        line = self.parser.CurrentLineNumber
        if len(self.open) > MAX_DEPTH or self.count > MAX_NODES:
            raise Unreadable("is nested too deeply, or too large", line)
        named = {key.rpartition("|")[2]: value for key, value in attributes.items()}
        node = Node(name.rpartition("|")[2], line, named)
        self.open[-1].children.append(node)
        self.open.append(node)

    def _end(self, name: str) -> None:
        self.open.pop()

    def _text(self, text: str) -> None:
        self.open[-1].text += text
