"""Submitting accounts for a rebalance: one request, which checks and plans each. Nothing trades before an approval."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from acting.starting import starting
from identity.person import Person
from reading.actions import do
from reading.refused import Conflict, Refused, Unknown
from reading.temporal import Connect

if TYPE_CHECKING:
    from storage.connection import Books

Json = dict[str, Any]
AT_MOST = 50_000  # accounts by name; the queue may hold any number
LOOKED_AT = 200  # of accounts with a rebalance under way, so many are asked whether it is alive


@dataclass(frozen=True, slots=True)
class Submitted:
    """A request, its accounts, and a line for each that a rebalance is under way on. Rehearsed, it has no id."""

    request_id: str | None
    account_ids: list[str]
    busy: list[str]
    approval: str | None

    def as_json(self) -> Json:
        """The public form. What was only rehearsed names its accounts."""
        told: Json = {"request_id": self.request_id, "accounts": len(self.account_ids), "busy": self.busy}
        return told if self.request_id else told | {"account_ids": self.account_ids}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be submitted: accounts by name, the queue (for reasons), or what failed in a request; one of them.

    `terms` are the request's mode, approval, kind, amount and override, as far as they are given.
    """

    terms: Json
    accounts: Sequence[str] = ()
    queue: bool = False
    reasons: Sequence[str] = ()
    failed_of: str | None = None


def unsigned(given: Json) -> Json:
    """Nothing beside what is asked: a typed name is enough."""
    return {}


async def submit(
    books: "Books",
    temporal: Connect,
    person: Person,
    wanted: Wanted,
    today: date,
    *,
    request_id: str | None = None,
    sign: Callable[[Json], Json] = unsigned,
    patience: timedelta | None = None,
) -> Submitted:
    """Starts the request. Raises Unknown, and Conflict where a rebalance is under way on every account of it.

    Under the same `request_id` it is started once. `sign` gives what proves who asks, of all that is asked.
    """
    given, chosen = await _chosen(books, temporal, wanted, today)
    if request_id is not None and await _is_started(books, temporal, request_id):
        return Submitted(request_id, chosen, [], given.get("approval"))
    busy = await _busy(books, temporal, chosen)
    request_id = request_id or f"Q-{today:%Y%m%d}-{secrets.token_hex(4)}"
    given |= {"request_id": request_id, "requested_by": person.name}
    asked = {key: value for key, value in given.items() if value not in (None, [], "")}
    await start(temporal, asked | sign(asked), patience)
    return Submitted(request_id, chosen, busy, given.get("approval"))


async def rehearse(books: "Books", temporal: Connect, wanted: Wanted, today: date) -> Submitted:
    """What `submit` would do, by the same checks, with the same refusals; nothing is started."""
    given, chosen = await _chosen(books, temporal, wanted, today)
    return Submitted(None, chosen, await _busy(books, temporal, chosen), given.get("approval"))


async def _chosen(books: "Books", temporal: Connect, wanted: Wanted, today: date) -> tuple[Json, list[str]]:
    """What the request would be given, and its accounts."""
    given = dict(wanted.terms)
    if wanted.failed_of:
        return await _again(books, temporal, wanted.failed_of, given)
    if wanted.queue:
        given["queue"] = {"reasons": list(wanted.reasons)}
        return given, await asyncio.to_thread(_queued, books, wanted.reasons, today)
    given["account_ids"] = chosen = await asyncio.to_thread(_known, books, wanted.accounts)
    return given, chosen


async def _is_started(books: "Books", temporal: Connect, request_id: str) -> bool:
    """True where the same call was made before, and its answer was lost."""
    from storage.work.requests import UnknownRequest
    from workflows.contract import request_workflow_id

    def is_known() -> bool:
        with books.transaction() as read:
            try:
                return read.requests.get(request_id) is not None
            except UnknownRequest:
                return False

    return await asyncio.to_thread(is_known) or bool(await runs(temporal, [request_workflow_id(request_id)]))


def _queued(books: "Books", reasons: Sequence[str], today: date) -> list[str]:
    from domain.queue import REASONS

    if unknown := [each for each in reasons if each not in REASONS]:
        raise Refused(f"unknown reason {', '.join(unknown)}: there is {', '.join(REASONS)}")
    with books.transaction() as read:
        found = read.requests.queued(list(reasons), today)
    if not found:
        of = f" for {', '.join(reasons)}" if reasons else ""
        raise Unknown(f"nothing is queued{of} that nobody holds: ", do("queue", told="see `{}`"))
    return found


