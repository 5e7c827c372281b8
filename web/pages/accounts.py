"""`/accounts` and `/accounts/A`: who there is; and of one account all that the books have, and what would be done."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from acting import accounts, targets
from acting.submit import Wanted
from domain.evaluation import evaluate
from domain.plan import plan
from domain.telling import plan_json
from domain.values.policy import DEFAULT_MODE, MODES
from policy.trading_days import trade_date
from reading import words
from reading.accounts.accounts import held
from reading.accounts.reasons import reasons_now
from reading.accounts.standing import stand
from reading.accounts.statement import statement, terms
from reading.unknown import UnknownAccount
from reading.work import listed
from web import acts, tables
from web.tables import Format
from web.visit import Visit, needs

router = APIRouter()
SIZE = 50
COLUMNS = ("account_id", "name", "status", "rebalancing", "target", "managed_value", "cash", "queued")
PAST = 10


@router.get("/accounts")
def listing(
    visit: Annotated[Visit, needs("read")],
    q: Annotated[str, Query(max_length=80)] = "",
    after: Annotated[str, Query(max_length=200)] = "",
    format: Format = "html",
) -> Response:
    """Accounts by id whose id or name begins with what is given."""
    size = SIZE if format == "html" else tables.AT_MOST
    with visit.console.books.reading() as books:
        found = books.listings.accounts_like(q.strip(), after, size)
    rows = [_listed(each) for each in found.rows]
    if format != "html":
        return tables.file("accounts", format, COLUMNS, rows)
    following = rows[-1]["account_id"] if found.more else None
    return visit.page("accounts.html", title="Accounts", rows=rows, q=q.strip(), after=after, next=following, live={})


@router.get("/accounts/{account_id}")
def show(visit: Annotated[Visit, needs("read")], account_id: str) -> Response:
    """Sleeves, weights in their bands, lots, history, and the plan of every mode side by side."""
    today = visit.console.clock.today()
    with visit.console.books.reading() as books:
        try:
            snapshot, policy = books.snapshots.take(account_id, None, today, trade_date(visit.now))
        except UnknownAccount:
            visit.unknown(f"account {account_id}", "/accounts")
        entry = books.queue.entry(account_id)
        under_way = books.rebalances.in_flight(account_id)
        holding = held(books, account_id, today)
        past = [dict(listed.rebalance(each)) for each in books.rebalances.listing(account_id=account_id, limit=PAST)]
        breaks = books.breaks.open_of(account_id)
        assignable = [each.id for each in books.listings.targets(0, 500).rows] if visit.may("assign") else []
        standing = stand(snapshot, policy)
        stated = terms(books, standing) | statement(standing)
    made = {mode: plan_json.as_json(plan(snapshot, policy, mode)) for mode in MODES}
    first = made[DEFAULT_MODE]
    account = snapshot.account
    return visit.page(
        "account.html",
        title=f"{account.id}{f' · {account.name}' if account.name else ''}",
        status=under_way.stage.replace("_", " ").lower() if under_way else "queued" if entry else "",
        live={"account": account_id},
        account=account,
        as_of=visit.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        snapshot=snapshot,
        stated=stated,
        whole=first,
        plans=made,
        figures={mode: _figures(each) for mode, each in made.items()},
        symbols=_symbols(made),
        reasons=reasons_now(entry, evaluate(snapshot, policy)) if entry else [],
        held=holding,
        entry=entry,
        under_way=under_way,
        past=past,
        breaks=breaks,
        targets=assignable,
        modes=MODES,
        default=DEFAULT_MODE,
    )


@router.post("/accounts/{account_id}/plan")
def submit(
    visit: Annotated[Visit, needs("submit")], account_id: str, mode: Annotated[str, Form()] = DEFAULT_MODE
) -> Response:
    """A request of this account alone."""
    made = acts.start_request(visit.console, visit.person, Wanted({"mode": mode}, [account_id]))
    return visit.back(
        f"/requests/{made.request_id}", "It is being checked and planned. Nothing trades before an approval."
    )


@router.post("/accounts/{account_id}/rebalancing")
def switch(
    visit: Annotated[Visit, needs("switch")], account_id: str, on: Annotated[str, Form(pattern="^(on|off)$")]
) -> Response:
    """The toggle: on queues the account at once, off withdraws it. The page it leads to can undo it."""
    today = visit.console.clock.today()
    told = accounts.switch_rebalancing(visit.console.books, visit.person, [account_id], on == "on", today, visit.sign)
    return visit.back(f"/accounts/{account_id}", f"{' '.join(told)}. To undo it, switch it back.")


@router.post("/accounts/{account_id}/target")
def assign(visit: Annotated[Visit, needs("assign")], account_id: str, target: Annotated[str, Form()] = "") -> Response:
    """Another target, or none. Queues the account at once; nothing trades."""
    books, today = visit.console.books, visit.console.clock.today()
    if target:
        told = targets.assign(books, visit.person, [account_id], target, today, visit.sign)
    else:
        told = targets.remove(books, visit.person, [account_id], today, visit.sign)
    return visit.back(f"/accounts/{account_id}", f"{' '.join(told)}. To undo it, assign the one before.")


def _listed(row: Any) -> dict[str, Any]:
    return {
        "account_id": row.id,
        "name": row.name,
        "status": row.status,
        "rebalancing": row.rebalancing,
        "target": row.target_id,
        "managed_value": None,
        "cash": None,
        "queued": row.queued,
    }


def _figures(made: Any) -> dict[str, Any]:
    """A mode's plan in a few figures."""
    orders = made.get("orders", [])
    sides = {side: sum((Decimal(each["amount"]) for each in orders if each["side"] == side), Decimal(0))
             for side in ("sell", "buy")}  # fmt: skip
    return {
        "orders": len(orders),
        "sold": sides["sell"],
        "bought": sides["buy"],
        "short": sum((Decimal(each["gain"]["short_term"]) for each in orders if each.get("gain")), Decimal(0)),
        "long": sum((Decimal(each["gain"]["long_term"]) for each in orders if each.get("gain")), Decimal(0)),
        "expected": made["expected_status"],
    }


def _symbols(made: Any) -> dict[str, dict[str, str]]:
    """What each mode would do with each symbol that any of them trades."""
    found: dict[str, dict[str, str]] = {}
    for mode, each in made.items():
        for order in each.get("orders", []):
            sign = "+" if order["side"] == "buy" else "−"
            found.setdefault(order["symbol"], {})[mode] = f"{sign}{words.number(order['quantity'])}"
    return dict(sorted(found.items()))
