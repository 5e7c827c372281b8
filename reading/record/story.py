"""The whole story of one rebalance, in order, from both records: the audit records and the workflow's history."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reading.places import Listed, Lost, cursor, number, parts

if TYPE_CHECKING:
    from storage.connection import Transaction

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. `particulars` are what the rules decided, as (rule, sentence)."""

    at: datetime
    who: str
    says: str
    source: str  # record, or history
    rule: str | None = None
    record_id: int | None = None
    particulars: tuple[tuple[str | None, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """A rebalance's row, its orders, and what happened. `histories` are the runs whose history was at hand."""

    row: Any
    orders: Sequence[Any]
    rounds: Sequence[Any]
    lines: Sequence[Line] = field(repr=False)
    histories: tuple[str, ...] = ()

    def page(self, place: str | None, size: int) -> Listed:
        """So many of the lines in their public form, behind a place: a moment, a witness, and which line of theirs.

        Raises Lost.
        """
        behind, before = _place(place), Counter[tuple[datetime, bool]]()
        found = list[tuple[tuple[datetime, bool, int], Line]]()
        for each in self.lines:
            at = each.at, each.source == "record"
            found.append(((*at, before[at]), each))
            before[at] += 1
        rows = [(key, each) for key, each in found if behind is None or key > behind]
        after = None
        if len(rows) > size:
            moment, recorded, nth = rows[size - 1][0]
            after = cursor(moment.isoformat(), "record" if recorded else "history", str(nth))
        return Listed([line_as_json(each) for _, each in rows[:size]], after)

    def as_json(self) -> Json:
        """The story in its public form."""
        from reading.work import listed

        return {
            **listed.rebalance(self.row),
            "rules_version": self.row.rules_version,
            "rounds": [each.round for each in self.rounds],
            "histories": list(self.histories),
            "story": [line_as_json(each) for each in self.lines],
        }


def _place(given: str | None) -> tuple[datetime, bool, int] | None:
    at = parts(given, 3)
    if at is None:
        return None
    try:
        moment = datetime.fromisoformat(at[0])
    except ValueError as flaw:
        raise Lost(given) from flaw
    if moment.tzinfo is None or at[1] not in {"record", "history"}:
        raise Lost(given)
    return moment, at[1] == "record", number(at[2])


def line_as_json(line: Line) -> Json:
    """One line of a story in its public form."""
    from storage.record.chain import moment

    return {
        "at": moment(line.at),
        "who": line.who,
        "says": line.says,
        "source": line.source,
        "rule": line.rule,
        "record_id": line.record_id,
        "particulars": [{"rule": rule, "says": says} for rule, says in line.particulars],
    }


def story_of(books: "Transaction", rebalance_id: str, live: Mapping[str, str] | None = None) -> Story:
    """The story as far as it is recorded. Raises UnknownRebalance, and HistoryDamaged.

    `live`: histories, by run, of workflows that are not archived yet.
    """
    from storage.record.reading import of_rebalance

    row = books.rebalances.get(rebalance_id)
    rounds = books.rebalances.rounds(rebalance_id)
    texts = {**(live or {}), **archived(books, row)}
    lines = [*_recorded(of_rebalance(books.connection, row), rounds), *_witnessed(row.workflow_id, texts)]
    lines.sort(key=lambda line: (line.at, line.source == "record"))
    return Story(row, books.orders.of(rebalance_id), rounds, lines, tuple(texts))


def archived(books: "Transaction", row: Any) -> dict[str, str]:
    """The archived histories of a rebalance's workflow, by run, the oldest first."""
    from storage.record.histories import history_of

    first_run = row.start_key.rpartition("#")[2]
    return {each.run_id: history_of(each) for each in books.histories.of_start(row.workflow_id, first_run)}


def _recorded(records: Sequence[Any], rounds: Sequence[Any]) -> Iterator[Line]:
    from reading.record.sentences import decisions, sentence

    plans = {each.round: each.plan for each in rounds}
    for each in records:
        particulars: tuple[tuple[str | None, str], ...] = ()
        if each.action == "decision kept" and plans.get(each.after["round"]):
            particulars = tuple(decisions(plans[each.after["round"]]))
        says = sentence(each.action, each.who, each.before, each.after)
        yield Line(_moment(each), each.who, says, "record", each.rule, each.id, particulars)


def _moment(record: Any) -> datetime:
    """When it happened: a refusal is recorded a moment after it was given."""
    given = record.after if isinstance(record.after, Mapping) else {}
    return datetime.fromisoformat(given["refused_at"]) if "refused_at" in given else record.at


def _witnessed(workflow_id: str, texts: Mapping[str, str]) -> Iterator[Line]:
    from reading.record.history import told

    many = len(texts) > 1
    seen: set[tuple[datetime, str]] = set()  # a reset run begins with a copy of what the first one had
    for run_id, text in texts.items():
        for each in told(workflow_id, text):
            if (each.at, each.says) not in seen:
                seen.add((each.at, each.says))
                run = f" (run {run_id[:8]})" if many else ""
                yield Line(each.at, each.who, f"{each.says}{run}", "history")
