"""Turns of an account: one rebalance at a time trades on it, and one that its workflow left behind is ended (EXEC-3).

Whether a workflow lives is asked of Temporal, and what is open at a venue is cancelled there, while nobody holds the
account: a step that finds another in its way lets go of everything, has that seen to, and does its work again.
"""

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from temporalio.exceptions import ApplicationError

from activities.context import Desk, actor, step
from activities.faults import UNKNOWN_REBALANCE
from activities.messages import EndOrphan, RebalanceResult
from activities.orders import Over, Sender
from activities.reconciliation import GONE, conclude, end_unexecuted
from domain.executing.execution import EXEC_3
from storage.connection import Transaction
from storage.work.rebalances import TRADING, UnknownRebalance

AnswerT = TypeVar("AnswerT")


class TurnSteps:
    """`end_orphan`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step("end_orphan")
    def end_orphan(self, message: EndOrphan) -> RebalanceResult:
        """Ends a rebalance whose workflow is gone, for a person who asks. One whose workflow lives is refused."""
        with self.desk.books.transaction(actor(message.requested_by)) as books:
            try:
                row = books.rebalances.get(message.rebalance_id)
            except UnknownRebalance as flaw:
                told = f"recovery refused: there is no rebalance {flaw}"
                raise ApplicationError(told, type=UNKNOWN_REBALANCE, non_retryable=True) from None
        if row.stage != "ENDED":
            if not self.desk.is_over(row.start_key):
                told = (
                    f"recovery refused: the workflow of {row.id}, {row.workflow_id}, runs and brings it to its end. To "
                    f"cancel it: rebalancer cancel {row.id}"
                )
                raise ApplicationError(told, type="NoOrphan", non_retryable=True)
            end_orphan(self.desk, row.id)
        return conclude(self.desk, row.id, row.account_id)


class AccountBusy(ApplicationError):
    """Another rebalance trades on the account: to be tried again once it has ended."""

    def __init__(self, told: str) -> None:
        super().__init__(told, type="AccountBusy")


class InTheWay(Exception):
    """Another rebalance on the account. Raised inside a transaction, which it undoes."""

    def __init__(self, rebalance: Any, otherwise: ApplicationError | None, known_gone: bool = False) -> None:
        super().__init__(f"{rebalance.id} is in the way")
        self.rebalance_id: str = rebalance.id
        self.start_key: str = rebalance.start_key
        self.otherwise = otherwise  # what is said where its workflow lives; None: then it may stay
        self.known_gone = known_gone


def by_turns(desk: Desk, work: Callable[[frozenset[str]], AnswerT]) -> AnswerT:
    """What the work gives, once nothing is in its way whose workflow is gone.

    The work is given the start keys of those that live and may stay. Raises what InTheWay says of one that lives.
    """
    alive: frozenset[str] = frozenset()
    while True:
        try:
            return work(alive)
        except InTheWay as found:
            if found.known_gone or desk.is_over(found.start_key):
                end_orphan(desk, found.rebalance_id)
            elif found.otherwise is not None:
                raise found.otherwise from None
            else:
                alive |= {found.start_key}


def take_turn(books: Transaction, account_id: str) -> None:
    """Raises InTheWay while another rebalance trades on the account; the step is tried again until it has ended."""
    other = books.rebalances.executing(account_id)
    if other is not None:
        told = f"{other.id} trades on account {account_id}: it has to end first ({EXEC_3.code})"
        raise InTheWay(other, AccountBusy(told))


def end_orphan(desk: Desk, rebalance_id: str) -> None:
    """Ends a rebalance that its workflow left behind: what the venue took is booked, what was not sent never will be.

    Where nothing was begun it ends CANCELED; the queue keeps the account, with the reason. Done twice, it is done once.
    """
    with desk.books.transaction(actor()) as books:
        row = books.rebalances.get(rebalance_id)
        sender = Sender(desk, books, row) if row.stage in TRADING else None
    if sender is not None:
        with contextlib.suppress(Over):
            sender.give_back(GONE)
        conclude(desk, row.id, row.account_id)
    else:
        end_unexecuted(desk, row.id, row.account_id)
