"""Filling: which holdings make up a model sleeve's new value, and how many shares that is.

Asked for every component that a plan changes. A sleeve comes closer to its model by the cash that flows anyway; it
never trades both ways for it. What restrictions or the model take out of it is sold whatever the flow, and what that
brings is invested again.
"""

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from enum import Enum

from domain.planning.concentration import concentrated
from domain.planning.rounding import shares_to_sell
from domain.planning.spreading import NOT_HELD, Held, Spreading
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

    spreading = Spreading(named, weights, goal, growing, shares, task.smallest, market, allowed, held)
    keeps_shares = growing and not leaving and abs(task.change) < max(task.smallest, CENT)  # no flow to speak of
    levels = spreading.levels(blocked)
    amounts, traded, given_up = concentrated(levels, shares, market, task.smallest, keeps_shares, task.one_way)
    if not task.one_way:
        amounts, traded, given_up = spreading.settled((amounts, traded, given_up), task.idle * after)
    if growing:
        wanted |= amounts
        quantities |= {symbol: traded[symbol] for symbol in amounts if traded[symbol]}
        freed = _freed(task, leaving, sold_for, brought, goal - total)
        return SleeveTrades(quantities, wanted, given_up, blocked, sold_for, freed)
    wanted |= {symbol: -amount for symbol, amount in amounts.items()}
    quantities |= {symbol: -traded[symbol] for symbol in amounts if traded[symbol]}
    sold_for |= dict.fromkeys(amounts, Cause.DESTINATION)
    return SleeveTrades(quantities, wanted, given_up, blocked, sold_for)


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
