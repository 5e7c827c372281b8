"""`/accounts`: one account as the books have it, what would be done, and what may be changed without trading."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.responses import Response

from acting import accounts, targets
from domain.plan import plan
from domain.telling import plan_json
from domain.values.money import cents, plain
from policy.trading_days import trade_date
from reading.accounts.accounts import whole
from reading.accounts.standing import standing_of
from reading.work import listings
from web.api.caller import Caller, needs
from web.api.cursors import LIMIT, Cursor, Limit
from web.api.once import Done, Once, once
from web.api.problems import documented
from web.api.shapes import Given, Shape

router = APIRouter(tags=["accounts"])
Id = Annotated[str, Path(max_length=200, pattern=r"^[^\x00/]+$")]
Mode = Literal["best_fit", "exact", "min_transaction"]


class AccountRow(Shape):
    """An account in the list; `queued` is its primary reason in the queue."""

    account_id: str
    name: str | None
    status: str
    rebalancing: bool
    target: str | None
    queued: str | None


class Accounts(Shape):
    """A page of accounts, by id."""

    accounts: list[AccountRow]
    next_cursor: str | None


class HoldingRow(Shape):
    """A holding of a sleeve."""

    symbol: str
    quantity: str


class SleeveRow(Shape):
    """A sleeve: `managed`, or `model:<id>`, with its cash and holdings."""

    sleeve: str
    cash: str
    holdings: list[HoldingRow]


class Account(Shape):
    """An account as the books have it on their business day."""

    account_id: str
    name: str | None
    custodian: str
    status: str
    rebalancing: bool
    target: str | None
    as_of: str
    sleeves: list[SleeveRow]
    protected: list[HoldingRow]
    queued: list[str]
    in_flight: str | None
    open_breaks: list[int]


class TargetOf(Given):
    """The target that an account is to have."""

    target: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class Toggle(Given):
    """Whether the account is rebalanced."""

    rebalancing: bool


class Changed(Shape):
    """What was changed, and what followed, in words."""

    account_id: str
    says: str


@router.get("/accounts", responses=documented())
def listing(
    caller: Annotated[Caller, needs("read")],
    q: Annotated[str, Query(max_length=80, pattern=r"^[^\x00]*$", description="How the id or the name begins")] = "",
    limit: Limit = LIMIT,
    cursor_: Annotated[Cursor, Query(alias="cursor")] = None,
) -> Accounts:
    """Accounts by id, by keyset."""
    with caller.console.books.reading() as books:
        found = listings.accounts(books, q.strip(), cursor_, limit)
    return Accounts(accounts=[AccountRow.model_validate(each) for each in found.rows], next_cursor=found.after)


@router.get("/accounts/{account_id}", responses=documented(404))
def show(caller: Annotated[Caller, needs("read")], account_id: Id) -> Account:
    """All that the books have of it."""
    with caller.console.books.reading() as books:
        found = whole(books, account_id, caller.console.clock.today(), trade_date(caller.now))
    account, entry, under_way = found.snapshot.account, found.entry, found.under_way
    return Account(
        account_id=account.id,
        name=account.name or None,
        custodian=account.custodian,
        status=account.status,
        rebalancing=account.rebalancing,
        target=account.target_id,
        as_of=str(found.snapshot.as_of),
        sleeves=[
            SleeveRow(sleeve=each.key, cash=cents(each.cash), holdings=_holdings(each.holdings))
            for each in account.sleeves
        ],
        protected=_holdings(account.protected),
        queued=list(entry.reasons) if entry else [],
        in_flight=under_way.id if under_way else None,
        open_breaks=[each.id for each in found.breaks],
    )


@router.get("/accounts/{account_id}/plan", responses=documented(404))
def what_if(caller: Annotated[Caller, needs("read")], account_id: Id, mode: Mode = "best_fit") -> dict[str, Any]:
    """What would be done now, as docs/formats.md has a plan; nothing is kept, and nothing trades."""
    with caller.console.books.reading() as books:
        found = standing_of(books, account_id, caller.console.clock.today(), trade_date(caller.now))
    made: dict[str, Any] = plan_json.as_json(plan(found.snapshot, found.policy, mode))
    return made


@router.put("/accounts/{account_id}/target", response_model=Changed, responses=documented(404, 409))
def assign(
    caller: Annotated[Caller, needs("assign")], call: Annotated[Once, Depends(once)], account_id: Id, body: TargetOf
) -> Response:
    """Assigns a target, and queues the account at once; nothing trades."""
    return _change(caller, call, account_id, targets.assign, body.target)


@router.delete("/accounts/{account_id}/target", response_model=Changed, responses=documented(404, 409))
def remove(
    caller: Annotated[Caller, needs("assign")], call: Annotated[Once, Depends(once)], account_id: Id
) -> Response:
    """Takes its target away, and queues it to be liquidated; nothing trades before an approval."""
    return _change(caller, call, account_id, targets.remove)


@router.put("/accounts/{account_id}/rebalancing", response_model=Changed, responses=documented(404, 409))
def switch(
    caller: Annotated[Caller, needs("switch")], call: Annotated[Once, Depends(once)], account_id: Id, body: Toggle
) -> Response:
    """The toggle: on queues it at once, off withdraws it."""
    return _change(caller, call, account_id, accounts.switch_rebalancing, body.rebalancing)


def _change(caller: Caller, call: Once, account_id: str, change: Any, *to: Any) -> Response:
    """A change of one account, in the books at once; what it did is told in words."""
    console = caller.console

    def do(_: Any) -> Done:
        (says,) = change(console.books, caller.person, [account_id], *to, console.clock.today(), caller.sign)
        return Done(200, {"account_id": account_id, "says": says})

    return call.answered(caller, do)


def _holdings(held: Any) -> list[HoldingRow]:
    return [HoldingRow(symbol=each.symbol, quantity=plain(each.quantity)) for each in held]
