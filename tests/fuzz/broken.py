"""Sound input made unsound: JSON documents with odd values in odd places, and texts with odd bytes in them.

A few changes at a time, so that most of a document stays sound and what lies behind the first check is reached too.
"""

import copy
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

Way = tuple[str | int, ...]
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 10**15, 10**30, -(10**40), 1.5, -0.0, 0.1, 1e300, 1e-300),
    *(
        [],
        [None],
        [[]],
        {},
        {"a": 1},
        {"": ""},
        "",
        " ",
        "\n",
        "\t",
        "\x00",
        "\x7f",
        "\ud800",
        "\u202e",
        "x",
        "ä" * 300,
    ),
    *("0", "-0", "1", "-1", "0.2", "1.0000000000001", "0.000000000001", "9999999999999999", "99999999999999999999"),
    *(
        "1e9",
        "1e-9",
        "1E+400",
        "1e999999999",
        "-1e-999999999",
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "0x10",
        "1_000",
        "1,5",
    ),
    *("٣", "½", "1.", ".5", "+1", " 1 ", "2026-11-20", "2026-02-30", "2199-12-31", "1900-01-01", "0001-01-01"),
    *("9999-12-31", "20261120", "2026-11-20T00:00:00Z", "A-1", "../../etc/passwd", "'; DROP TABLE accounts; --", "%s"),
    *("{}", "[bold]x[/bold]", "${HOME}", "cash", "managed", "model:M", "security:X", "null", "true", "CASH"),
)
LONG_TEXT = st.text(max_size=40)
VALUES = st.one_of(st.sampled_from(ODD), LONG_TEXT, st.decimals().map(str), st.floats(allow_nan=False))
OPERATIONS = ("put", "put", "put", "drop", "repeat", "rename", "wrap", "copy", "bury")
CHANGES = st.lists(
    st.tuples(st.integers(0, 9_999), st.sampled_from(OPERATIONS), VALUES, st.integers(0, 9_999)), min_size=1, max_size=4
)
PIECES = (
    *(
        b"",
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xc3\x28",
        b"\r",
        b"\r\n",
        b"\n\n",
        b",",
        b",,",
        b";",
        b'"',
        b'""',
        b"'",
    ),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b"- ",
        b"&a ",
        b"*a",
        b"!!python/object:os.system ",
        b"<<: ",
        b"%YAML 9\n",
        b"---\n",
    ),
    *(
        b"\t",
        b"#",
        b"|",
        b">",
        b"?",
        b"1e999999999",
        b"-",
        b"NaN",
        b"null",
        b"[" * 200,
        b"{a: " * 200,
        b"\xf0\x9f\x92\xb8",
    ),
    *(b"\x1b[31m", b"PAR1", b"\\u0000", b"\\ud800", b'{"a": 1, "a": 2}', b"9" * 5000, b"0." + b"3" * 400),
)
CUTS = st.lists(
    st.tuples(st.integers(0, 99_999), st.integers(0, 40), st.one_of(st.sampled_from(PIECES), st.binary(max_size=12))),
    min_size=1,
    max_size=5,
)


def documents(*sound: Any) -> st.SearchStrategy[Any]:
    """One of the sound documents with a few things in it changed; at times anything at all instead."""
    changed = st.builds(changed_document, st.sampled_from(sound), CHANGES)
    return st.one_of(changed, changed, changed, changed, VALUES, st.recursive(VALUES, _inside, max_leaves=8))


def _inside(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.lists(values, max_size=4), st.dictionaries(LONG_TEXT, values, max_size=4))


def files(*sound: bytes) -> st.SearchStrategy[bytes]:
    """One of the sound files with a few pieces cut out or put in; at times any bytes at all instead."""
    changed = st.builds(changed_file, st.sampled_from(sound), CUTS)
    return st.one_of(changed, changed, changed, changed, st.binary(max_size=200))


def as_bytes(document: Any) -> bytes:
    """A document as a file of JSON. What JSON has no word for (a lone surrogate) goes as an escape."""
    return json.dumps(document, allow_nan=True, default=str).encode()


def places(value: Any, way: Way = ()) -> list[Way]:
    """Every place in a JSON value, itself first."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, each in inside for place in places(each, (*way, key)))]


def changed_document(sound: Any, changes: Sequence[tuple[int, str, Any, int]]) -> Any:
    """The document after the changes, each at a place that its number chooses."""
    document = copy.deepcopy(sound)
    for number, operation, value, other in changes:
        ways = places(document)[1:]
        if not ways:
            break
        *way, last = ways[number % len(ways)]
        inside = document
        for step in way:
            inside = inside[step]
        _change(inside, last, operation, value, _at(document, ways[other % len(ways)]))
    return document


def _at(document: Any, way: Way) -> Any:
    for step in way:
        document = document[step]
    return copy.deepcopy(document)


def _change(inside: Any, last: Any, operation: str, value: Any, elsewhere: Any) -> None:
    match operation:
        case "put":
            inside[last] = copy.deepcopy(value)
        case "drop":
            del inside[last]
        case "repeat" if isinstance(inside, list):
            inside.append(copy.deepcopy(inside[last]))
        case "rename" | "repeat" if isinstance(inside, dict):
            inside[str(value)[:40]] = inside.pop(last)
        case "wrap":
            inside[last] = [inside[last]]
        case "copy":
            inside[last] = elsewhere
        case "bury":
            for _ in range(60):
                inside[last] = [inside[last]]


def changed_file(sound: bytes, cuts: Sequence[tuple[int, int, bytes]]) -> bytes:
    """The file after the cuts, each so many bytes replaced at a place that its number chooses."""
    text = sound
    for number, length, piece in cuts:
        start = number % (len(text) + 1)
        text = text[:start] + piece + text[start + length :]
    return text
