"""Filling: which holdings make up a model sleeve's new value, and how many shares that is.

Asked for every component that a plan changes. A sleeve comes closer to its model by the cash that flows anyway; it
never trades both ways for it. What restrictions or the model take out of it is sold whatever the flow, and what that
brings is invested again.
"""

from collections.abc import Callable, Mapping
from dataclasses import field
from decimal import Decimal
from enum import Enum

from domain.planning.concentration import concentrated
from domain.planning.levels import Levels
from domain.planning.rounding import sell_quantities, shares_to_sell
from domain.targets.restrictions import Aim, Limits
from domain.values.money import CENT, ONE, ZERO, tidy
from domain.values.record import record
from domain.values.rules import Rule
from domain.values.snapshot import Security, Sleeve, prices_of

SLEEVE_1 = Rule("SLEEVE-1", "A sleeve receives or pays the change of its value in cash; remainders stay in it as cash.")
SLEEVE_2 = Rule("SLEEVE-2", "A growing sleeve only buys and a shrinking one only sells, towards its model.")
Amounts = Mapping[str, Decimal]


class Cause(Enum):
    """What makes a sleeve trade a security, decided where the trade is (ORDER-5)."""

    DESTINATION = "its component moves"
    RESTRICTED = "a restriction takes it out"
    DROPPED = "its model does not name it"
    FREED = "what restrictions take out is invested again"
    REINVESTED = "what its model dropped is invested again"
    IDLE = "idle cash of the sleeve is invested"
    SIGNAL = "its model's new version moves it"

    __hash__ = object.__hash__  # each is itself and nothing else: the name's hash, which Enum takes, is Python's work


@record
class Held:
    """Of one sleeve: the shares of a symbol that may be sold, and bought, at most, where that was found out.
    Empty where nothing is known to be in the way.
    """

    sold: Mapping[str, Decimal] = field(default_factory=dict)
    bought: Mapping[str, Decimal] = field(default_factory=dict)


NOT_HELD = Held()


@record
class SleeveTrades:
    """What one sleeve trades: shares by symbol, bought above 0 and sold below; `wanted` is in amounts, before rounding.

    `given_up` are the amounts that went to other holdings because they were too small to trade (SLEEVE-4), `blocked`
    those that may not be bought (above 0) or sold (RESTRICT-3, WASH-1). `causes` says why what is sold is, and which
    part of what is bought together comes from where, in amounts.
    """

    quantities: Amounts
    wanted: Amounts
    given_up: Amounts = field(default_factory=dict)
    blocked: Amounts = field(default_factory=dict)
    sold_for: Mapping[str, Cause] = field(default_factory=dict)
    bought_for: Mapping[Cause, Decimal] = field(default_factory=dict)


NOTHING = SleeveTrades({}, {})


@record
class Task:
    """What a sleeve is asked to do: from its value to `value + change`, towards its aim; None sells everything.

    `idle` is how much of its value is idle cash beyond its model's, from which it is invested though the value stays
    (SLEEVE-3). `smallest` is the smallest order worth making (ORDER-3); 0 for a sleeve that opens. `one_way`: nothing
    trades against the change, and no more than it (CASH-2).
    """

    aim: Aim | None
    value: Decimal
    change: Decimal
    smallest: Decimal
    idle: Decimal = ZERO
    one_way: bool = False


