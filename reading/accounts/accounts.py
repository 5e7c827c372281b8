"""Accounts as the books have them: one whole, with its weights against their bands, and listings with their values."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import localcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from domain.values.snapshot import Holding, Snapshot
    from reading.accounts.standing import Standing
    from storage.connection import Transaction

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """Where an account stands; why it is in the queue, with the evidence; the rebalance that is under way on it."""

    standing: "Standing"
    entry: Any  # of the queue, or None
    under_way: str | None
    terms: Json

    def as_json(self) -> Json:
        """The public form. Without a price for all that it holds it has no value and no components."""
        from reading.accounts.statement import statement

        told = _as_json(self.standing, self.entry.reasons if self.entry else [], self.under_way)
        return told | self.terms | statement(self.standing)

    def flaws(self) -> Iterator[str]:
        """What keeps it from being valued, or makes its value doubtful."""
        return _flaws(self.standing)


def show(books: "Transaction", account_id: str, today: date, trade_date: date) -> Account:
    """One account. Raises Unknown where nobody knows it."""
    from reading.accounts.standing import in_flight, standing_of
    from reading.accounts.statement import terms

    standing = standing_of(books, account_id, today, trade_date)
    entry, under_way = books.queue.entry(account_id), in_flight(books, account_id)
    more = terms(books, standing) | {"held": held(books, account_id, today)}
    return Account(standing, entry, under_way.id if under_way else None, more)


@dataclass(frozen=True, slots=True)
class Whole:
    """All that the books have of an account: as a plan would see it, in the queue, under way, its past, its breaks."""

    snapshot: "Snapshot"
    policy: Any
    entry: Any  # of the queue, or None
    under_way: Any  # the row of a rebalance, or None
    held: Json | None
    breaks: Sequence[Any]
    stated: Json


def whole(books: "Transaction", account_id: str, today: date, trade_on: date) -> Whole:
    """An account with everything that there is to tell of it. Raises Unknown where nobody knows it."""
    from reading.accounts.standing import standing_of
    from reading.accounts.statement import statement, terms

    standing = standing_of(books, account_id, today, trade_on)
    return Whole(
        standing.snapshot,
        standing.policy,
        books.queue.entry(account_id),
        books.rebalances.in_flight(account_id),
        held(books, account_id, today),
        books.breaks.open_of(account_id),
        terms(books, standing) | statement(standing),
    )


def target_of(books: "Transaction", account_id: str) -> str | None:
    """Its target's id; None where it has none, or nobody knows it."""
    return books.accounts.target_of(account_id)


def held(books: "Transaction", account_id: str, today: date) -> Json | None:
    """Until when somebody keeps an account out of what is submitted from the queue, who and why; None where nobody."""
    row = books.account_states.held(account_id)
    if row is None or row.until < today:
        return None
    return {"until": str(row.until), "why": row.why, "by": row.held_by}


def ids(
    books: "Transaction", status: str | None, target: str | None, household: str | None, rebalancing: bool | None
) -> list[str]:
    """All the accounts that are like that, in order."""
    return books.listings.account_ids(status, target, household, rebalancing)


def names(books: "Transaction", account_ids: Collection[str]) -> dict[str, str]:
    """What those of the accounts are called that there are."""
    return books.accounts.names(account_ids)


def listed(books: "Transaction", rows: Sequence[Any], today: date) -> list[Json]:
    """Rows of a listing in their public form, with managed value and total cash at the business day's prices."""
    from domain.targets.valuation import value
    from domain.values.money import EXACT, ZERO, cents

    read = books.snapshots.of([row.id for row in rows], None, today)
    taken = {snapshot.account.id: (snapshot, policy) for snapshot, policy in read}
    found = []
    with localcontext(EXACT):
        for row in rows:
            worth = cash = None
            if row.id in taken:
                snapshot, policy = taken[row.id]
                cash = cents(sum((each.cash for each in snapshot.account.sleeves), ZERO))
                try:
                    worth = cents(value(snapshot, snapshot.numbers(policy)).managed_value)
                except LookupError:  # without a price for all that it holds
                    worth = None
            found.append({
                "account_id": row.id, "name": row.name, "household": row.household_id, "status": row.status,
                "rebalancing": row.rebalancing, "target": row.target_id, "managed_value": worth, "cash": cash,
                "queued": row.queued,
            })  # fmt: skip
    return found


def _as_json(standing: "Standing", in_queue: Sequence[str], under_way: str | None) -> Json:
    from domain.values.money import EXACT, cents

    known = standing.snapshot.account
    with localcontext(EXACT):
        return {
            "account_id": known.id,
            "rebalancing": known.rebalancing,
            "status": known.status,
            "target": known.target_id,
            "managed_value": cents(standing.valuation.managed_value) if standing.valuation else None,
            "cash": cents(known.managed.cash),
            "in_queue": list(in_queue),
            "in_flight": under_way,
            "open_breaks": [int(each) for each in standing.snapshot.open_breaks],
            "components": list(_components(standing)),
            "sleeves": list(_sleeves(standing)),
        }


def _components(standing: "Standing") -> Iterator[Json]:
    """As a plan has them, without what only a plan decides."""
    from domain.values.money import cents, weight_text

    rejected = {each.component for each in standing.minimums if not each.accepted}
    for each in standing.components:
        assert standing.valuation is not None
        yield {
            "component": each.key,
            "weight": weight_text(each.weight),
            "lower": weight_text(each.threshold.lower),
            "upper": weight_text(each.threshold.upper),
            "precision_lower": weight_text(each.precision.lower),
            "precision_upper": weight_text(each.precision.upper),
            "current_value": cents(each.value),
            "current_weight": weight_text(each.value / standing.valuation.managed_value),
            "breach": each.breach,
            "sleeve": each.sleeve,
            "outcome": "rejected" if each.key in rejected else "accepted",
        }


def _sleeves(standing: "Standing") -> Iterator[Json]:
    """The sleeves that there are: the managed one, the models', and the protected one where it holds anything."""
    from domain.values.money import ZERO, cents
    from domain.values.snapshot import PROTECTED

    known = standing.snapshot.account
    held = [(each.key, each.cash, each.holdings) for each in known.sleeves]
    if known.protected:
        held.append((PROTECTED, ZERO, known.protected))
    for key, cash, holdings in held:
        worth = [_worth(standing.snapshot, each) for each in holdings]
        priced = [each for each in worth if each is not None]
        yield {
            "sleeve": key,
            "status": standing.states.get(key, "open"),
            "cash": cents(cash),
            "value": cents(cash + sum(priced, ZERO)) if len(priced) == len(worth) else None,
            "holdings": [_holding(each, value) for each, value in zip(holdings, worth, strict=True)],
        }


def _worth(snapshot: "Snapshot", holding: "Holding") -> Any:
    security = snapshot.securities.get(holding.symbol)
    return None if security is None or security.price is None else holding.quantity * security.price


def _holding(holding: "Holding", worth: Any) -> Json:
    from domain.telling import plan_json
    from domain.values.money import cents, plain

    return {
        "symbol": holding.symbol,
        "quantity": plain(holding.quantity),
        "value": None if worth is None else cents(worth),
        "lots": [plan_json.lot(each) for each in holding.lots],
    }


def _flaws(standing: "Standing") -> Iterator[str]:
    from domain.planning.checks import price_trouble

    trouble = price_trouble(standing.snapshot)
    if trouble:
        listed = ", ".join(f"{symbol} ({what})" for symbol, what in trouble.items())
        yield f"prices missing or too old: {listed}; the oldest allowed is of {standing.snapshot.fresh_from}"
    if standing.flaw:
        yield standing.flaw
