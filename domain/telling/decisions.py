"""Decisions: what cash forced and what was given up, which no order shows by itself.

Asked by `plan` once everything is decided. Nothing is decided here.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial

from domain.planning.affording import ORDER_4, Bought
from domain.planning.concentration import SLEEVE_4
from domain.planning.lines import DESTINATION_1, DESTINATION_2, DESTINATION_5, Destination
from domain.planning.turn import Proposal
from domain.targets.idle_cash import SLEEVE_3
from domain.targets.targets import Band
from domain.values.money import ZERO, cents, money, plain
from domain.values.rules import Finding, Noted, Rule, info
from domain.values.snapshot import CASH, MANAGED, security_key


def decisions(proposal: Proposal) -> list[Noted]:
    """What cash forced, what was given up as too small: the decisions that no order shows by itself."""
    fills, destined = proposal.fills, proposal.destined
    found = [
        Noted(SLEEVE_4.code, "info", partial(_gives_up, sleeve, fills[sleeve].given_up))
        for sleeve in sorted(fills)
        if fills[sleeve].given_up
    ]
    found += [
        Noted(SLEEVE_3.code, "info", partial(_makes_whole, each)) for each in destined.destinations if each.made_whole
    ]
    closing = [(each, moved) for each in destined.destinations if (moved := _closing(each))]
    if closing:
        inside = any(rule is DESTINATION_2 for each, _ in closing for rule, _ in each.parts)
        rule = DESTINATION_2 if inside else DESTINATION_5
        found.append(Noted(rule.code, "info", partial(_closes, rule, closing, destined.cash_band)))
    if destined.cut > ZERO:
        found.append(Noted(DESTINATION_2.code, "info", partial(_cuts, destined.cut)))
    if proposal.unaffordable:
        found.append(Noted(ORDER_4.code, "info", partial(_unaffordable, proposal.unaffordable)))
    return found


def _makes_whole(each: Destination) -> Finding:
    key = each.component.key
    return info(
        SLEEVE_3,
        f"{key} is overdrawn by {money(each.made_whole)}: the managed sleeve makes that good first, as far as it can",
        component=key,
        overdrawn=cents(each.made_whole),
    )


def _closing(each: Destination) -> Decimal:
    """What closing the plan moved of a component, bought above 0."""
    return sum([moved for rule, moved in each.parts if rule is DESTINATION_2 or rule is DESTINATION_5], ZERO)


def _unaffordable(gone: Sequence[Bought]) -> Finding:
    listed = ", ".join(f"{plain(each.quantity)} {each.symbol} of {each.sleeve}" for each in gone)
    return info(
        ORDER_4,
        f"what the sells bring does not pay for all buys: {listed} less are bought",
        missing={each.place: cents(each.cost) for each in gone},
        components=sorted({security_key(each.symbol) if each.sleeve == MANAGED else each.sleeve for each in gone}),
    )


def _gives_up(sleeve: str, amounts: Mapping[str, Decimal]) -> Finding:
    listed = ", ".join(f"{symbol} {money(amount)}" for symbol, amount in sorted(amounts.items()))
    return info(
        SLEEVE_4,
        f"{sleeve} makes its change in fewer holdings: {listed} would have been below the minimum trade",
        component=sleeve,
        given_up={symbol: cents(amount) for symbol, amount in amounts.items()},
    )


def _closes(rule: Rule, closing: Sequence[tuple[Destination, Decimal]], band: Band) -> Finding:
    told = [
        f"{each.component.key} gets {money(abs(moved))} {'more' if moved > 0 else 'less'}" for each, moved in closing
    ]
    return info(
        rule,
        f"for cash to end between {money(band.lower)} and {money(band.upper)}, {', '.join(told)} than its own "
        "destination band asks",
        component=CASH,
        changes={each.component.key: cents(moved) for each, moved in closing},
        lower=cents(band.lower),
        upper=cents(band.upper),
    )


def _cuts(cut: Decimal) -> Finding:
    return info(
        DESTINATION_2,
        f"buys are {money(cut)} smaller than {DESTINATION_1.code} asks, as there is not enough cash for them",
        cut=cents(cut),
    )
