"""`/status`: does everything work, what waits. `/accounts/A/diagnosis`: why is this one not rebalanced?"""

from typing import Annotated, Any

from fastapi import APIRouter
from starlette.responses import Response

from policy.trading_days import trade_date
from reading.health import diagnose
from reading.health.checks import Check, to_act
from reading.health.diagnosis import QUESTIONS
from web import tables
from web.actions import label, where
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
COLUMNS = ("check", "ok", "found", "next_action")


@router.get("/status")
def show(visit: Annotated[Visit, needs("read")], format: Format = "html") -> Response:
    """The checks, in the order in which to put things right."""
    found = visit.checks()
    listed = [told(each) for each in found]
    if format != "html":
        return tables.file("status", format, COLUMNS, listed)
    count = to_act(found)
    return visit.page("status.html", title="Status", status=f"{count} to act on" if count else "ok", live={},
                      rows=listed, count=count)  # fmt: skip


@router.get("/accounts/{account_id}/diagnosis")
def diagnosis(visit: Annotated[Visit, needs("read")], account_id: str, format: Format = "html") -> Response:
    """The questions that operators ask of one account, in the order in which to ask them."""
    console = visit.console
    asked = diagnose.diagnose(console.books, visit.temporal, account_id, console.clock.today(), trade_date(visit.now))
    found = console.temporal.run(asked)
    listed = [told(each, QUESTIONS.get(each.check)) for each in found.checks]
    if format != "html":
        return tables.file(f"{account_id}-diagnosis", format, COLUMNS, listed)
    return visit.page("status.html", title=f"Why is {account_id} not rebalanced?", live={"account": account_id},
                      rows=listed, count=to_act(found.checks))  # fmt: skip


def told(each: Check, question: str | None = None) -> dict[str, Any]:
    """A check as a page shows it, with links to where it is put right."""
    todo = [(action.told.partition("{}"), where(action), label(action)) for action in each.next_action]
    words = "".join(f"{before}{typed}{after}" for (before, _, after), _, typed in todo)
    return {
        "check": each.check,
        "called": question or each.check.replace("_", " "),
        "ok": each.ok,
        "found": each.found,
        "next_action": words or None,
        "todo": todo,
    }