def fill_sleeve(
    sleeve: Sleeve,
    worth: Mapping[str, Decimal],
    task: Task,
    market: Mapping[str, Security],
    allowed: Limits,
    held: Held = NOT_HELD,
) -> SleeveTrades:
    """The trades of one sleeve, whose holdings are worth so much by symbol (SLEEVE-2, SLEEVE-3, SLEEVE-4).

    What may not be traded stays where it is, and the other holdings make the change.
    """
    prices = prices_of(market)
    shares = {holding.symbol: holding.quantity for holding in sleeve.holdings}
    weights = task.aim.weights if task.aim else {}
    unnamed = [symbol for symbol in shares if symbol not in weights]
    leaving = _leaving({symbol: shares[symbol] for symbol in unnamed}, allowed, held)
    blocked = {symbol: -worth[symbol] for symbol in unnamed if symbol in allowed.no_sell and not allowed.kept(symbol)}
    sold_for = {symbol: Cause.RESTRICTED if allowed.leaves(symbol) else Cause.DROPPED for symbol in leaving}
    if task.aim is None:
        sold = {symbol: -quantity for symbol, quantity in leaving.items()}
        causes = {symbol: Cause.RESTRICTED if allowed.leaves(symbol) else Cause.DESTINATION for symbol in leaving}
        return SleeveTrades(sold, {symbol: -worth[symbol] for symbol in leaving}, {}, blocked, causes)
    if task.one_way and task.change > 0:
        leaving = {}
    after = task.value + task.change
    brought = {symbol: quantity * prices[symbol] for symbol, quantity in leaving.items()}
    room = task.aim.room
    stays = [
        max(ZERO, worth[symbol] - brought.get(symbol, ZERO) - room.get(symbol, ZERO) * after) for symbol in unnamed
    ]
    goal = max(ZERO, tidy(after * (ONE - task.aim.cash_weight)) - sum(stays, ZERO))  # what stays may be worth more
    named = {symbol: worth.get(symbol, ZERO) for symbol in weights}
    total = sum(named.values(), ZERO)
    if task.one_way and leaving:
        leaving, enough = _first_out(leaving, total + sum(brought.values(), ZERO) - goal, market)
        if enough:
            wanted = {symbol: -quantity * prices[symbol] for symbol, quantity in leaving.items()}
            return SleeveTrades({s: -quantity for s, quantity in leaving.items()}, wanted, {}, blocked, sold_for)
    growing = goal > total
    quantities = {symbol: -quantity for symbol, quantity in leaving.items()}
    wanted = {symbol: -brought[symbol] for symbol in leaving}
    if not _moves(task, growing, goal - total, bool(leaving)):
        return SleeveTrades(quantities, wanted, {}, blocked, sold_for)

    def spread() -> Levels:
        levels = Levels(named, weights, goal, growing)
        _freeze(levels, allowed, held, blocked, prices)
        return levels

    keeps_shares = growing and not leaving and abs(task.change) < max(task.smallest, CENT)  # no flow to speak of
    amounts, traded, given_up = concentrated(spread(), shares, market, task.smallest, keeps_shares, task.one_way)
    if growing:
        wanted |= amounts
        quantities |= {symbol: traded[symbol] for symbol in amounts if traded[symbol]}
        freed = _freed(task, leaving, sold_for, brought, goal - total)
        return SleeveTrades(quantities, wanted, given_up, blocked, sold_for, freed)
    needed, most = total - goal, task.idle * after
    if not task.one_way and _worth(traded, market) - needed > most:  # it would be invested again (SLEEVE-3)
        traded = sell_quantities(amounts, shares, market, fewest=True)
        if _worth(traded, market) - needed > most:
            finer = _finer(spread, amounts, needed, most, shares, market, task.smallest)
            if finer is None:
                traded = _idling_least(traded, needed, most, market)
            else:
                amounts, traded, given_up = finer
    wanted |= {symbol: -amount for symbol, amount in amounts.items()}
    quantities |= {symbol: -traded[symbol] for symbol in amounts if traded[symbol]}
    sold_for |= dict.fromkeys(amounts, Cause.DESTINATION)
    return SleeveTrades(quantities, wanted, given_up, blocked, sold_for)


def _worth(quantities: Amounts, market: Mapping[str, Security]) -> Decimal:
    prices = prices_of(market)
    return sum([quantity * prices[symbol] for symbol, quantity in quantities.items()], ZERO)


