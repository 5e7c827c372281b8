"""`/status` and an account's `/diagnosis`: what waits for somebody, and why an account is not rebalanced."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query

from policy.trading_days import trade_date
from reading.actions import Advice
from reading.health import diagnose, status
from reading.health.checks import Check
from reading.places import behind
from web.actions import command
from web.api.caller import Caller, needs, reached
from web.api.cursors import WHOLE, Cursor, Limit
from web.api.problems import documented
from web.api.shapes import Shape

router = APIRouter(tags=["health"])
T = TypeVar("T")
Place = Annotated[Cursor, Query(alias="cursor")]
PATIENCE = 30  # seconds


class CheckRow(Shape):
    """A check; `ok` is false where somebody has to act."""

    check: str
    ok: bool
    found: str
    next_action: str | None


class Status(Shape):
    """Whether all is well, and a page of the checks, in the order in which to mend them."""

    ok: bool
    checks: list[CheckRow]
    next_cursor: str | None


class Diagnosis(Shape):
    """A page of the questions of an account, with their answers."""

    account_id: str
    checks: list[CheckRow]
    next_cursor: str | None


@router.get("/status", responses=documented())
def show(caller: Annotated[Caller, needs("read")], limit: Limit = WHOLE, cursor_: Place = None) -> Status:
    """Is it working, and what waits for somebody?"""
    console = caller.console
    found = _asked(caller, status.checks(lambda: console.books.engine, lambda: reached(console), console.clock.today()))
    rows, after = _page(found, cursor_, limit)
    return Status(ok=all(each.ok for each in found), checks=rows, next_cursor=after)


@router.get("/accounts/{account_id}/diagnosis", responses=documented(404))
def why(
    caller: Annotated[Caller, needs("read")],
    account_id: Annotated[str, Path(max_length=200, pattern=r"^[^\x00/]+$")],
    limit: Limit = WHOLE,
    cursor_: Place = None,
) -> Diagnosis:
    """Why is this account not rebalanced?"""
    console = caller.console
    asked = diagnose.diagnose(
        console.books, lambda: reached(console), account_id, console.clock.today(), trade_date(caller.now)
    )
    found = _asked(caller, asked)
    rows, after = _page(found.checks, cursor_, limit)
    return Diagnosis(account_id=found.account_id, checks=rows, next_cursor=after)


def _page(found: Sequence[Check], given: str | None, limit: int) -> tuple[list[CheckRow], str | None]:
    """A page of checks, each once by its name, and where the next one begins. Raises Lost."""
    page = behind([each.as_json(_said) for each in found], "check", given, limit)
    return [CheckRow.model_validate(each) for each in page.rows], page.after


def _asked(caller: Caller, question: Coroutine[Any, Any, T]) -> T:
    """The answer to what is asked on the server's loop, from an operation's thread."""
    loop = caller.console.temporal.loop
    assert loop is not None, "the server has not begun"
    return asyncio.run_coroutine_threadsafe(question, loop).result(PATIENCE)


def _said(advice: Advice) -> str:
    return "; ".join(each.said(command(each)) for each in advice)
