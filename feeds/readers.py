"""Readers by format: bytes into rows. Whatever bytes they are given, they raise NotThisFeed and Unreadable alone."""

from collections.abc import Callable, Mapping

from feeds import flex, mt535, ofx, semt002, sheets, workbook
from feeds.definition import Feed, Format, Version
from feeds.rows import MAX_BYTES, NotThisFeed, Sheet, Unreadable

Reader = Callable[[bytes, Version], Sheet]
READERS: Mapping[Format, Reader] = {
    "csv": sheets.table,
    "fixed": sheets.fixed,
    "workbook": workbook.read,
    "flex": flex.read,
    "ofx": ofx.read,
    "semt.002": semt002.read,
    "mt535": mt535.read,
}


def rows_of(feed: Feed, version: Version, content: bytes) -> Sheet:
    """The rows of a file of a feed."""
    if len(content) > MAX_BYTES:
        raise Unreadable(f"has {len(content):,} bytes; a feed reads at most {MAX_BYTES:,}")
    return READERS[feed.format](content, version)


def look(feed: Feed, version: Version, content: bytes) -> None:
    """Raises NotThisFeed where the file is not of the feed's shape, or so broken that nobody can tell."""
    try:
        rows_of(feed, version, content)
    except Unreadable as flaw:
        if not flaw.line:  # else it has the shape, and what is wrong with it is told when it is read
            raise NotThisFeed(str(flaw)) from flaw
