"""Explanations: the plan's orders, transfers and decisions as sentences with their numbers.

Asked by `plan` once everything is decided. Nothing is decided here.
"""

from collections.abc import Sequence
from decimal import Decimal

from domain import checks, lots
from domain.destination import DESTINATION_1, DESTINATION_2, Destination
from domain.filling import SLEEVE_1, SLEEVE_4
from domain.lots import Gain, RelievedLot
from domain.money import ZERO, cents, money, percent, plain
from domain.orders import ORDER_2, ORDER_3, MarketOrder, minimum_trade
from domain.policy import Policy
from domain.proposal import Proposal
from domain.rebalance_plan import Allocation, ComponentOutcome, Order, SkippedTrade, Transfer
from domain.rules import Finding, info
from domain.settlement import order_amount
from domain.snapshot import CASH, MANAGED, Lot, Snapshot
from domain.valuation import Valuation


def explained(
    snapshot: Snapshot, valuation: Valuation, proposal: Proposal, outcomes: Sequence[ComponentOutcome], policy: Policy
) -> tuple[tuple[Order, ...], tuple[Transfer, ...], list[str]]:
    """Orders and transfers with their reasons and lots, and the symbols sold whose basis is unknown.

    The market takes its lots first, by the account's relief method; what crosses takes along the next ones.
    """
    method = lots.method_of(snapshot.account)
    held = {
        (sleeve.key, holding.symbol): holding.lots for sleeve in snapshot.account.sleeves for holding in sleeve.holdings
    }
    destinations = {each.component.key: each for each in proposal.destined.destinations}
    by_key = {each.component: each for each in outcomes}
    liquidation = snapshot.account.target_id is None
    orders, unknown = [], []
    for order in proposal.netted.orders:
        price = snapshot.price(order.symbol)
        relieved: list[RelievedLot] = []
        for trade in order.allocations if order.is_sell else ():
            given, held[trade.sleeve, trade.symbol] = lots.relieve(
                held[trade.sleeve, trade.symbol], -trade.quantity, price, snapshot.as_of, method, policy
            )
            relieved += given
        if any(each.gain is None for each in relieved):
            unknown.append(order.symbol)
        rule, reason = _why(order, destinations, by_key, liquidation)
        orders.append(
            Order(
                side="sell" if order.is_sell else "buy",
                symbol=order.symbol,
                quantity=order.quantity,
                price=price,
                amount=order_amount(order.quantity, snapshot.securities[order.symbol]),
                allocations=tuple(Allocation(each.sleeve, abs(each.quantity)) for each in order.allocations),
                lots=tuple(relieved),
                gain=lots.gain(relieved) if relieved else Gain(),
                rule=rule,
                reason=reason,
            )
        )
    transfers = [_crossed(snapshot, proposal, at, held, method, policy) for at in range(len(proposal.netted.crossings))]
    return tuple(orders), (*transfers, *_funded(proposal)), unknown


def _why(
    order: MarketOrder,
    destinations: dict[str, Destination],
    outcomes: dict[str, ComponentOutcome],
    liquidation: bool,
) -> tuple[str, str]:
    """The rule of the order's largest allocation, and a sentence for each component that it serves (ORDER-5)."""
    served = sorted(order.allocations, key=lambda each: (-abs(each.quantity), each.component))
    first = destinations[served[0].component]
    rule = checks.CHECK_3.code if liquidation else first.rule.code
    sentences = []
    for trade in served:
        each, seen = destinations[trade.component], outcomes[trade.component]
        moved = f"{trade.component} goes from {percent(seen.current_weight)} to {percent(seen.planned_weight)}"
        sentences.append(f"{moved}: {_cause(each, liquidation)}")
    return rule, "; ".join(sentences) + f" ({rule})"


def _cause(each: Destination, liquidation: bool) -> str:
    component = each.component
    if liquidation:
        return "the account has no target and is sold to cash"
    if component.kind == "unassigned":
        return "the target does not name it"
    if component.sleeve == "closing":
        return "the target no longer names it and its sleeve closes"
    if component.sleeve == "opening":
        return f"its sleeve opens at its weight of {percent(component.weight)}"
    if each.rule is DESTINATION_2:
        return "cash closes the plan" if each.change < 0 else "cash above its band is invested"
    side = "above" if each.change < 0 else "below"
    return f"it is {side} its destination band around {percent(component.weight)}"


