"""The steps of a derivation in which amounts become shares, orders and gains: sleeve by sleeve, then together.

Shows what the proposal has; quantities, amounts and lots are those that the plan orders.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from domain.planning import gain_budget
from domain.planning.case import Case
from domain.planning.concentration import SLEEVE_4
from domain.planning.filling import SLEEVE_1, SLEEVE_2, SleeveTrades
from domain.planning.orders import ORDER_2, ORDER_3, MarketOrder
from domain.planning.rounding import ORDER_1
from domain.planning.signals import SIGNAL_2
from domain.planning.turn import Proposal
from domain.rebalance_plan import RebalancePlan
from domain.targets import restrictions
from domain.tax import lots, wash_sales
from domain.tax.lots import LOT_1
from domain.tax.netting import TAX_1
from domain.tax.tax_year import PlanTax
from domain.tax.wash_matching import WASH_2
from domain.telling.steps import Cell, Step, step
from domain.values.money import CENT, ZERO, cents, money, percent, tidy
from domain.values.policy import Policy
from domain.values.snapshot import MANAGED, Sleeve

TEN_THOUSANDTH = Decimal("0.0001")


def sleeves(case: Case, proposal: Proposal) -> Iterator[Step]:
    """One step for each model sleeve that trades, then one for what the managed sleeve trades itself."""
    found = {sleeve.key: sleeve for sleeve in case.snapshot.account.model_sleeves}
    for each in proposal.destined.destinations:
        key = each.component.key
        if key in proposal.fills:
            yield _sleeve(case, proposal, found.get(key) or Sleeve(key, ZERO, ()), proposal.fills[key])
    managed = _managed(case, proposal)
    if managed.rows:
        yield managed


def _sleeve(case: Case, proposal: Proposal, sleeve: Sleeve, filled: SleeveTrades) -> Step:
    each = next(each for each in proposal.destined.destinations if each.component.key == sleeve.key)
    aimed = _aim(case, sleeve.key)
    held = {holding.symbol: holding.quantity for holding in sleeve.holdings}
    rows: list[tuple[Cell, ...]] = []
    for symbol in dict.fromkeys([*aimed, *held, *filled.wanted]):
        price = case.snapshot.price(symbol)
        value, wanted = held.get(symbol, ZERO) * price, filled.wanted.get(symbol)
        shares = filled.quantities.get(symbol, ZERO)
        amount = shares * price
        rounding = amount - wanted if wanted is not None and abs(amount - wanted) >= CENT else None
        why = _why_in_sleeve(case, symbol, filled, aimed, held)
        rows.append((symbol, aimed.get(symbol), value, wanted, rounding, shares or None, amount or None, why))
    moves = f"from {money(each.component.value)} to {money(each.value)}"
    signal = case.purpose.kind == "signal"
    return step(
        f"Inside {sleeve.key}, {moves if each.change else 'whose value stays'}",
        [SIGNAL_2.code, ORDER_1.code] if signal else [SLEEVE_1.code, SLEEVE_2.code, SLEEVE_4.code, ORDER_1.code],
        {
            "holding": "text",
            "aims at": "weight",
            "value": "amount",
            "wanted": "change",
            "rounding": "change",
            "shares": "shares",
            "amount": "change",
            "because": "text",
        },
        rows,
        [*_level(case, filled, aimed, held), *_cash_of(proposal, sleeve, each.change)],
    )


def _aim(case: Case, key: str) -> Mapping[str, Decimal]:
    """What the sleeve's model asks once restrictions are obeyed; nothing where the target no longer names it."""
    component = next(each for each in case.known if each.key == key)
    if component.goes_to_zero:
        return {}
    aimed = restrictions.aim(case.snapshot.models[component.ref], case.allowed)
    return {symbol: tidy(share) for symbol, share in aimed.shares.items()}


def _why_in_sleeve(
    case: Case, symbol: str, filled: SleeveTrades, aimed: Mapping[str, Decimal], held: Mapping[str, Decimal]
) -> str:
    shares, allowed = filled.quantities.get(symbol, ZERO), case.allowed
    if symbol in filled.blocked:
        amount = filled.blocked[symbol]
        block = (allowed.no_buy if amount > 0 else allowed.no_sell)[symbol]
        return f"may not be {'bought' if amount > 0 else 'sold'}: {money(abs(amount))} is not made ({block.rule.code})"
    if symbol in filled.given_up:
        return f"{money(filled.given_up[symbol])} given up as too small ({SLEEVE_4.code})"
    if shares < 0 and allowed.leaves(symbol):
        by = allowed.substitutes.get(symbol)
        return (
            f"{by} is held instead ({allowed.rule_of(symbol).code})"
            if by
            else f"excluded ({allowed.rule_of(symbol).code})"
        )
    if shares < 0 and symbol not in aimed:
        return "all of it: not in the model" if aimed else "sold" if -shares < held[symbol] else "all of it"
    if symbol in filled.wanted and not shares:
        return "less than one increment"
    return "" if shares else "left alone"


