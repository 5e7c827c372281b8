"""Evaluations: what the daily evaluation looked at, page by page, and what it could not check."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal

from sqlalchemy import Connection, Row, desc, func, select, update
from sqlalchemy.dialects.postgresql import insert

from storage.tables_execution import evaluation_notes, evaluation_pages, evaluations


@dataclass(slots=True)
class PageResult:
    """The counts of one page: accounts looked at, queued by primary reason, unable to check, within what can trade."""

    evaluated: int = 0
    queued: dict[str, int] = field(default_factory=dict)
    unable_to_check: int = 0
    within: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """An account that was looked at and not queued, and why."""

    account_id: str
    kind: Literal["unable_to_check", "within"]
    message: str
    evidence: Mapping[str, object]


class Evaluations:
    """The evaluations of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def begin(self, evaluation_id: str, as_of: date) -> None:
        """Starts an evaluation; starting it again changes nothing."""
        self.connection.execute(insert(evaluations).values(id=evaluation_id, as_of=as_of).on_conflict_do_nothing())

    def page(self, evaluation_id: str, after: str) -> tuple[str, PageResult] | None:
        """The page that starts behind an account, where it is done: its last account and its counts."""
        row = self.connection.execute(
            select(evaluation_pages).where(
                evaluation_pages.c.evaluation_id == evaluation_id, evaluation_pages.c.after == after
            )
        ).one_or_none()
        return None if row is None else (row.last, PageResult(**row.result))

    def keep_page(self, evaluation_id: str, after: str, last: str, result: PageResult, notes: Iterable[Note]) -> None:
        """Keeps a page's counts and notes."""
        self.connection.execute(
            insert(evaluation_pages).values(evaluation_id=evaluation_id, after=after, last=last, result=asdict(result))
        )
        rows = [{"evaluation_id": evaluation_id, **asdict(note)} for note in notes]
        if rows:
            self.connection.execute(insert(evaluation_notes), rows)

    def end(self, evaluation_id: str) -> PageResult:
        """Sums the pages up and ends the evaluation."""
        total = PageResult()
        for (raw,) in self.connection.execute(
            select(evaluation_pages.c.result).where(evaluation_pages.c.evaluation_id == evaluation_id)
        ):
            page = PageResult(**raw)
            total.evaluated += page.evaluated
            total.unable_to_check += page.unable_to_check
            total.within += page.within
            for reason, count in page.queued.items():
                total.queued[reason] = total.queued.get(reason, 0) + count
        self.connection.execute(
            update(evaluations)
            .where(evaluations.c.id == evaluation_id)
            .values(ended_at=func.coalesce(evaluations.c.ended_at, func.now()), **asdict(total))
        )
        return total

    def notes(self, evaluation_id: str, limit: int = 100) -> Sequence[Row[Any]]:
        """The accounts that an evaluation did not queue although something is wrong, by kind and account."""
        return self.connection.execute(
            select(evaluation_notes)
            .where(evaluation_notes.c.evaluation_id == evaluation_id)
            .order_by(desc(evaluation_notes.c.kind), evaluation_notes.c.account_id)
            .limit(limit)
        ).all()

    def last_note(self, account_id: str) -> Row[Any] | None:
        """What the newest ended evaluation noted of an account, or None."""
        newest = self.last()
        if newest is None:
            return None
        return self.connection.execute(
            select(evaluation_notes).where(
                evaluation_notes.c.evaluation_id == newest.id, evaluation_notes.c.account_id == account_id
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
