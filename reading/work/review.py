"""What somebody looks at before they approve a request: every plan that waits, by account and by security.

The figures are the kept plans' own. What is approved is the list that was shown: (rebalance, round, digest) of each.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reading.work import deciding
from reading.work.figures import Figures, of_plan
from reading.work.shown import RequestAccount

if TYPE_CHECKING:
    from identity.person import Person
    from storage.connection import Transaction

Json = dict[str, Any]
ZERO = Decimal(0)
AT_ONCE = 200  # plans of one page; the rest come behind, once these are decided about


@dataclass(frozen=True, slots=True)
class Waiting:
    """One account's plan that waits."""

    account_id: str
    rebalance_id: str
    round: int
    digest: str
    liquidation: bool
    expires_at: Any
    figures: Figures
    orders: Sequence[Any]
    findings: Sequence[Any]
    expected: str

    @property
    def shown(self) -> str:
        """By which an approval names it."""
        return named(self.rebalance_id, self.round, self.digest)


@dataclass(slots=True)
class Traded:
    """One security over all accounts."""

    symbol: str
    sold: Decimal = ZERO
    bought: Decimal = ZERO
    sold_amount: Decimal = ZERO
    bought_amount: Decimal = ZERO
    accounts: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Review:
    """A request's row, and what of it waits: `more` come behind those shown, `whole` is the digest of all of them.

    `forbidden` are the rebalances that four eyes leave to somebody else; `names` are the accounts'.
    """

    row: Any
    plans: Sequence[Waiting]
    more: int
    whole: str
    forbidden: Collection[str]
    names: Mapping[str, str]


def review(books: "Transaction", request_id: str, person: "Person") -> Review:
    """What of a request waits, as it is to a person. Raises UnknownRequest."""
    row, pending = books.requests.get(request_id), books.requests.pending(request_id)
    ids = [str(each.rebalance_id) for each in pending][:AT_ONCE]
    plans = [waiting(each) for each in books.rebalances.plans(ids)]
    return Review(
        row,
        plans,
        len(pending) - len(plans),
        whole(pending),
        deciding.forbidden(books, person, ids),
        books.accounts.names({each.account_id for each in plans}),
    )


def every(books: "Transaction", request_id: str) -> Iterator[Waiting]:
    """All plans of a request that wait, some in memory at a time. Raises UnknownRequest."""
    books.requests.get(request_id)
    ids = [str(each.rebalance_id) for each in books.requests.pending(request_id)]
    for at in range(0, len(ids), AT_ONCE):
        yield from map(waiting, books.rebalances.plans(ids[at : at + AT_ONCE]))


def line(plan: Waiting) -> Json:
    """A plan that waits, as a file has it."""
    from domain.values.money import cents

    told = plan.figures.as_json()
    return {
        "account_id": plan.account_id,
        "rebalance_id": plan.rebalance_id,
        "round": plan.round,
        "plan": plan.digest,
        "liquidation": plan.liquidation,
        "managed_value": told["managed_value"],
        "turnover": told["turnover"],
        "sold": told["sold"],
        "bought": told["bought"],
        "short_term": cents(plan.figures.short_term),
        "long_term": cents(plan.figures.long_term),
        "findings": "; ".join(each["message"] for each in plan.findings if each["severity"] != "info"),
    }


def trade(each: Traded) -> Json:
    """A security over all accounts, as a file has it."""
    from domain.values.money import cents, plain

    return {
        "symbol": each.symbol,
        "accounts": len(each.accounts),
        "sold": plain(each.sold),
        "sold_amount": cents(each.sold_amount),
        "bought": plain(each.bought),
        "bought_amount": cents(each.bought_amount),
        "net_amount": cents(each.bought_amount - each.sold_amount),
    }


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown of a request, as it is now: `waits` as it was shown, `again` planned again since, `gone` decided
    about or over; `come` so many that wait now and were not shown.
    """

    row: Any
    waits: Sequence[RequestAccount]
    again: Sequence[RequestAccount]
    gone: int
    come: int


def since(books: "Transaction", request_id: str, shown: Collection[str]) -> Shown:
    """What became of plans that were shown, each by its name (`Waiting.shown`). Raises UnknownRequest."""
    row, pending = books.requests.get(request_id), books.requests.pending(request_id)
    seen = {each.partition("@")[0] for each in shown}
    waits = [each for each in pending if named(each.rebalance_id, each.round, each.plan) in shown]
    again = [each for each in pending if each.rebalance_id in seen and each not in waits]
    still = len(waits) + len(again)
    return Shown(row, waits, again, len(seen) - still, len(pending) - still)


def whole(pending: Iterable[RequestAccount]) -> str:
    """Which plans of which rounds wait, in a few characters."""
    from domain.approvals import listed

    return listed((str(each.rebalance_id), str(each.plan)) for each in pending)[:16] or "none"


def named(rebalance_id: str | None, round_number: int | None, digest: str | None) -> str:
    """A plan as a form carries it: enough of its digest to name it (DECIDE-1)."""
    return f"{rebalance_id}@{round_number}@{(digest or '')[:16]}"


def waiting(row: Any) -> Waiting:
    """A rebalance's row with its kept plan."""
    plan, figures = row.plan, of_plan(row.plan)
    assert figures is not None, f"{row.id} waits with a plan"
    return Waiting(
        row.account_id,
        row.id,
        row.round,
        row.plan_digest,
        bool(plan["liquidation"]),
        row.expires_at,
        figures,
        plan["orders"],
        plan["findings"],
        plan["expected_status"],
    )


def by_security(plans: Iterable[Waiting]) -> list[Traded]:
    """The same trades by security, the largest amounts first."""
    found: dict[str, Traded] = {}
    for plan in plans:
        for each in plan.orders:
            traded = found.setdefault(each["symbol"], Traded(each["symbol"]))
            quantity, amount = Decimal(each["quantity"]), Decimal(each["amount"])
            traded.accounts.add(plan.account_id)
            if each["side"] == "sell":
                traded.sold += quantity
                traded.sold_amount += amount
            else:
                traded.bought += quantity
                traded.bought_amount += amount
    return sorted(found.values(), key=lambda each: (-(each.sold_amount + each.bought_amount), each.symbol))