def _level(
    case: Case, filled: SleeveTrades, aimed: Mapping[str, Decimal], held: Mapping[str, Decimal]
) -> Iterator[str]:
    """The λ to which the holdings go that move, where it can be read off them (SLEEVE-2)."""
    reached = {
        cents((held.get(symbol, ZERO) * case.snapshot.price(symbol) + wanted) / aimed[symbol])
        for symbol, wanted in filled.wanted.items()
        if symbol in aimed
    }
    if len(reached) == 1 and not filled.given_up and case.purpose.kind != "signal":
        level = money(Decimal(reached.pop()))
        others = ", the other holdings are beyond it" if aimed.keys() - filled.wanted.keys() else ""
        yield f"λ = {level}: what moves goes to its weight × λ{others} ({SLEEVE_2.code})"


def _cash_of(proposal: Proposal, sleeve: Sleeve, change: Decimal) -> Iterator[str]:
    funded = sum((each.amount for each in proposal.after.fundings if each.sleeve == sleeve.key), ZERO)
    after = proposal.after.cash.get(sleeve.key, ZERO)
    traded = after - sleeve.cash - funded
    flows = f"{_signed(traded)} from its trades"
    flows += f" {_signed(funded)} {'from' if funded > 0 else 'to'} the managed sleeve" if funded else ""
    yield f"its cash: {money(sleeve.cash)} {flows} = {money(after)} ({SLEEVE_1.code})"
    if change < 0 and funded - change >= CENT:
        yield f"of {money(-change)} that it is to pay it pays {money(-funded)}: only what it has ({ORDER_3.code})"


def _signed(amount: Decimal) -> str:
    return f"{'−' if amount < 0 else '+'} {money(abs(amount))}"


def _managed(case: Case, proposal: Proposal) -> Step:
    """What the managed sleeve trades for the securities that the target names, and those that it does not."""
    traded = traded_by(proposal, MANAGED)
    rows: list[tuple[Cell, ...]] = []
    for each in proposal.destined.destinations:
        symbol = each.component.ref
        if each.component.kind == "model" or (not each.change and symbol not in traded):
            continue
        price, shares = case.snapshot.price(symbol), traded.get(symbol, ZERO)
        amount = shares * price
        rounding = amount - each.change if abs(amount - each.change) >= CENT else None
        exact = (each.change / price).quantize(TEN_THOUSANDTH)
        rows.append((each.component.key, each.change, price, exact, shares or None, amount or None, rounding))
    return step(
        "What the managed sleeve trades",
        [ORDER_1.code],
        {
            "component": "text",
            "change": "change",
            "price": "price",
            "exactly": "shares",
            "shares": "shares",
            "amount": "change",
            "rounding": "change",
        },
        rows,
        ["buys round down and cash left over buys single increments; sells that must raise cash round up"],
    )


def traded_by(proposal: Proposal, sleeve: str) -> dict[str, Decimal]:
    """The shares that a sleeve would trade, by symbol: crossed, ordered, skipped and cut ones together."""
    shares: dict[str, Decimal] = {}
    netted = proposal.netted
    for order in (*netted.orders, *netted.skipped, *netted.cut):
        for trade in order.allocations:
            if trade.sleeve == sleeve:
                shares[order.symbol] = shares.get(order.symbol, ZERO) + trade.quantity
    for crossing in netted.crossings:
        moved = crossing.quantity * ((crossing.buyer == sleeve) - (crossing.seller == sleeve))
        if moved:
            shares[crossing.symbol] = shares.get(crossing.symbol, ZERO) + moved
    return shares


def orders(case: Case, proposal: Proposal, plan: RebalancePlan) -> Iterator[Step]:
    """What crosses inside the account and what is left for the market, by security."""
    netted, priced = proposal.netted, case.snapshot.price
    crossed: dict[str, Decimal] = {}
    for crossing in netted.crossings:
        crossed[crossing.symbol] = crossed.get(crossing.symbol, ZERO) + crossing.quantity
    made = {each.symbol: _signed_quantity(each) for each in netted.orders}
    left = {each.symbol: _signed_quantity(each) for each in (*netted.skipped, *netted.cut)}
    told: dict[str, Decimal] = {}  # what earlier turns asked for and found not to trade included
    for each in plan.skipped:
        if each.rule in {ORDER_3.code, gain_budget.LOT_2.code}:
            quantity = -each.quantity if each.side == "sell" else each.quantity
            told[each.symbol] = told.get(each.symbol, ZERO) + quantity
    rows: list[tuple[Cell, ...]] = []
    for symbol in sorted({*crossed, *made, *left, *told}):
        net = made.get(symbol, ZERO) + left.get(symbol, ZERO)
        sold, bought = crossed.get(symbol, ZERO) + max(ZERO, -net), crossed.get(symbol, ZERO) + max(ZERO, net)
        ordered, not_made = made.get(symbol), told.get(symbol)
        amount = None if ordered is None else ordered * priced(symbol)
        rows.append((symbol, sold or None, bought or None, crossed.get(symbol), ordered, amount, not_made))
    if not rows:
        return
    notes = [each.reason for each in plan.transfers if each.symbol]
    policy = case.policy
    notes.append(
        f"an order is at least {money(case.smallest)}: the larger of {money(policy.minimum_trade_amount)} and "
        f"{percent(policy.minimum_trade_weight)} of {money(case.valuation.managed_value)} ({ORDER_3.code})"
    )
    yield step(
        "From trades to orders",
        [ORDER_2.code, ORDER_3.code],
        {
            "security": "text",
            "sold": "quantity",
            "bought": "quantity",
            "crosses": "quantity",
            "ordered": "shares",
            "amount": "change",
            "not made": "shares",
        },
        rows,
        notes,
    )


