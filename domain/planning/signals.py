"""Model signals: what a manager's new model version trades in one account.

Asked for every open sleeve of the model when a signal is applied. The sleeve keeps its value; inside it everything
moves to the exact new weights, both ways.
"""

from collections.abc import Mapping
from decimal import Decimal

from domain.planning.filling import Cause, SleeveTrades
from domain.planning.lines import UNBOUNDED
from domain.planning.rounding import buy_quantities, sell_quantities
from domain.planning.spreading import Held
from domain.targets.restrictions import Aim, Limits
from domain.values.money import ONE, ZERO, percent, tidy
from domain.values.policy import Policy
from domain.values.purpose import Purpose
from domain.values.rules import Finding, Rule, info
from domain.values.snapshot import Model, Security, Sleeve, Snapshot, model_key

SIGNAL_1 = Rule("SIGNAL-1", "A new model version trades every open sleeve of the model, without an approval.")
SIGNAL_2 = Rule(
    "SIGNAL-2", "A large change trades to the exact new weights; a small one only where a holding is outside ±20 %."
)

SIGNAL_3 = Rule(
    "SIGNAL-3",
    "A signal trades at prices that pass CHECK-1; who lacks one is reported as failed, and the others go on.",
)


def largest_change(before: Model, after: Model) -> Decimal:
    """By how much the weight of any holding, cash aside, differs between two versions, as a fraction of one."""
    old = {each.symbol: each.weight for each in before.holdings}
    new = {each.symbol: each.weight for each in after.holdings}
    return max((abs(new.get(each, ZERO) - old.get(each, ZERO)) for each in old.keys() | new.keys()), default=ZERO)


def signal(model_id: str, change: Decimal) -> Purpose:
    """The purpose of a plan that applies a signal to the sleeve of one model."""
    return Purpose("signal", model_id=model_id, largest_change=change)


def outcome_of(status: str, has_orders: bool) -> str:
    """Which count of a signal an account's rebalance belongs to: traded, skipped (needed no trade) or failed.

    Failed is who could not be planned, as without a price (SIGNAL-3); the signal goes on with the others.
    """
    if status not in {"COMPLETE", "COMPLETE_WITH_ERRORS"}:
        return "failed"
    return "traded" if has_orders or status == "COMPLETE_WITH_ERRORS" else "skipped"


def is_large(change: Decimal, policy: Policy) -> bool:
    """True where every sleeve trades to the exact new weights, however near it is (SIGNAL-2)."""
    return change > policy.signal_exact_change


def outside(sleeve: Sleeve, value: Decimal, aim: Aim, market: Mapping[str, Security], policy: Policy) -> list[str]:
    """The symbols that are further from their weight than a share of it, by symbol; what has no weight is outside."""
    held = {each.symbol: market[each.symbol].worth(each.quantity) for each in sleeve.holdings}
    shares, found = aim.shares, []
    for symbol in sorted(held.keys() | shares.keys()):
        wanted = shares.get(symbol, ZERO) * value
        if abs(held.get(symbol, ZERO) - wanted) > policy.threshold_relative * wanted:
            found.append(symbol)
    return found


