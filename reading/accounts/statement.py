"""An account as a custodian's statement has it: every security once, over all sleeves, and all of its cash; beside it
what binds its plans: household, restrictions, budget, withdrawals, relief, and the numbers in force for it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from domain.values.snapshot import Snapshot
    from reading.accounts.standing import Standing
    from storage.connection import Transaction

Json = dict[str, Any]


def statement(standing: "Standing") -> Json:
    """Total by symbol, protected shares included, total cash, and all together; None where a price is missing."""
    from domain.values.money import ZERO, cents

    snapshot = standing.snapshot
    account = snapshot.account
    held: dict[str, Decimal] = {}
    for holding in (*(each for sleeve in account.sleeves for each in sleeve.holdings), *account.protected):
        held[holding.symbol] = held.get(holding.symbol, ZERO) + holding.quantity
    totals = [_line(snapshot, symbol, held[symbol]) for symbol in sorted(held)]
    cash = sum((each.cash for each in account.sleeves), ZERO)
    worth = [Decimal(each["value"]) for each in totals if each["value"] is not None]
    return {
        "totals": totals,
        "total_cash": cents(cash),
        "total_value": cents(sum(worth, cash)) if len(worth) == len(totals) else None,
    }


def terms(books: "Transaction", standing: "Standing") -> Json:
    """What binds the account's plans, and who else is of its household."""
    from domain.targets.cash_needs import is_near, reserved
    from domain.tax.lots import method_of
    from domain.values.money import cents

    snapshot, numbers = standing.snapshot, standing.numbers
    account = snapshot.account
    return {
        "name": account.name,
        "custodian": account.custodian,
        "custodian_account": account.custodian_account,
        "tax_status": account.tax_status,
        "household": books.accounts.household(account.id),
        "lot_relief": method_of(account),
        "gain_budget": None if account.gain_budget is None else cents(account.gain_budget),
        "restrictions": [
            {
                "type": each.type,
                "symbol": each.symbol,
                "to": each.to,
                "by": each.by,
                "hold": each.hold,
                "from": None if each.start is None else str(each.start),
                "until": None if each.until is None else str(each.until),
                "in_force": each.in_force(snapshot.as_of),
            }
            for each in account.restrictions
        ],
        "withdrawals": [
            {
                "amount": cents(each.amount),
                "due": str(each.due),
                "reserved": is_near(each, snapshot, numbers),
            }
            for each in account.withdrawals
        ],
        "reserved": cents(reserved(snapshot, numbers)),
        "policy": numbers.as_json(),
        "policy_of": _own(snapshot),
    }


def restriction_in_words(each: Mapping[str, Any]) -> str:
    """A restriction of `terms`, as pages have it."""
    days = "".join(f" {word} {each[word]}" for word in ("from", "until") if each[word])
    how = f" by {each['by']}" if each["by"] else f" to {each['to'].replace('_', ' ')}" if each["to"] else ""
    hold = ", and what is held stays" if each["hold"] else ""
    return f"{each['type']} {each['symbol']}{how}{hold}{days}{'' if each['in_force'] else ', not in force'}"


def _line(snapshot: "Snapshot", symbol: str, quantity: Decimal) -> Json:
    from domain.values.money import cents, plain

    security = snapshot.securities.get(symbol)
    price = None if security is None else security.price
    return {
        "symbol": symbol,
        "quantity": plain(quantity),
        "price": None if price is None else max(cents(price), plain(price), key=len),
        "value": None if price is None else cents(quantity * price),
    }


def _own(snapshot: "Snapshot") -> Json:
    """Which numbers the account, and which its target, sets otherwise than the policy of the day."""
    from domain.values.snapshot_json import overrides_as_json

    by: dict[str, Mapping[str, object]] = {"account": snapshot.account.policy}
    by["target"] = snapshot.target.policy if snapshot.target else {}
    return {who: overrides_as_json(numbers) for who, numbers in by.items() if numbers}
