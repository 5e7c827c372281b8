"""Evaluations: what the daily evaluation looked at, page by page, and what it could not check."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, desc, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from domain import queue as rules
from storage.schema.execution import evaluation_notes, evaluation_pages, evaluations
from storage.schema.tables import accounts
from storage.values import by_key

# Splits the accounts into ranges of as many each: the last id of every range but the last.
BOUNDS = text(
    """
    SELECT id FROM (
      SELECT id, row_number() OVER (ORDER BY id COLLATE "C") AS number FROM accounts WHERE rebalancing
    ) numbered
    WHERE number % :size = 0 AND number < :count ORDER BY id COLLATE "C"
    """
)


@dataclass(slots=True)
class PageResult:
    """The counts of a page, or of pages: accounts looked at, queued by primary reason, within what can be traded, and
    unable to check, by the kind of trouble too.
    """

    evaluated: int = 0
    queued: dict[str, int] = field(default_factory=dict)
    unable_to_check: int = 0
    within: int = 0
    unable: dict[str, int] = field(default_factory=dict)

    def count(self, kind: str, why: str) -> None:
        """Counts an account that is noted: `unable_to_check` for a kind of trouble, or `within`."""
        if kind == "within":
            self.within += 1
        else:
            self.unable_to_check += 1
            self.unable[why] = self.unable.get(why, 0) + 1

    def add(self, other: "PageResult") -> None:
        """Adds the counts of another page."""
        self.evaluated += other.evaluated
        self.unable_to_check += other.unable_to_check
        self.within += other.within
        queued, unable = (
            {key: mine.get(key, 0) + theirs.get(key, 0) for key in mine.keys() | theirs.keys()}
            for mine, theirs in ((self.queued, other.queued), (self.unable, other.unable))
        )
        self.queued = {reason: queued[reason] for reason in rules.in_order(queued)}
        self.unable = dict(sorted(unable.items()))


@dataclass(frozen=True, slots=True)
class Note:
    """An account that was looked at and not queued, and why. `why` is the kind of trouble, for counting."""

    account_id: str
    kind: Literal["unable_to_check", "within"]
    why: str
    message: str
    evidence: Mapping[str, object]


class Evaluations:
    """The evaluations of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def begin(self, evaluation_id: str, as_of: date) -> None:
        """Starts an evaluation; starting it again changes nothing."""
        self.connection.execute(insert(evaluations).values(id=evaluation_id, as_of=as_of).on_conflict_do_nothing())

    def bounds(self, size: int, most: int) -> list[str]:
        """Splits the accounts with rebalancing on, in the order of keys, into ranges of `size` accounts or, where that
        gave more than `most` of them, of more: the last account of each range, but for the last, which is open.
        """
        count = self.connection.scalar(select(func.count()).where(accounts.c.rebalancing)) or 0
        size = max(size, -(-count // most))
        return list(self.connection.scalars(BOUNDS, {"size": size, "count": count}))

    def reached(self, evaluation_id: str, after: str, upto: str | None) -> str:
        """The last account that is done of the range behind `after`; `after` where none is."""
        pages = evaluation_pages.c
        query = select(func.max(by_key(pages.last))).where(*_of(pages, evaluation_id), by_key(pages.after) >= after)
        return self.connection.scalar(query if upto is None else query.where(by_key(pages.after) < upto)) or after

    def keep_page(self, evaluation_id: str, after: str, last: str, result: PageResult, notes: Iterable[Note]) -> bool:
        """Keeps a page's counts and notes; False where somebody else has done the page."""
        begun_on = self.connection.scalar(_begun_on(evaluation_id))
        kept = self.connection.scalar(
            insert(evaluation_pages)
            .values(begun_on=begun_on, evaluation_id=evaluation_id, after=after, last=last, result=asdict(result))
            .on_conflict_do_nothing()
            .returning(evaluation_pages.c.last)
        )
        if kept is None:
            return False
        rows = [{"evaluation_id": evaluation_id, "begun_on": begun_on, **asdict(note)} for note in notes]
        if rows:
            self.connection.execute(insert(evaluation_notes), rows)
        return True

    def total(self, evaluation_id: str, after: str = "", upto: str | None = None) -> PageResult:
        """The counts of the pages that are done, of all or of a range of accounts."""
        pages = evaluation_pages.c
        query = select(pages.result).where(*_of(pages, evaluation_id), by_key(pages.after) >= after)
        total = PageResult()
        for (raw,) in self.connection.execute(query if upto is None else query.where(by_key(pages.after) < upto)):
            total.add(PageResult(**raw))
        return total

    def end(self, evaluation_id: str) -> tuple[PageResult, bool]:
        """Sums the pages up and ends the evaluation; False where it had ended before."""
        total = self.total(evaluation_id)
        ended = self.connection.execute(
            update(evaluations)
            .where(evaluations.c.id == evaluation_id, evaluations.c.ended_at.is_(None))
            .values(ended_at=func.now(), **asdict(total))
        )
        return total, bool(ended.rowcount)

    def notes(
        self, evaluation_id: str, kind: str, limit: int | None = None, but: Collection[str] = ()
    ) -> Iterator[Row[Any]]:
        """The accounts that an evaluation noted as `unable_to_check` or `within`, by the kind of trouble and by key.

        None for a trouble in `but`.
        """
        noted = evaluation_notes.c
        yield from self.connection.execute(
            select(evaluation_notes)
            .where(*_of(noted, evaluation_id), noted.kind == kind, noted.why.not_in(but))
            .order_by(noted.why, by_key(noted.account_id))
            .limit(limit)
            .execution_options(yield_per=1000)
        )

    def last_note(self, account_id: str) -> Row[Any] | None:
        """What the newest ended evaluation noted of an account, or None."""
        newest = self.last()
        if newest is None:
            return None
        return self.connection.execute(
            select(evaluation_notes).where(
                *_of(evaluation_notes.c, newest.id), evaluation_notes.c.account_id == account_id
            )
        ).one_or_none()

    def last(self) -> Row[Any] | None:
        """The evaluation that ended last."""
        return self.connection.execute(
            select(evaluations)
            .where(evaluations.c.ended_at.is_not(None))
            .order_by(desc(evaluations.c.ended_at))
            .limit(1)
        ).one_or_none()


def _begun_on(evaluation_id: str) -> Select[Any]:
    return select(evaluations.c.begun_on).where(evaluations.c.id == evaluation_id)


def _of(kept: Any, evaluation_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Pages or notes of an evaluation: only its month is looked at."""
    return kept.evaluation_id == evaluation_id, kept.begun_on == _begun_on(evaluation_id).scalar_subquery()
