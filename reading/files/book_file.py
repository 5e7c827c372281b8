"""Reads book files: JSON or YAML, whole or, where they are large, an account at a time.

Numbers stay exactly as written: nothing becomes a float on the way. Keys given twice are refused.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

from domain.books.book import BookRefused, Problem

LARGE = 32 * 1024 * 1024  # bytes from which a book is read an account at a time
YAML = {".yaml", ".yml"}  # anything else is JSON
NO_OBJECT = "is not an object with as_of, securities, models, targets and accounts"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BookFile:
    """A book as raw values. `accounts` may be gone through once; `size` and `position` tell how far that is."""

    market: Json
    accounts: Iterator[Any]
    size: int
    position: Callable[[], int]


def open_book(path: Path) -> BookFile:
    """Opens a book. Raises BookRefused where the file can't be read as JSON or YAML."""
    try:
        size = path.stat().st_size
        if size > LARGE:
            return (_streamed_yaml if path.suffix.lower() in YAML else _streamed)(path, size)
    except OSError as flaw:
        raise _refused(f"can't be opened: {flaw.strerror or flaw}") from flaw
    raw = read_object(path, NO_OBJECT)
    accounts = raw.pop("accounts", [])
    if not isinstance(accounts, list):
        raise BookRefused([Problem("accounts", "a list is needed")])
    return BookFile(raw, iter(accounts), size, lambda: size)


def read_object(path: Path, otherwise: str) -> Json:
    """A file of one JSON or YAML object. Raises BookRefused, with `otherwise` where it is something else."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as flaw:
        raise _refused(f"can't be opened: {flaw.strerror or flaw}") from flaw
    except UnicodeDecodeError as flaw:
        raise _refused(f"is not UTF-8 text (byte {flaw.start})") from flaw
    if not text.strip():
        raise _refused("is empty")
    try:
        raw = _yaml(text) if path.suffix.lower() in YAML else _json(text)
    except RecursionError as flaw:
        raise _refused("is nested too deeply") from flaw
    if not isinstance(raw, dict):
        raise _refused(otherwise)
    return raw


def _refused(message: str) -> BookRefused:
    return BookRefused([Problem("", f"the file {message}")])


def _json(text: str) -> Any:
    def constant(name: str) -> Any:
        raise _refused(f"has {name}, which is not a number")

    try:
        return json.loads(text, parse_float=Decimal, parse_constant=constant, object_pairs_hook=_once)
    except json.JSONDecodeError as flaw:
        raise _refused(f"is not JSON: {flaw.msg} in line {flaw.lineno}, column {flaw.colno}") from flaw
    except BookRefused:
        raise
    except ValueError as flaw:
        raise _refused(f"is not JSON: {flaw}") from flaw


class _Once(dict[str, Any]):
    """An object in which every key is given once."""

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self:
            raise _refused(f'has the key "{key}" twice in one object')
        super().__setitem__(key, value)


def _once(pairs: list[tuple[str, Any]]) -> Json:
    found = _Once()
    for key, value in pairs:
        found[key] = value
    return found


def _yaml(text: str) -> Any:
    from reading.files import yaml_file

    try:
        return yaml_file.read(text, _once)
    except yaml_file.YamlRefused as flaw:
        raise _refused(str(flaw)) from flaw


def _streamed_yaml(path: Path, size: int) -> BookFile:
    """As `_streamed`, of YAML."""
    from reading.files import yaml_file

    try:
        with path.open("rb") as source:
            market = yaml_file.market(source, _once)
    except yaml_file.YamlRefused as flaw:
        raise _refused(str(flaw)) from flaw
    if not isinstance(market, dict):
        raise _refused(NO_OBJECT)
    if not isinstance(market.pop("accounts", []), list):
        raise BookRefused([Problem("accounts", "a list is needed")])
    source = path.open("rb")

    def accounts() -> Iterator[Any]:
        with source:
            try:
                yield from yaml_file.accounts(source, _once)
            except yaml_file.YamlRefused as flaw:
                raise _refused(str(flaw)) from flaw

    return BookFile(market, accounts(), size, lambda: size if source.closed else source.tell())


def _streamed(path: Path, size: int) -> BookFile:
    """Two passes over a large file: everything but the accounts, then the accounts, one at a time in memory."""
    import ijson

    try:
        with path.open("rb") as source:
            market = _without_accounts(ijson, source)
    except (ijson.JSONError, UnicodeDecodeError) as flaw:
        raise _refused(f"is not JSON: {flaw}") from flaw
    source = path.open("rb")

    def accounts() -> Iterator[Any]:
        with source:
            try:
                yield from ijson.items(source, "accounts.item", map_type=_Once)
            except (ijson.JSONError, UnicodeDecodeError) as flaw:
                raise _refused(f"is not JSON: {flaw}") from flaw

    return BookFile(market, accounts(), size, lambda: size if source.closed else source.tell())


def _without_accounts(ijson: Any, source: BinaryIO) -> Json:
    market: Json = {}
    key, builder = "", None
    for prefix, event, value in ijson.parse(source):
        if prefix == "" and event == "map_key":
            if value in market:
                raise _refused(f'has the key "{value}" twice in one object')
            key, builder = value, ijson.ObjectBuilder(map_type=_Once)
        elif prefix == "" and event not in {"start_map", "end_map"}:
            raise _refused(NO_OBJECT)
        elif builder is not None and key != "accounts" and prefix:
            builder.event(event, value)
            if prefix == key and event not in {"start_map", "start_array"}:
                market[key] = builder.value
        elif key == "accounts" and prefix == "accounts" and event not in {"start_array", "end_array"}:
            raise BookRefused([Problem("accounts", "a list is needed")])
    return market
