"""Check target: may this account be planned at all?

Asked first, of every snapshot. What fails here fails the account, with a reason that says what to do.
"""

from collections.abc import Mapping
from datetime import date

from domain.planning import gain_budget
from domain.targets.cash_needs import CASH_3
from domain.targets.restrictions import limits
from domain.targets.valuation import Valuation
from domain.targets.worthless import worthless_of
from domain.values.memo import remembered
from domain.values.money import ZERO, cents, money
from domain.values.purpose import Purpose
from domain.values.rules import Finding, Rule, error, warning
from domain.values.snapshot import CASH, MANAGED, Model, Security, Snapshot, Target

CHECK_1 = Rule("CHECK-1", "An account is planned only if it is known, open, priced, and without an open break.")
CHECK_2 = Rule("CHECK-2", "An account with a managed value of zero or less is refused.")
CHECK_3 = Rule("CHECK-3", "An account without a target is liquidated to cash, and always waits for an approval.")

OPEN_BREAK = "open_break"


def needed_symbols(snapshot: Snapshot) -> frozenset[str]:
    """The symbols whose prices a plan needs: all that is held, and all that the target could buy."""
    named = named_symbols(snapshot)
    if snapshot.account.restrictions:
        allowed = limits(snapshot, {})
        named = frozenset(allowed.substitutes.get(symbol, symbol) for symbol in named if symbol not in allowed.excluded)
    return named.union(*({each.symbol for each in sleeve.holdings} for sleeve in snapshot.account.sleeves))


def named_symbols(snapshot: Snapshot) -> frozenset[str]:
    """The symbols that the target names, itself or by its models and sub-targets."""
    if snapshot.target is None:
        return frozenset()
    return _named(snapshot.target, snapshot.targets, *snapshot.models.values())


def wanted_symbols(snapshot: Snapshot) -> frozenset[str]:
    """Those of the named symbols that are known as securities."""
    return named_symbols(snapshot) & snapshot.securities.keys()


@remembered
def _named(target: Target, targets: Mapping[str, Target], *models: Model) -> frozenset[str]:
    symbols: set[str] = set()
    holdings = {model.id: model.holdings for model in models}
    stack, seen = [target], {target.id}
    while stack:
        for component in stack.pop().components:
            ref = str(component.ref)
            if not component.weight:
                continue
            if component.kind == "security":
                symbols.add(ref)
            elif component.kind == "model":
                symbols |= {holding.symbol for holding in holdings[ref] if holding.weight}
            elif component.kind == "target" and ref not in seen:
                seen.add(ref)
                stack.append(targets[ref])
    return frozenset(symbols)


def price_trouble(snapshot: Snapshot) -> dict[str, str]:
    """The needed symbols whose price is missing or older than allowed, each with what is wrong with it (QUEUE-3)."""
    fresh, account = _fresh(snapshot.securities, snapshot.fresh_from), snapshot.account
    bought_instead = [each.by for each in account.restrictions if each.by]
    held = [each.symbol for sleeve in account.sleeves for each in sleeve.holdings]
    if fresh.issuperset(named_symbols(snapshot)) and fresh.issuperset(held) and fresh.issuperset(bought_instead):
        return {}  # as nearly always: which of them are needed does not matter then
    unfit = needed_symbols(snapshot) - fresh
    trouble = {}
    for symbol in sorted(unfit):
        security = snapshot.securities.get(symbol)
        missing = security is None or security.price is None
        trouble[symbol] = "no price" if missing or security is None else f"price of {security.price_as_of}"
    return trouble


@remembered
def _fresh(securities: Mapping[str, Security], fresh_from: date) -> frozenset[str]:
    """The symbols with a price that is young enough; what is worthless needs none."""
    return frozenset(
        symbol
        for symbol, each in securities.items()
        if each.worthless or (each.price is not None and each.price_as_of >= fresh_from)
    )


