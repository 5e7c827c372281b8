"""The feeds that there are: `policy/feeds/*.yaml`, and a firm's own in the folder named by REBALANCER_FEEDS.

A firm's feed replaces the shipped one of its name. Which feed a file is of is said by its name and its header alone.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import ValidationError

from feeds import readers
from feeds.definition import Feed, Gives, Version
from feeds.rows import NotThisFeed, Unreadable

FIRM_FOLDER = "REBALANCER_FEEDS"
SHIPPED = Path(__file__).parents[1] / "policy" / "feeds"


class FeedRefused(ValueError):
    """A definition that can't be used, a feed that is not there, a file that is of none or of several: in words."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The feed and the version that a file is of."""

    feed: Feed
    version: Version


def feeds() -> Mapping[str, Feed]:
    """Every feed by its name. Raises FeedRefused."""
    return _feeds(os.environ.get(FIRM_FOLDER))


@lru_cache(maxsize=4)
def _feeds(firm: str | None) -> Mapping[str, Feed]:
    found: dict[str, Feed] = {}
    for folder in (SHIPPED, *([Path(firm)] if firm else [])):
        if not folder.is_dir():
            raise FeedRefused(f"{FIRM_FOLDER}: {folder} is no folder")
        for path in sorted(folder.glob("*.yaml")):
            feed = read_definition(path)
            found[feed.name] = feed
    return dict(sorted(found.items()))


def read_definition(path: Path) -> Feed:
    """A definition file. Raises FeedRefused with all that is wrong with it."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        return Feed.model_validate(raw)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as flaw:
        raise FeedRefused(f"feed {path.name} can't be read: {str(flaw).splitlines()[0]}") from flaw
    except ValidationError as flaw:
        told = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'the feed'}: {each['msg'].removeprefix('Value error, ')}"
            for each in flaw.errors(include_url=False)
        )
        raise FeedRefused(f"feed {path.name} refused: {told}") from flaw


def named(name: str) -> Feed:
    """The feed of a name. Raises FeedRefused."""
    found = feeds().get(name)
    if found is None:
        raise FeedRefused(f'there is no feed "{name}": there is {", ".join(feeds())}. See: rebalancer feed list')
    return found


def chosen(path: Path, content: bytes, gives: Gives | None, name: str | None, today: date) -> Chosen | None:
    """The feed that a file is of; None where it is of none, and nothing says that it should be.

    Raises FeedRefused where `name` says a feed that it is not of, where it is of several, and where its name is a
    feed's and most of its header is too, but not all.
    """
    if name is not None:
        feed = named(name)
        if gives is not None and feed.gives != gives:
            raise FeedRefused(f"feed {name} gives {feed.gives}, and {gives} are needed")
        found, why = _version(feed, content, today)
        if found is None:
            raise FeedRefused(f"{path.name} is not of feed {name}: {why}")
        return found
    fitting, nearly = [], []
    for feed in feeds().values():
        if gives not in (None, feed.gives) or not any(fnmatch(path.name.lower(), each.lower()) for each in feed.files):
            continue
        found, why = _version(feed, content, today)
        if found is not None:
            fitting.append(found)
        elif "changed" in why:
            nearly.append(f"feed {feed.name}: {why}")
    if len(fitting) > 1:
        _whole(path, content, fitting[0])
        names = ", ".join(each.feed.name for each in fitting)
        raise FeedRefused(f"{path.name} could be of several feeds, {names}: name one with --feed")
    if not fitting and nearly:
        raise FeedRefused(
            f"{path.name} refused by {'; '.join(nearly)}. Nothing was changed. Look at the file; if it is right, add a "
            f"version to the feed (rebalancer feed draft {path.name} proposes one)"
        )
    return fitting[0] if fitting else None


def _whole(path: Path, content: bytes, found: Chosen) -> None:
    """Raises FeedRefused for a file that looks as of several feeds because it is broken: no name would mend it."""
    try:
        readers.rows_of(found.feed, found.version, content)
    except Unreadable as flaw:
        raise FeedRefused(f"{path.name} refused: line {flaw.line}: {flaw}; nothing was changed") from flaw


def _version(feed: Feed, content: bytes, today: date) -> tuple[Chosen | None, str]:
    """The newest version whose shape the file has, and else why it has not the newest's."""
    why = f"it has no version before {today}"
    for version in reversed(feed.on(today)):
        try:
            readers.look(feed, version, content)
            return Chosen(feed, version), ""
        except (NotThisFeed, Unreadable) as flaw:
            why = str(flaw)
    return None, why
