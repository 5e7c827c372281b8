"""`/accounts` and `/accounts/A`: who there is; and of one account all that the books have, and what would be done."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from acting import accounts, targets
from acting.submit import Wanted
from domain.evaluation import evaluate
from domain.plan import plan
from domain.telling import plan_json
from domain.values.money import cents, plain
from domain.values.policy import DEFAULT_MODE, MODES
from policy.trading_days import trade_date
from reading import words
from reading.accounts.accounts import target_of, whole
from reading.accounts.reasons import reasons_now
from reading.refused import Unknown
from reading.work import listings
from web import acts, tables
from web.tables import Format
from web.visit import Undo, Visit, needs

router = APIRouter()
SIZE = 50
COLUMNS = ("account_id", "name", "status", "rebalancing", "target", "queued")
HISTORY = ("rebalance_id", "status", "mode", "kind", "requested_by", "approved_by", "started_at", "ended_at", "issue",
           "request_id")  # fmt: skip
HOLDINGS = ("sleeve", "symbol", "quantity", "price", "price_as_of", "value")
AHEAD = {"outcome": None, "sleeve": None}  # of a component, what a plan would make of it
PAST = 10
ASSIGNABLE = 500  # targets of the choice; another is assigned by its id, on the command line


@router.get("/accounts")
def listing(
    visit: Annotated[Visit, needs("read")],
    q: Annotated[str, Query(max_length=80)] = "",
    after: Annotated[str | None, Query(max_length=600)] = None,
    format: Format = "html",
) -> Response:
    """Accounts by id whose id or name begins with what is given."""
    if format != "html":
        rows = visit.rows(lambda books, place: listings.accounts(books, q.strip(), place, tables.PAGE))
        return tables.file("accounts", format, COLUMNS, rows)
    with visit.console.books.reading() as books:
        found = listings.accounts(books, q.strip(), after, SIZE)
    return visit.page(
        "accounts.html", title="Accounts", rows=found.rows, q=q.strip(), after=after, next=found.after, live={}
    )


@router.get("/accounts/{account_id}")
def show(
    visit: Annotated[Visit, needs("read")],
    account_id: str,
    past_after: Annotated[str | None, Query(max_length=600)] = None,
    format: Format = "html",
    of: Literal["holdings", "rebalances"] = "holdings",
) -> Response:
    """Sleeves, weights in their bands, lots, history, the plan of every mode side by side.

    As a file what it holds, or its history.
    """
    today = visit.console.clock.today()
    with visit.console.books.reading() as books:
        try:
            found = whole(books, account_id, today, trade_date(visit.now))
        except Unknown:
            visit.unknown(f"account {account_id}", "/accounts")
        past = listings.rebalances(books, account_id, None, None, past_after, PAST)
        assignable = listings.targets(books, None, ASSIGNABLE).rows if visit.may("assign") else []
    if format != "html" and of == "holdings":
        return tables.file(f"{account_id}-holdings", format, HOLDINGS, _held(found.snapshot))
    if format != "html":
        rows = visit.rows(lambda books, place: listings.rebalances(books, account_id, None, None, place, tables.PAGE))
        return tables.file(f"{account_id}-rebalances", format, HISTORY, rows)
    snapshot, policy, entry, under_way = found.snapshot, found.policy, found.entry, found.under_way
    made = {mode: plan_json.as_json(plan(snapshot, policy, mode)) for mode in MODES}
    first = made[DEFAULT_MODE]
    weighed = first if "components" in first else _weighed(snapshot, policy)
    account = snapshot.account
    return visit.page(
        "account.html",
        title=f"{account.id}{f' · {account.name}' if account.name else ''}",
        status=under_way.stage.replace("_", " ").lower() if under_way else "queued" if entry else "",
        live={"account": account_id},
        account=account,
        as_of=visit.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        snapshot=snapshot,
        stated=found.stated,
        whole=first,
        weighed=weighed,
        plans=made,
        figures={mode: _figures(each) for mode, each in made.items()},
        symbols=_symbols(made),
        reasons=reasons_now(entry, evaluate(snapshot, policy)) if entry else [],
        held=found.held,
        entry=entry,
        under_way=under_way,
        past=past.rows,
        past_next=past.after,
        past_after=past_after,
        breaks=found.breaks,
        targets=[each["target"] for each in assignable],
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
    at = f"/accounts/{quote(account_id, safe='')}"
    undo = Undo(f"{at}/rebalancing", "on", "off" if on == "on" else "on")
    return visit.back(at, _sentence(told), undo)


@router.post("/accounts/{account_id}/target")
def assign(visit: Annotated[Visit, needs("assign")], account_id: str, target: Annotated[str, Form()] = "") -> Response:
    """Another target, or none. Queues the account at once; nothing trades."""
    books, today = visit.console.books, visit.console.clock.today()
    with books.reading() as read:
        before = target_of(read, account_id)
    if target:
        told = targets.assign(books, visit.person, [account_id], target, today, visit.sign)
    else:
        told = targets.remove(books, visit.person, [account_id], today, visit.sign)
    at = f"/accounts/{quote(account_id, safe='')}"
    return visit.back(at, _sentence(told), Undo(f"{at}/target", "target", before or ""))


def _weighed(snapshot: Any, policy: Any) -> dict[str, Any]:
    """Its weights as they are, where no more than an open break keeps it from being planned; else nothing."""
    told: Any = plan_json.as_json(plan(snapshot, policy, overrides=frozenset({"open_break"})))
    given: Sequence[dict[str, Any]] = told.get("components", ())
    now = [{key: each[key] for key in each if not key.startswith("planned")} | AHEAD for each in given]
    return {"managed_value": told["managed_value"], "components": now} if now else {}


def _held(snapshot: Any) -> Iterator[dict[str, Any]]:
    """What each sleeve holds, its cash last, and what is protected; a value where there is a price."""
    account = snapshot.account
    parts = [(each.key, each.holdings, each.cash) for each in account.sleeves]
    for key, holdings, cash in [*parts, ("protected", account.protected, None)]:
        for held in holdings:
            security = snapshot.securities.get(held.symbol)
            price = security.price if security else None
            yield {
                "sleeve": key,
                "symbol": held.symbol,
                "quantity": plain(held.quantity),
                "price": None if price is None else plain(price),
                "price_as_of": security.price_as_of if security and price is not None else None,
                "value": None if price is None else cents(held.quantity * price),
            }
        if cash is not None:
            yield dict.fromkeys(HOLDINGS) | {"sleeve": key, "symbol": "cash", "value": cents(cash)}


def _sentence(told: Sequence[str]) -> str:
    said = " ".join(told)
    return f"{said[:1].upper()}{said[1:]}."


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
