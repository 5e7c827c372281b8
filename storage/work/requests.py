"""Rebalance requests: which accounts somebody asked for, how each stands, and what was decided about them.

How a started account stands is its rebalance's business and read there (`request_standing`); only what no rebalance
knows (not started, busy elsewhere, its workflow gone) is kept with the request.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Text,
    and_,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as insert_once

from domain import queue as queue_rules
from domain.requests import BUSY, FAILED, NOT_STARTED, in_order
from domain.values.outcome import Status
from storage.schema.execution import rebalances
from storage.schema.requests import account_holds, rebalance_requests, request_accounts
from storage.schema.tables import accounts, queue_entries
from storage.values import among, by_key
from storage.work.request_standing import (
    APPROVED,
    AT_VENUE,
    DECIDED,
    ISSUE,
    NEWEST,
    OUTCOME,
    PENDING,
    RequestAccount,
    accounts_of,
)

Json = dict[str, Any]


class UnknownRequest(LookupError):
    """There is no request of that id."""


@dataclass(frozen=True, slots=True)
class NewRequest:
    """What a request starts with. `start_key` names the start of its workflow: a reset run finds its own by it."""

    id: str
    start_key: str
    workflow_id: str
    requested_by: str
    chosen: Json
    mode: str
    approval: str
    kind: str
    amount: Decimal | None
    overrides: tuple[str, ...]
    requested_subject: str | None = None  # where it was signed for


def _queued(reasons: Collection[str], today: date) -> Select[Any]:
    """Accounts in the queue that nobody holds today, each with its place, from 1."""
    rank = func.array_position(
        literal(list(queue_rules.REASONS), ARRAY(queue_entries.c.primary_reason.type)), queue_entries.c.primary_reason
    )
    place = func.row_number().over(order_by=(rank, by_key(queue_entries.c.account_id))).label("place")
    query = select(queue_entries.c.account_id, place).where(queue_entries.c.left_at.is_(None))
    holds = select(account_holds.c.account_id).where(
        account_holds.c.account_id == queue_entries.c.account_id, account_holds.c.until >= today
    )
    query = query.where(~holds.exists())
    if not reasons:
        return query
    return query.where(or_(*(queue_entries.c.reasons.has_key(reason) for reason in reasons)))


class Requests:
    """The requests of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    # --- a request

    def create(self, new: NewRequest) -> bool:
        """A new request, without accounts yet; False where there is one of that id."""
        made = self.connection.execute(
            insert_once(rebalance_requests)
            .on_conflict_do_nothing()
            .values(
                id=new.id,
                start_key=new.start_key,
                workflow_id=new.workflow_id,
                requested_by=new.requested_by,
                requested_subject=new.requested_subject,
                chosen=new.chosen,
                mode=new.mode,
                approval=new.approval,
                kind=new.kind,
                amount=new.amount,
                overrides=list(new.overrides),
                stage="RUNNING",
            )
            .returning(rebalance_requests.c.id)
        ).one_or_none()
        return made is not None

    def get(self, request_id: str, lock: bool = False) -> Row[Any]:
        """A request. Raises UnknownRequest."""
        query = select(rebalance_requests).where(rebalance_requests.c.id == request_id)
        found = self.connection.execute(query.with_for_update() if lock else query).one_or_none()
        if found is None:
            raise UnknownRequest(request_id)
        return found

    def known(self, request_ids: Collection[str]) -> set[str]:
        """Which of these are requests: rebalances that were started one by one may name one that is none."""
        query = select(rebalance_requests.c.id).where(among(rebalance_requests.c.id, request_ids))
        return set(self.connection.scalars(query))

    def signed_for(self, request_id: str, account_id: str) -> Row[Any] | None:
        """The request, where somebody signed for it and the account is one of its; else None."""
        return self.connection.execute(
            select(rebalance_requests)
            .join(request_accounts, request_accounts.c.request_id == rebalance_requests.c.id)
            .where(
                rebalance_requests.c.id == request_id,
                rebalance_requests.c.requested_subject.is_not(None),
                request_accounts.c.account_id == account_id,
            )
        ).one_or_none()

    def steer(self, request_id: str, stage: str) -> None:
        """RUNNING or PAUSED; one that has ended stays so."""
        self._set(request_id, rebalance_requests.c.stage != "ENDED", stage=stage)

    def end(self, request_id: str, status: Status) -> None:
        """The end of a request."""
        self._set(request_id, rebalance_requests.c.stage != "ENDED", stage="ENDED", status=status, ended_at=func.now())

    def _set(self, request_id: str, *where: Any, **values: Any) -> None:
        self.connection.execute(
            update(rebalance_requests).where(rebalance_requests.c.id == request_id, *where).values(**values)
        )

    # --- its accounts, chosen once

    def unknown(self, account_ids: Collection[str]) -> list[str]:
        """Those of the ids that no account has, in the order given."""
        known = set(self.connection.execute(select(accounts.c.id).where(among(accounts.c.id, account_ids))).scalars())
        return [each for each in account_ids if each not in known]

    def queued(self, reasons: Collection[str], today: date) -> list[str]:
        """The accounts in the queue for any of the reasons (none: all), in the queue's order; none that is held."""
        return list(self.connection.execute(_queued(reasons, today).order_by("place")).scalars())

    def under_way(self, account_ids: Collection[str]) -> Sequence[Row[Any]]:
        """The rebalances under way on any of the accounts: id, account_id, workflow_id, stage."""
        columns = [rebalances.c.id, rebalances.c.account_id, rebalances.c.workflow_id, rebalances.c.stage]
        return self.connection.execute(
            select(*columns)
            .where(among(rebalances.c.account_id, account_ids), rebalances.c.stage != "ENDED")
            .order_by(by_key(rebalances.c.account_id))
        ).all()

    def choose_named(self, request_id: str, account_ids: Sequence[str]) -> int:
        """The accounts named, in their order, once each; the number of them."""
        once = list(dict.fromkeys(account_ids))
        rows = [
            {"request_id": request_id, "position": at, "account_id": account_id}
            for at, account_id in enumerate(once, start=1)
        ]
        if rows:
            self.connection.execute(insert(request_accounts), rows)
        return self._chosen(request_id)

    def choose_queued(self, request_id: str, reasons: Collection[str], today: date) -> int:
        """The accounts in the queue for any of the reasons (none: all), in the queue's order; the number of them.

        Those that somebody holds are left out.
        """
        found = _queued(reasons, today).subquery()
        query = select(literal(request_id), found.c.place, found.c.account_id)
        return self._choose(request_id, query)

    def choose_failed(self, request_id: str, failed_of: str) -> int:
        """The accounts of another request on which nothing of it was executed for a fault; the number of them.

        Of a request that was left behind, those that it never started, too.
        """
        again = [*FAILED, NOT_STARTED]
        found = accounts_of(failed_of, OUTCOME.in_(again)).subquery()
        query = select(literal(request_id), func.row_number().over(order_by=found.c.position), found.c.account_id)
        return self._choose(request_id, query)

    def _choose(self, request_id: str, query: Select[Any]) -> int:
        self.connection.execute(insert(request_accounts).from_select(["request_id", "position", "account_id"], query))
        return self._chosen(request_id)

    def _chosen(self, request_id: str) -> int:
        """Notes how many they are."""
        count = select(func.count()).where(request_accounts.c.request_id == request_id).scalar_subquery()
        self._set(request_id, accounts=count)
        return int(self.get(request_id).accounts)

    # --- how they stand

    def take(self, request_id: str, after: int, size: int) -> list[RequestAccount]:
        """The next accounts behind a position; those that were not started are so from now on.

        An account that was cancelled meanwhile keeps that, and its outcome says so. Asked again, the same answer.
        """
        of_page = and_(request_accounts.c.position > after, request_accounts.c.position <= after + size)
        self.connection.execute(
            update(request_accounts)
            .where(request_accounts.c.request_id == request_id, of_page, request_accounts.c.state == NOT_STARTED)
            .values(state="STARTED")
        )
        return self._read(accounts_of(request_id, of_page))

    def accounts(
        self, request_id: str, outcomes: Collection[str] = (), limit: int | None = None
    ) -> list[RequestAccount]:
        """The accounts in their order, or those with one of the outcomes."""
        where = [OUTCOME.in_(list(outcomes))] if outcomes else []
        return self._read(accounts_of(request_id, *where).limit(limit))

    def page(
        self, request_id: str, outcome: str | None, order: Sequence[str], after: tuple[int, str] | None, size: int
    ) -> tuple[list[RequestAccount], tuple[int, str] | None]:
        """Accounts in this order of outcomes, then by id, behind a place; and where the next page begins."""
        rank = func.array_position(literal(list(order), ARRAY(Text)), OUTCOME)
        place = rank, by_key(request_accounts.c.account_id)
        where: list[Any] = [] if outcome is None else [OUTCOME.in_([outcome])]
        if after is not None:
            where.append(tuple_(*place) > tuple_(after[0], by_key(literal(after[1]))))
        found = self._read(accounts_of(request_id, *where).order_by(None).order_by(*place).limit(size + 1))
        last = found[size - 1] if len(found) > size else None
        return found[:size], None if last is None else (order.index(last.outcome) + 1, last.account_id)

    def behind(self, request_id: str, position: int, size: int) -> list[RequestAccount]:
        """The accounts behind a position, in their order."""
        return self._read(accounts_of(request_id, request_accounts.c.position > position).limit(size))

    def account(self, request_id: str, account_id: str) -> RequestAccount | None:
        """One account of the request."""
        found = self._read(accounts_of(request_id, request_accounts.c.account_id == account_id))
        return found[0] if found else None

    def issues(self, request_id: str, limit: int) -> list[RequestAccount]:
        """The first accounts that have an issue."""
        return self._read(accounts_of(request_id, ISSUE.is_not(None)).limit(limit))

    def counts(self, request_id: str, up_to: int | None = None) -> dict[str, int]:
        """The number of accounts by outcome, of all or of those up to a position."""
        where = [] if up_to is None else [request_accounts.c.position <= up_to]
        each = accounts_of(request_id, *where).order_by(None).subquery()
        found = self.connection.execute(select(each.c.outcome, func.count()).group_by(each.c.outcome))
        return in_order({row[0]: row[1] for row in found})

    def note(self, request_id: str, account_id: str, state: str, issue: str | None) -> None:
        """What became of a started account that its own rebalance can't tell; what that rebalance tells stays."""
        ended = rebalances.c.status.is_not(None) if state != BUSY else true()
        own = select(rebalances.c.id).where(
            rebalances.c.request_id == request_id, rebalances.c.account_id == account_id, ended
        )
        self.connection.execute(
            update(request_accounts)
            .where(
                request_accounts.c.request_id == request_id,
                request_accounts.c.account_id == account_id,
                request_accounts.c.state == "STARTED",
                ~own.exists(),
            )
            .values(state=state, issue=issue)
        )

    def cancel_waiting(self, request_id: str, issue: str, account_ids: Collection[str] | None) -> list[str]:
        """Cancels accounts that were not started, all or those named; which they were."""
        where = [request_accounts.c.request_id == request_id, request_accounts.c.state == NOT_STARTED]
        if account_ids is not None:
            where.append(among(request_accounts.c.account_id, account_ids))
        changed = update(request_accounts).where(*where).values(state="CANCELED", issue=issue)
        return list(self.connection.execute(changed.returning(request_accounts.c.account_id)).scalars())

    # --- what a person decided, and whether the accounts' workflows were told

    def pending(self, request_id: str, up_to: int | None = None) -> list[RequestAccount]:
        """The accounts whose plan waits for somebody to decide about it, in their order."""
        where = [] if up_to is None else [request_accounts.c.position <= up_to]
        return self._read(accounts_of(request_id, PENDING, *where))

    def waiting(self, request_id: str) -> int:
        """How many they are."""
        found = accounts_of(request_id, PENDING).order_by(None).subquery()
        return self.connection.scalar(select(func.count()).select_from(found)) or 0

    def approve(
        self, request_id: str, by: str, unseen: bool, account_ids: Collection[str], decision_id: str | None = None
    ) -> None:
        """Keeps an approval of the plans of these accounts, which wait for one."""
        where = [PENDING, among(request_accounts.c.account_id, account_ids)]
        self._decide(request_id, where, "approve", by, None, unseen, decision_id)

    def cancel(
        self,
        request_id: str,
        by: str,
        why: str | None,
        account_ids: Collection[str] | None,
        decision_id: str | None = None,
    ) -> list[str]:
        """Keeps a cancellation of every plan that was not begun, or of those of the accounts named; which they are.

        Also of one that was approved meanwhile: a decision that was not answered yet can be taken back (DECIDE-2).
        """
        where = [OUTCOME.in_(("PENDING_APPROVAL", "APPROVED")), or_(PENDING, APPROVED)]
        if account_ids is not None:
            where.append(among(request_accounts.c.account_id, account_ids))
        return self._decide(request_id, where, "cancel", by, why, False, decision_id)

    def _decide(
        self,
        request_id: str,
        where: Sequence[Any],
        decision: str,
        by: str,
        why: str | None,
        unseen: bool,
        decision_id: str | None,
    ) -> list[str]:
        found = accounts_of(request_id, *where).subquery()
        changed = (
            update(request_accounts)
            .where(request_accounts.c.request_id == request_id, request_accounts.c.position == found.c.position)
            .values(
                decision=decision,
                decided_by=by,
                decided_why=why,
                unseen=unseen,
                decision_id=decision_id,
                decided_round=found.c.round,
                told_at=None,
            )
            .returning(request_accounts.c.account_id)
        )
        return list(self.connection.execute(changed).scalars())

    def untold(self, request_id: str, decisions: Collection[str], limit: int) -> list[RequestAccount]:
        """Decisions that the accounts' workflows have not been told, and still can be."""
        return self._read(
            accounts_of(
                request_id,
                request_accounts.c.decision.in_(list(decisions)),
                request_accounts.c.told_at.is_(None),
                request_accounts.c.state == "STARTED",
                NEWEST.c.stage == "PENDING_APPROVAL",
                DECIDED,
            ).limit(limit)
        )

    def told(self, request_id: str, account_id: str) -> None:
        """The account's workflow has taken the decision."""
        self._set_account(request_id, account_id, told_at=func.now())

    def undecide(self, request_id: str, account_id: str) -> None:
        """The account's workflow refused the decision: it is as if there were none."""
        nothing: dict[str, Any] = {"decision": None, "decided_by": None, "decided_why": None, "decided_round": None}
        nothing |= {"unseen": False, "decision_id": None}
        self._set_account(request_id, account_id, **nothing)

    # --- those that no run of the request's workflow watches as its own

    def unseen(self, request_id: str, up_to: int, limit: int) -> list[RequestAccount]:
        """Accounts under way up to a position, those first whose workflows were looked at longest ago."""
        under_way = and_(request_accounts.c.state == "STARTED", NEWEST.c.stage != "ENDED")
        query = accounts_of(request_id, request_accounts.c.position <= up_to, under_way)
        longest_ago = request_accounts.c.looked_at.asc().nulls_first()
        return self._read(query.order_by(None).order_by(longest_ago, request_accounts.c.position).limit(limit))

    def resting(self, request_id: str, up_to: int) -> int:
        """How many accounts up to a position execute, and merely wait for an order at the venue."""
        where = [request_accounts.c.position <= up_to, NEWEST.c.stage == "EXECUTING", AT_VENUE]
        found = accounts_of(request_id, *where).order_by(None).subquery()
        return int(self.connection.scalar(select(func.count()).select_from(found)) or 0)

    def begun(self, request_id: str, account_ids: Collection[str]) -> tuple[list[str], list[str]]:
        """Those of the accounts that have a rebalance of the request, and those that merely wait at the venue."""
        named = among(request_accounts.c.account_id, account_ids)
        begun = self._read(accounts_of(request_id, named, NEWEST.c.id.is_not(None)))
        waits = self._read(accounts_of(request_id, named, NEWEST.c.stage == "EXECUTING", AT_VENUE))
        return [each.account_id for each in begun], [each.account_id for each in waits]

    def seen(self, request_id: str, account_ids: Collection[str], at: datetime) -> None:
        """Their workflows are alive."""
        self.connection.execute(
            update(request_accounts)
            .where(request_accounts.c.request_id == request_id, among(request_accounts.c.account_id, account_ids))
            .values(looked_at=at)
        )

    def _set_account(self, request_id: str, account_id: str, **values: Any) -> None:
        self.connection.execute(
            update(request_accounts)
            .where(request_accounts.c.request_id == request_id, request_accounts.c.account_id == account_id)
            .values(**values)
        )

    def _read(self, query: Select[Any]) -> list[RequestAccount]:
        return [RequestAccount(*row) for row in self.connection.execute(query)]
