"""One model signal, whole: which version came from whom, how its accounts stand, what next."""

import re
import shlex
from typing import TYPE_CHECKING, Any

from reading.actions import Advice, shell
from reading.work.figures import with_figures
from reading.work.requests import Request, counted_rebalances

if TYPE_CHECKING:
    from storage.connection import Transaction

Json = dict[str, Any]


def read(books: "Transaction", id_: str) -> Request | None:
    """A signal by its workflow's id, in the form of a request; None where the id is none of a signal's."""
    from reading.words import utc

    named = re.fullmatch(r"model-signal/([^/]+)/([0-9]{1,9})", id_)
    row = books.signals.row(named[1], int(named[2])) if named else None
    if row is None:
        return None
    rebalances, counts = counted_rebalances(books, id_)
    rebalances, totals = with_figures(books, rebalances)
    told: Json = {
        "request_id": id_,
        "status": _status(row, counts),
        "requested_by": row.received_by,
        "model_id": row.model_id,
        "version": row.version,
        "largest_change": None if row.largest_change is None else f"{row.largest_change.normalize():f}",
        "received_at": utc(row.received_at),
        "result": row.result,
        "accounts": len(rebalances),
        "counts": counts,
        "next_action": None,
        "totals": totals,
        "rebalances": sorted(rebalances, key=lambda each: str(each["account_id"])),
    }
    return Request(told, _next_action(row, id_, counts))


def _status(row: Any, counts: dict[str, int]) -> str:
    from domain.requests import status_of

    if row.ended_at is None:
        superseded = (row.result or {}).get("superseded_by")
        return "NOT_STARTED" if row.begun_at is None else "CANCELED" if superseded else "IN_PROGRESS"
    return str(status_of(counts) or "COMPLETE")


def _next_action(row: Any, id_: str, counts: dict[str, int]) -> Advice:
    given = shlex.quote(f'{{"model_id": "{row.model_id}", "version": {row.version}}}')
    start = (
        f"temporal workflow start --type ApplyModelSignal --task-queue rebalancer --workflow-id {shlex.quote(id_)} "
        f"--input {given} --fail-existing"
    )
    if row.begun_at is None:
        return (shell(start, told="start its trades: {}"),)
    if row.ended_at is not None and (counts.get("FAILED") or counts.get("COMPLETE_WITH_ERRORS")):
        return (shell(start, told="correct what the issues name, then trade those again: {}"),)
    return ()