def readable(snapshot: Snapshot) -> list[Finding]:
    """What keeps an account from being valued against its target: its status, and its prices (CHECK-1, QUEUE-3)."""
    account = snapshot.account
    found = []
    if account.status != "open":
        found.append(
            error(
                CHECK_1,
                f"account {account.id} is {account.status}: it can't be rebalanced until it is open again",
                status=account.status,
            )
        )
    if nothing := sorted(worthless_of(snapshot.securities) & named_symbols(snapshot)):
        found.append(
            error(
                CHECK_1,
                f"account {account.id} can't be planned: its target holds {', '.join(nothing)}, which is worthless. "
                "Take it out of the target or its models",
                symbols=nothing,
            )
        )
    if trouble := price_trouble(snapshot):
        listed = ", ".join(f"{symbol} ({what})" for symbol, what in trouble.items())
        found.append(
            error(
                CHECK_1,
                f"account {account.id} can't be valued on {snapshot.as_of}: {listed}. Load newer prices; the oldest "
                f"allowed is of {snapshot.fresh_from}",
                symbols=list(trouble),
                prices=trouble,
                fresh_from=snapshot.fresh_from,
            )
        )
    return found


def check(snapshot: Snapshot, overrides: frozenset[str] = frozenset()) -> list[Finding]:
    """What forbids planning this account, before anything is valued. Empty where nothing does."""
    found = readable(snapshot)
    if snapshot.open_breaks and OPEN_BREAK not in overrides:
        found.append(
            error(
                CHECK_1,
                f"account {snapshot.account.id} has an open reconciliation break ({', '.join(snapshot.open_breaks)}). "
                f"Find out which side is right, then: rebalancer breaks resolve {snapshot.open_breaks[0]} --note TEXT; "
                f"or override {OPEN_BREAK} by name",
                breaks=list(snapshot.open_breaks),
            )
        )
    return found


def unknown(account_id: str) -> Finding:
    """What is said of an account that is in no book."""
    return error(
        CHECK_1, f"account {account_id} is unknown: check the id, or load a book that has it", account_id=account_id
    )


def check_value(snapshot: Snapshot, valuation: Valuation) -> list[Finding]:
    """CHECK-2: there must be something to allot."""
    if valuation.managed_value > ZERO:
        return []
    reserved = f", with {money(valuation.reserved)} reserved for withdrawals" if valuation.reserved else ""
    return [
        error(
            CHECK_2,
            f"account {snapshot.account.id} has a managed value of {money(valuation.managed_value)}{reserved}: there "
            "is nothing to allot",
            managed_value=cents(valuation.managed_value),
        )
    ]


def is_liquidation(snapshot: Snapshot, valuation: Valuation, purpose: Purpose) -> bool:
    """True where everything is sold to cash: the account has no target (CHECK-3), or withdrawals take all it is worth
    (CASH-3).
    """
    if purpose.kind != "full":
        return False
    taken = valuation.reserved > 0 and valuation.managed_value <= 0 and snapshot.account.holds_securities
    return snapshot.account.target_id is None or taken


def liquidation_rule(snapshot: Snapshot) -> Rule:
    """Why an account that is sold to cash is: it has no target, or withdrawals take all of it."""
    return CHECK_3 if snapshot.account.target_id is None else CASH_3


def liquidation(snapshot: Snapshot, valuation: Valuation, liquidates: bool) -> list[Finding]:
    """Says why an account is sold to cash, and that this always waits for an approval (CHECK-3, CASH-3)."""
    if not liquidates:
        return []
    account = snapshot.account
    waits = f"everything is sold to {CASH}, and this waits for an approval whatever the approval policy"
    if account.target_id is None:
        text = f"account {account.id} has no target: {waits}. Assign a target if that is not wanted"
        why = warning(CHECK_3, text, sleeves=[MANAGED, *(sleeve.key for sleeve in account.model_sleeves)])
    else:
        text = f"withdrawals of {money(valuation.reserved)} take all that account {account.id} is worth: {waits}"
        why = warning(CASH_3, text, needed=cents(valuation.reserved))
    return [why, *gain_budget.ignored(snapshot)]