def fill_sleeve(
    sleeve: Sleeve, aim: Aim, value: Decimal, market: Mapping[str, Security], allowed: Limits, held: Held
) -> SleeveTrades:
    """The trades that bring a sleeve to the model's weights: sells first, buys from what they and its cash bring.

    What may not be traded stays, and the others share what is left in proportion.
    """
    shares = {holding.symbol: holding.quantity for holding in sleeve.holdings}
    worth = {symbol: market[symbol].worth(quantity) for symbol, quantity in shares.items()}
    outgoing = {
        symbol: most
        for symbol, quantity in shares.items()
        if symbol not in aim.weights and symbol not in allowed.no_sell
        if (most := min(quantity, held.sold.get(symbol, quantity)))
    }
    stays = {
        symbol: worth[symbol] - market[symbol].worth(outgoing.get(symbol, ZERO))
        for symbol in shares
        if symbol not in aim.weights
    }
    beyond = (max(ZERO, amount - aim.room.get(symbol, ZERO) * value) for symbol, amount in stays.items())
    invested = max(ZERO, tidy(value * (ONE - aim.cash_weight)) - sum(beyond, ZERO))
    desired, frozen = _desired(aim.weights, worth, invested, _bounds(aim, worth, market, allowed, held))
    blocked = {
        symbol: -worth[symbol]
        for symbol in shares
        if symbol not in aim.weights and symbol in allowed.no_sell and not allowed.kept(symbol)
    }
    blocked |= {s: change for s, change in frozen.items() if s in (allowed.no_buy if change > 0 else allowed.no_sell)}
    less = {s: change for s, amount in desired.items() if (change := worth.get(s, ZERO) - amount) > 0}
    more = {s: change for s, amount in desired.items() if (change := amount - worth.get(s, ZERO)) > 0}
    sold = outgoing | {s: quantity for s, quantity in sell_quantities(less, shares, market).items() if quantity}
    brought = {s: market[s].worth(quantity) for s, quantity in sold.items()}
    stays_in_cash = max(ZERO, value - sum(stays.values(), ZERO) - invested)
    cash = max(ZERO, sleeve.cash + sum(brought.values(), ZERO) - stays_in_cash)
    asked = sum(more.values(), ZERO)
    if asked > cash:
        more = {symbol: tidy(amount * cash / asked) for symbol, amount in more.items()}
    bought = buy_quantities(more, market)
    causes = {symbol: Cause.RESTRICTED if allowed.leaves(symbol) else Cause.SIGNAL for symbol in sold}
    return SleeveTrades(
        {symbol: -quantity for symbol, quantity in sold.items()} | {s: each for s, each in bought.items() if each},
        {symbol: -each for symbol, each in brought.items()} | more,
        {},
        blocked,
        causes,
        {Cause.SIGNAL: sum(more.values(), ZERO)},
    )


Bounds = dict[str, tuple[Decimal, Decimal]]  # by symbol: the least and the most that it can be worth afterwards


def _bounds(
    aim: Aim, worth: Mapping[str, Decimal], market: Mapping[str, Security], allowed: Limits, held: Held
) -> Bounds:
    """Between which values what may not be traded freely can move."""
    found: Bounds = {}
    for symbol in aim.weights:
        value = worth.get(symbol, ZERO)
        down = ZERO if symbol in allowed.no_sell else held.sold.get(symbol)
        up = ZERO if symbol in allowed.no_buy else held.bought.get(symbol)
        if down is not None or up is not None:
            least = ZERO if down is None else value - market[symbol].worth(down)
            found[symbol] = least, UNBOUNDED if up is None else value + market[symbol].worth(up)
    return found


def _desired(
    weights: Mapping[str, Decimal], worth: Mapping[str, Decimal], invested: Decimal, bounds: Bounds
) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """The amounts of every holding, and of those kept from their weight, by how much they would have moved.

    Whoever meets a bound stays at it and leaves more, or less, to the rest; each meets one once.
    """
    free, at_bound, kept = dict(weights), dict[str, Decimal](), dict[str, Decimal]()
    while True:
        left, total = invested - sum(at_bound.values(), ZERO), sum(free.values(), ZERO)
        desired = {symbol: max(ZERO, tidy(left * weight / total)) for symbol, weight in free.items()}
        met = {
            symbol: bounded
            for symbol, amount in desired.items()
            if symbol in bounds and (bounded := min(max(amount, bounds[symbol][0]), bounds[symbol][1])) != amount
        }
        if not met:
            return desired | at_bound, kept
        for symbol, bounded in met.items():
            at_bound[symbol] = bounded
            kept[symbol] = desired[symbol] - worth.get(symbol, ZERO)
            del free[symbol]


def told(snapshot: Snapshot, purpose: Purpose, strays: list[str] | None, policy: Policy) -> list[Finding]:
    """Why the sleeve trades, or does not (SIGNAL-2); `strays` are the holdings outside, None without an open sleeve."""
    model_id = purpose.model_id or ""
    key, change = model_key(model_id), purpose.largest_change or ZERO
    version = snapshot.models[model_id].version if model_id in snapshot.models else None
    moved = f"version {version} of model {model_id} changes a weight by up to {percent(change)}"
    evidence = {"model": model_id, "version": version, "largest_change": change}
    if strays is None:
        return [info(SIGNAL_1, f"account {snapshot.account.id} has no open sleeve {key}: nothing trades", **evidence)]
    if is_large(change, policy):
        return [info(SIGNAL_2, f"{moved}: {key} trades to the exact new weights", **evidence)]
    if strays:
        listed = ", ".join(strays)
        return [info(SIGNAL_2, f"{moved}, and {listed} of {key} is outside its band: it trades", **evidence)]
    return [info(SIGNAL_2, f"{moved}, and every holding of {key} is near its own: nothing trades", **evidence)]