def _crossed(
    snapshot: Snapshot,
    proposal: Proposal,
    at: int,
    held: dict[tuple[str, str], tuple[Lot, ...]],
    method: str,
    policy: Policy,
) -> Transfer:
    crossing = proposal.netted.crossings[at]
    key = crossing.seller, crossing.symbol
    given, held[key] = lots.relieve(
        held[key], crossing.quantity, snapshot.price(crossing.symbol), snapshot.as_of, method, policy
    )
    return Transfer(
        crossing.seller,
        crossing.buyer,
        crossing.symbol,
        crossing.quantity,
        crossing.amount,
        ORDER_2.code,
        f"{plain(crossing.quantity)} {crossing.symbol} that {crossing.seller} sells and {crossing.buyer} buys cross "
        f"inside the account; {crossing.buyer} pays {money(crossing.amount)} for them ({ORDER_2.code})",
        tuple(each.lot for each in given),
    )


def _funded(proposal: Proposal) -> list[Transfer]:
    transfers = []
    for funding in proposal.after.fundings:
        into = funding.amount > 0
        source, destination = (MANAGED, funding.sleeve) if into else (funding.sleeve, MANAGED)
        verb = "receives" if into else "pays"
        transfers.append(
            Transfer(
                source,
                destination,
                None,
                None,
                abs(funding.amount),
                SLEEVE_1.code,
                f"{funding.sleeve} {verb} {money(abs(funding.amount))}, the change of its value ({SLEEVE_1.code})",
            )
        )
    return transfers


def skipped(snapshot: Snapshot, proposal: Proposal, policy: Policy, valuation: Valuation) -> tuple[SkippedTrade, ...]:
    """What was too small to trade (ORDER-3)."""
    minimum = minimum_trade(valuation.managed_value, policy)
    found = []
    for order in sorted(proposal.netted.skipped, key=lambda each: (not each.is_sell, each.symbol)):
        amount = order_amount(order.quantity, snapshot.securities[order.symbol])
        side = "sell" if order.is_sell else "buy"
        found.append(
            SkippedTrade(
                "sell" if order.is_sell else "buy",
                order.symbol,
                order.quantity,
                amount,
                ORDER_3.code,
                f"the {side} of {plain(order.quantity)} {order.symbol} for {money(amount)} is below the minimum trade "
                f"of {money(minimum)} ({ORDER_3.code})",
            )
        )
    return tuple(found)


def decisions(proposal: Proposal) -> list[Finding]:
    """What cash forced, what was given up as too small: the decisions that no order shows by itself."""
    found = []
    for sleeve, amounts in sorted(proposal.given_up.items()):
        listed = ", ".join(f"{symbol} {money(amount)}" for symbol, amount in sorted(amounts.items()))
        found.append(
            info(
                SLEEVE_4,
                f"{sleeve} makes its change in fewer holdings: {listed} would have been below the minimum trade",
                component=sleeve,
                given_up={symbol: cents(amount) for symbol, amount in amounts.items()},
            )
        )
    forced = [each for each in proposal.destined.destinations if each.rule is DESTINATION_2 and each.change]
    if forced:
        listed = ", ".join(f"{each.component.key} {_signed(each.change)}" for each in forced)
        found.append(
            info(
                DESTINATION_2,
                f"cash closes the plan: to end inside its band, what is traded becomes {listed}",
                component=CASH,
                changes={each.component.key: cents(each.change) for each in forced},
                lower=cents(proposal.destined.cash_band.lower),
                upper=cents(proposal.destined.cash_band.upper),
            )
        )
    if proposal.destined.cut > ZERO:
        found.append(
            info(
                DESTINATION_2,
                f"buys are {money(proposal.destined.cut)} smaller than {DESTINATION_1.code} asks, as cash would not do",
                cut=cents(proposal.destined.cut),
            )
        )
    return found


def _signed(amount: Decimal) -> str:
    return f"{'+' if amount > 0 else '−'}{money(abs(amount))}"
