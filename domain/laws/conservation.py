"""LAW-1 and LAW-2: nothing appears, nothing is lost, nothing is sold or spent that is not there."""

from collections.abc import Iterator
from decimal import Decimal

from domain.laws.booked_plan import LAW_1, BookedPlan
from domain.laws.broken import Broken
from domain.values.keys import named
from domain.values.money import HALF_A_CENT, ZERO, money, plain
from domain.values.rules import Rule
from domain.values.snapshot import CASH, MANAGED

LAW_2 = Rule("LAW-2", "No cash ends below the smaller of zero and what it was, and nothing is sold that is not held.")


def planned_values(books: BookedPlan) -> Iterator[Broken]:
    """Components that are not what the books show, before or after; together they are the whole account."""
    plan, managed = books.plan, books.held[MANAGED]
    total = books.gross
    reserved = total - (plan.managed_value or ZERO)
    if not _may_be_reserved(books, reserved):
        yield Broken(
            LAW_1,
            f"the account is worth {money(total)} and no withdrawals reserve {money(reserved)}, so that "
            f"{money(plan.managed_value or ZERO)} can't be its managed value",
            {"value": total, "managed_value": plan.managed_value},
        )
    sum_before = ZERO
    moved_directly = books.moved.get(MANAGED, {})
    for each in plan.components:
        key = each.component
        if key == CASH:
            before, after = books.before[MANAGED] - reserved, books.cash[MANAGED] - reserved
        elif key in books.before or named(key).kind == "model":
            before = books.before.get(key, ZERO) + books.worth.get(key, ZERO)
            after = books.value_after(key) if key in books.cash else before
        else:
            symbol = named(key).ref
            price = books.prices.get(symbol, ZERO)
            before = managed[symbol].quantity * price if symbol in managed else ZERO
            after = before + moved_directly[symbol] * price if symbol in moved_directly else before
        sum_before += before
        if each.current_value != before:
            yield from _told_wrongly(key, "is", each.current_value, before)
        if each.planned_value != after:
            yield from _told_wrongly(key, "ends", each.planned_value, after)
    if sum_before != total - reserved:
        yield Broken(
            LAW_1,
            f"the components are worth {money(sum_before)} together, and the managed value is "
            f"{money(total - reserved)}: something is counted twice or not at all",
            {"components": sum_before, "managed_value": total - reserved},
        )
    if plan.cash_before != books.before[MANAGED] or plan.cash_after != books.cash[MANAGED]:
        yield Broken(
            LAW_1,
            f"cash goes from {money(books.before[MANAGED])} to {money(books.cash[MANAGED])} by the books, and from "
            f"{money(plan.cash_before)} to {money(plan.cash_after)} by the plan",
            {"before": books.before[MANAGED], "after": books.cash[MANAGED], "planned": plan.cash_after},
        )


def _told_wrongly(key: str, says: str, planned: Decimal, booked: Decimal) -> Iterator[Broken]:
    if abs(planned - booked) >= HALF_A_CENT:
        yield Broken(
            LAW_1,
            f"{key} {says} at {money(booked)} by the books and at {money(planned)} by the plan",
            {"component": key, "booked": booked, "planned": planned},
        )


def _may_be_reserved(books: BookedPlan, reserved: Decimal) -> bool:
    """True where it is what withdrawals take, the first due first: how far ahead they are reserved is policy."""
    if not reserved:
        return True
    so_far = ZERO
    for each in sorted(books.snapshot.account.withdrawals, key=lambda each: each.due):
        so_far += each.amount
        if so_far == reserved:
            return True
    return False


def never_short(books: BookedPlan) -> Iterator[Broken]:
    """Sleeves and the account without the cash they spend, and sales of what is not held."""
    before, after = books.before, books.cash
    for key, cash in after.items():
        if cash < ZERO and cash < before.get(key, ZERO):
            yield _short(key, before.get(key, ZERO), cash)
    total = sum(after.values(), ZERO)
    if total < ZERO and total < (had := sum(before.values(), ZERO)):
        yield _short("the account", had, total)
    for sleeve, changes in books.moved.items():
        here = books.held.get(sleeve, {})
        for symbol, change in changes.items():
            if change >= ZERO:
                continue
            held = here[symbol].quantity if symbol in here else ZERO
            if held + change < ZERO:
                yield Broken(
                    LAW_2,
                    f"{sleeve} gives up {plain(-change)} {symbol} and holds {plain(held)}",
                    {"sleeve": sleeve, "symbol": symbol, "given_up": -change, "held": held},
                )


def _short(whose: str, before: Decimal, after: Decimal) -> Broken:
    return Broken(
        LAW_2,
        f"the cash of {whose} goes from {money(before)} to {money(after)}",
        {"sleeve": whose, "before": before, "after": after},
    )
