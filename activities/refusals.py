"""Records what workflows refuse, beside their work: a validator may neither wait nor write."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError

from activities.context import Desk
from activities.messages import Refusal
from storage.actor import Actor
from storage.faults import first_line
from storage.proving import UNPROVEN

TRIES = 6  # over half a minute; a database that is away longer loses the record, and the worker's log has it


class RefusalRecords:
    """Writes refusals in one thread of its own, in their order; what is waiting is written before the process ends."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="refusals")

    def tell(self, refusal: Refusal) -> None:
        """Takes a refusal to be recorded, and returns at once."""
        self._thread.submit(self._record, refusal)

    def _record(self, refusal: Refusal) -> None:
        clean = {name: _writable(getattr(refusal, name)) for name in ("given", "reason")}
        clean["refused_at"] = refusal.at.isoformat()
        for left in reversed(range(TRIES)):
            try:
                self._write(refusal, clean)
                return
            except SQLAlchemyError as flaw:
                told = (refusal.action, refusal.who, first_line(flaw))
                logging.getLogger("refusals").warning("%s of %s not recorded: %s", *told)
                if left and threading.main_thread().is_alive():  # at the process's end it is now or never
                    time.sleep(2 ** (TRIES - left - 1))

    def _write(self, refusal: Refusal, told: dict[str, str]) -> None:
        with self.desk.books.transaction(Actor(UNPROVEN, refusal.workflow_id, refusal.run_id)) as books:
            if books.proof.identity() == "asserted":
                books.audit.actor = replace(books.audit.actor, who=_writable(refusal.who))
            else:
                told = told | {"claimed": _writable(refusal.who)}
            account_id = None if refusal.account_id is None else _writable(refusal.account_id)
            row = books.rebalances.latest(account_id) if account_id else None
            open_one = row.id if row is not None and row.stage != "ENDED" else None
            books.audit.record(refusal.action, account_id=account_id, rebalance_id=open_one, after=told)


def _writable(given: str) -> str:
    """The text without what no database takes: NUL, and halves of characters."""
    return given.replace("\x00", "␀").encode("utf-8", "replace").decode("utf-8")