def _signed_quantity(order: MarketOrder) -> Decimal:
    return -order.quantity if order.is_sell else order.quantity


def gains(case: Case, plan: RebalancePlan) -> Iterator[Step]:
    """The lots that the sells give up, their gains, and what the gain budget and wash sales say of them."""
    account, policy = case.snapshot.account, case.policy
    rows: list[tuple[Cell, ...]] = []
    for order in plan.orders:
        for each in order.lots:
            acquired = str(each.lot.acquired) if each.lot.acquired else "unknown"
            cost = each.lot.cost_per_share
            rows.append((order.symbol, acquired, each.term, each.lot.quantity, cost, order.price, each.gain))
    if not rows:
        return
    notes = [f"lots are relieved by {lots.method_of(account)}, as {_method_from(case)} ({LOT_1.code})"]
    gain = plan.gain
    if plan.tax is not None:
        notes += _taxed(gain, plan.tax, policy)
    budget = gain_budget.budget_of(case.snapshot, case.liquidation)
    if budget is not None:
        sells = {order.symbol: order.lots for order in plan.orders if order.lots}
        left = _plain(budget - wash_sales.recognised(case.snapshot, policy, sells).net)
        notes.append(f"the gain budget is {money(budget)}: {left} of it is left ({gain_budget.LOT_2.code})")
    told = {gain_budget.LOT_2.code, LOT_1.code, WASH_2.code}
    said = [each for each in plan.findings if each.rule in told]
    codes = {each.rule for each in said} | ({gain_budget.LOT_2.code} if budget is not None else set())
    codes |= {TAX_1.code} if plan.tax is not None else set()
    yield step(
        "Lots relieved, and their gains",
        [LOT_1.code, *sorted(codes - {LOT_1.code})],
        {
            "security": "text",
            "acquired": "text",
            "term": "text",
            "quantity": "quantity",
            "cost": "price",
            "price": "price",
            "gain": "change",
        },
        rows,
        [*notes, *(each.message for each in said)],
    )


def _taxed(gain: lots.Gain, tax: PlanTax, policy: Policy) -> Iterator[str]:
    """What the gains count, and what they make of the group's year (TAX-1)."""
    sides = f"net gain {_plain(gain.short_term)} short-term and {_plain(gain.long_term)} long-term"
    lost = f"; {money(tax.disallowed)} of its losses do not count ({WASH_2.code})" if tax.disallowed else ""
    yield sides + lost
    without, with_plan, change = tax.difference.without.tax, tax.difference.with_plan.tax, tax.difference.tax
    yield (
        f"the group's year to date is {_plain(tax.year.short_term)} short-term and {_plain(tax.year.long_term)} "
        f"long-term; netted, at {percent(policy.tax_rate_short)} and {percent(policy.tax_rate_long)}, its tax goes "
        f"from {_plain(without)} to {_plain(with_plan)}: the plan {'saves' if change < 0 else 'adds'} "
        f"{money(abs(change))} ({TAX_1.code})"
    )


def _method_from(case: Case) -> str:
    account = case.snapshot.account
    if account.lot_relief:
        return "the account asks"
    return f"{'an' if account.tax_status == 'exempt' else 'a'} {account.tax_status} account has it by default"


def _plain(amount: Decimal) -> str:
    return f"{'−' if amount < 0 else ''}{money(abs(amount))}"


def not_made(plan: RebalancePlan) -> Iterator[Step]:
    """The trades that the bands ask for and the plan does not make, each with its reason."""
    if not plan.skipped:
        return
    yield step(
        "What is not traded",
        sorted({each.rule for each in plan.skipped}),
        {"security": "text", "side": "text", "quantity": "quantity", "amount": "amount", "because": "text"},
        [(each.symbol, each.side, each.quantity, each.amount, each.reason) for each in plan.skipped],
    )
