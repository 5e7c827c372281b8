"""Why an account is in the queue, as its own pages say it: measured anew, so that they agree with its weights on them.

Listings have what the evaluation measured, and say of when that is.
"""

from typing import TYPE_CHECKING, Any

from reading.evidence import in_words
from storage.work.queue import STANDING

if TYPE_CHECKING:
    from domain.evaluation import Verdict
    from reading.accounts.standing import Standing

NO_MORE = "no more, as measured now: the next evaluation looks again"


def measured(standing: "Standing") -> "Verdict":
    """What an evaluation made now says of the account."""
    from domain.evaluation import evaluate

    return evaluate(standing.snapshot, standing.policy)


def reasons_now(entry: Any, verdict: "Verdict", few: bool = False) -> list[tuple[str, list[str]]]:
    """The reasons of an entry of the queue, each with its lines; nothing without an entry.

    What the account's state gives by itself is as it is now. Where it can't be measured now, it is as it was then.
    """
    if entry is None:
        return []
    known = verdict.kind != "unable_to_check"
    told = []
    for code in entry.reasons:
        now = verdict.reasons.get(code, {}) if known and code in STANDING else entry.evidence[code]
        gone = known and code in STANDING and code not in verdict.reasons
        told.append((code, [NO_MORE] if gone else in_words(code, now, few)))
    return told


def as_of(last: Any) -> str:
    """Of when what a listing of the queue shows was measured; `last` is the evaluation that ended last."""
    from reading import words

    if last is None:
        return "Measured as each account joined: no evaluation has ended yet."
    when = f"{words.moment(words.utc(last.ended_at))} for {last.as_of}"
    return f"Measured by the evaluation of {when}, or as an account joined since."