def _finer(
    spread: Callable[[], Levels],
    amounts: Amounts,
    needed: Decimal,
    most: Decimal,
    shares: Amounts,
    market: Mapping[str, Security],
    smallest: Decimal,
) -> tuple[dict[str, Decimal], dict[str, Decimal], dict[str, Decimal]] | None:
    """Sales that raise what is needed and leave no more idle cash than `most`: holdings of which one step is more than
    that sell no step beyond their part, the dearest first, and the others make the rest. None where there are none.
    """
    dear = sorted((each for each in amounts if market[each].step > most), key=lambda each: (-market[each].step, each))
    for last in range(1, len(dear) + 1):
        levels = spread()
        for each in dear[:last]:
            if each in levels.weights:
                levels.freeze(each, amounts[each] // market[each].step * market[each].step)
        found = concentrated(levels, shares, market, smallest)
        if ZERO <= _worth(found[1], market) - needed <= most:
            return found
    return None


def _idling_least(
    sold: dict[str, Decimal], needed: Decimal, most: Decimal, market: Mapping[str, Security]
) -> dict[str, Decimal]:
    """The sales, which leave the sleeve more idle cash than its threshold (`most`), but for one step where it would pay
    less by no more than that is beyond (DESTINATION-6); of a whole holding that is its odd fraction. All amounts in the
    account's currency.
    """
    beyond = _worth(sold, market) - needed
    best, least = sold, beyond - most
    for symbol in sorted(sold):
        step = sold[symbol] % market[symbol].quantity_increment or market[symbol].quantity_increment
        off = abs(market[symbol].worth(step) - beyond)
        if sold[symbol] >= step and off < least:
            best, least = {**sold, symbol: sold[symbol] - step}, off
    return best


def _leaving(unnamed: Amounts, allowed: Limits, held: Held) -> dict[str, Decimal]:
    """Of the shares that the sleeve shall not hold those that it may sell, by symbol."""
    found: dict[str, Decimal] = {}
    for symbol, quantity in unnamed.items():
        if symbol in allowed.no_sell:
            continue
        most = min(quantity, held.sold.get(symbol, quantity))
        if most:
            found[symbol] = most
    return found


def _moves(task: Task, growing: bool, lacking: Decimal, leaving: bool) -> bool:
    """True where the holdings that the model names trade: by the flow, with what leaving ones bring, or idle cash."""
    if not lacking:
        return False
    if task.change and growing is (task.change > 0):
        return True
    if not growing:  # it lacks cash of its own only: nothing is sold for that
        return False
    return not task.one_way and (leaving or lacking > task.idle * (task.value + task.change))


def _freeze(
    levels: Levels, allowed: Limits, held: Held, blocked: dict[str, Decimal], prices: Mapping[str, Decimal]
) -> None:
    """Takes what may not be traded out of the change, or leaves it the part that may; notes what restrictions block.

    Whoever is frozen leaves more to the others, so that one of them may have to be frozen next: each at most once.
    """
    growing = levels.growing
    forbidden = allowed.no_buy if growing else allowed.no_sell
    known = held.bought if growing else held.sold
    if not forbidden and not known:
        return
    limits = {symbol: known[symbol] * prices[symbol] for symbol in levels.weights.keys() & known.keys()}
    limits |= dict.fromkeys(levels.weights.keys() & forbidden.keys(), ZERO)
    for symbol in sorted(symbol for symbol, limit in limits.items() if not limit and not levels.amount_of(symbol)):
        levels.freeze(symbol)  # beyond its level now: it must not move either where others give up their part later
        del limits[symbol]
    while limits:
        asked = {symbol: levels.amount_of(symbol) for symbol in limits}
        over = {symbol: amount for symbol, amount in asked.items() if amount > limits[symbol]}
        if not over:
            return
        for symbol in sorted(over):
            if symbol in forbidden and not allowed.kept(symbol):
                blocked[symbol] = over[symbol] if growing else -over[symbol]
            levels.freeze(symbol, limits.pop(symbol))


def _freed(
    task: Task, leaving: Amounts, sold_for: Mapping[str, Cause], brought: Amounts, lacking: Decimal
) -> dict[Cause, Decimal]:
    """Where the cash comes from that a sleeve's buys are paid with, in amounts that sum to what it buys for."""
    if not leaving and task.change >= lacking:
        return {Cause.DESTINATION: lacking}  # as nearly always
    parts: dict[Cause, Decimal] = {}
    left = lacking
    for cause, amount in (
        (Cause.DESTINATION, max(ZERO, task.change)),
        (Cause.FREED, sum([brought[s] for s in leaving if sold_for[s] is Cause.RESTRICTED], ZERO)),
        (Cause.REINVESTED, sum([brought[s] for s in leaving if sold_for[s] is Cause.DROPPED], ZERO)),
        (Cause.IDLE, lacking),
    ):
        part = min(left, amount)
        if part > ZERO:
            parts[cause] = part
            left -= part
        if not left:
            break
    return parts


def _first_out(leaving: Amounts, needed: Decimal, market: Mapping[str, Security]) -> tuple[dict[str, Decimal], bool]:
    """The shares sold of what has no weight, by symbol, to raise an amount; True where that is enough."""
    sold: dict[str, Decimal] = {}
    for symbol in sorted(leaving):
        if needed <= 0:
            break
        sold[symbol] = shares_to_sell(needed, leaving[symbol], market[symbol])
        needed -= market[symbol].worth(sold[symbol])
    return sold, needed <= 0
