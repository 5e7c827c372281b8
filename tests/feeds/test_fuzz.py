"""Whatever bytes come, every reader takes them or refuses them in words: no other exception, and no hanging."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.books.deliveries import Problems
from feeds import readers
from feeds.catalogue import FeedRefused, chosen, feeds
from feeds.reading import read_rows
from feeds.rows import NotThisFeed, Unreadable

FILES = sorted((Path(__file__).parents[2] / "examples" / "feeds").glob("*.*"))
TODAY = date(2026, 11, 23)
ODD = (
    b"", b"\0", b"\xff\xfe", b"\xc2\xa0", b'"', b",", b"\n\n", b"-", b"--", b"(", b"$", b"1e9", b"NaN", b"9" * 40,
    b"\xf0\x9f\x92\xb8", b"\xd9\xa3", b"<", b">", b"&x;", b"<!DOCTYPE a [<!ENTITY x 'y'>]>", b"{", b":16R:FIN\n", b"N",
)  # fmt: skip


def broken(content: bytes) -> st.SearchStrategy[bytes]:
    """The file with some bytes taken out, put in, or doubled."""
    place = st.integers(0, len(content))
    change = st.tuples(place, st.integers(0, 60), st.one_of(st.sampled_from(ODD), st.binary(max_size=8)))
    return st.lists(change, min_size=1, max_size=4).map(lambda changes: _changed(content, changes))


def _changed(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for at, length, put in changes:
        content = content[:at] + put + content[at + length :]
    return content


def taken(name: str, content: bytes) -> int:
    """What every feed makes of a file: the number of those that read it."""
    count = 0
    for feed in feeds().values():
        for version in feed.versions:
            try:
                sheet = readers.rows_of(feed, version, content)
            except (NotThisFeed, Unreadable) as refused:
                assert str(refused).isprintable() and 5 < len(str(refused)) < 2000
                continue
            problems = Problems()
            read_rows(feed, version, sheet, problems)
            count += 1
    try:
        chosen(Path(name), content, None, None, TODAY)
    except FeedRefused as refused:
        assert str(refused)
    return count


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_broken_file_is_taken_or_refused_in_words(path: Path) -> None:
    seen: list[int] = []

    @settings(max_examples=150, deadline=2000, database=None, derandomize=True)
    @given(broken(path.read_bytes()))
    def run(content: bytes) -> None:
        seen.append(taken(path.name, content))

    run()
    assert len(seen) >= 150
    assert any(seen)  # some stayed whole enough to be read


@settings(max_examples=300, deadline=2000, database=None, derandomize=True)
@given(st.one_of(st.binary(max_size=400), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))))
def test_any_bytes_are_refused_in_words(content: bytes) -> None:
    taken("positions.csv", content)


def test_there_is_a_file_to_break_for_every_feed() -> None:
    assert len(FILES) >= len(feeds())