def _known(books: "Books", accounts: Sequence[str]) -> list[str]:
    """The accounts named, once each. Refused whole where one is unknown."""
    wanted = list(dict.fromkeys(accounts))
    if len(wanted) > AT_MOST:
        raise Refused(f"{len(wanted)} accounts are more than {AT_MOST} at once: submit them in several requests")
    with books.transaction() as read:
        unknown = read.requests.unknown(wanted)
    if unknown:
        raise Unknown(f"unknown account {', '.join(unknown)}: nothing was submitted. Check the id, or load a book")
    return wanted


async def _again(books: "Books", temporal: Connect, request_id: str, given: Json) -> tuple[Json, list[str]]:
    """What failed in a request, to be submitted as it was, except for what is given anew."""
    from domain.requests import FAILED, NOT_STARTED
    from domain.values.money import plain
    from storage.work.requests import UnknownRequest

    def found() -> tuple[Any, list[str]]:
        with books.transaction() as read:
            try:
                row = read.requests.get(request_id)
            except UnknownRequest:
                raise Unknown(f"{request_id} is no request: ", do("history", told="see `{}` for the ids")) from None
            return row, [each.account_id for each in read.requests.accounts(request_id, [*FAILED, NOT_STARTED])]

    row, chosen = await asyncio.to_thread(found)
    if row.stage != "ENDED" and await runs(temporal, [row.workflow_id]):
        follow = do("submit", resume=request_id, told="follow it with `{}`")
        raise Conflict(f"{request_id} is still {row.stage}: ", follow)
    if not chosen:
        raise Conflict(f"nothing of {request_id} FAILED: ", do("show", request_id, told="see `{}`"))
    before = {"mode": row.mode, "approval": row.approval, "kind": row.kind, "override": list(row.overrides)}
    if row.amount is not None:
        before["amount"] = plain(row.amount)
    return before | {key: value for key, value in given.items() if value} | {"failed_of": request_id}, chosen


async def _busy(books: "Books", temporal: Connect, chosen: list[str]) -> list[str]:
    """A line for each account that a rebalance is under way on. Refused where they all are: nothing could be done."""

    def found() -> Sequence[Any]:
        with books.transaction() as read:
            return read.requests.under_way(chosen)

    rows = await asyncio.to_thread(found)
    alive = await runs(temporal, [row.workflow_id for row in rows[:LOOKED_AT]]) if rows else set()
    busy = [row for row in rows if row.workflow_id in alive]
    lines = [f"account {row.account_id} is busy: {row.id} is {row.stage} (EXEC-3)" for row in busy]
    if busy and len(busy) == len(chosen):
        look = do("show", busy[0].id, told="Decide about it: {}")
        more = f". So are the other {len(busy) - 1}" if len(busy) > 1 else ""
        raise Conflict(f"{lines[0]}. ", look, f"{more}; nothing was submitted", rule="EXEC-3")
    return lines


async def start(temporal: Connect, given: Json, patience: timedelta | None = None) -> None:
    """Starts a request of what is given, as docs/formats.md has it. Refused; raises WorkflowAlreadyStartedError."""
    from workflows import search_attributes
    from workflows.contract import TASK_QUEUE, request_workflow_id
    from workflows.priorities import BY_NAME

    client = await starting(temporal)
    await client.start_workflow(
        "RebalanceRequest",
        given,
        id=request_workflow_id(given["request_id"]),
        task_queue=TASK_QUEUE,
        search_attributes=search_attributes.of_request(given["request_id"]),
        static_summary=f"request {given['request_id']} of {given['requested_by']}",
        priority=BY_NAME["person"],
        rpc_timeout=patience,
    )


async def runs(temporal: Connect, workflow_ids: list[str], patience: timedelta | None = None) -> set[str]:
    """Those of the workflows that are running."""
    from temporalio.client import WorkflowExecutionStatus
    from temporalio.service import RPCError

    client, gate = await temporal(), asyncio.Semaphore(20)

    async def one(workflow_id: str) -> bool:
        async with gate:
            try:
                described = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=patience)
            except RPCError:
                return False
            return described.status == WorkflowExecutionStatus.RUNNING

    answers = await asyncio.gather(*map(one, workflow_ids))
    return {each for each, running in zip(workflow_ids, answers, strict=True) if running}
