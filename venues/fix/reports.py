"""What a broker says, read: execution reports and rejections, and what they make of an order. Pure.

a report ──► Report ──► Standing of the order, by one table (FIX-6)
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from domain.executing.execution import OrderStatus
from domain.values.money import ONE, ZERO, to_cent
from domain.values.rules import Rule
from policy.trading_days import trade_date
from venues.fix.wire import Fields, Unreadable
from venues.port import WORKING

FIX_4 = Rule("FIX-4", "What was filled is the sum of the live executions; CumQty × AvgPx only fills a gap, flagged.")
FIX_6 = Rule("FIX-6", "A broker's words become an order's status by one table; a duplicate reject is asked about.")

Status = OrderStatus | Literal["WORKING"]
Kind = Literal["trade", "bust", "correction", "status", "word"]

# OrdStatus (39). What ends without being filled is PARTIALLY_FILLED where something was (EXEC-2).
ENDED: dict[str, OrderStatus] = {"2": "FILLED", "8": "REJECTED", "4": "CANCELED", "C": "CANCELED", "3": "CANCELED"}
# CommType (13), and MiscFeeBasis (891) in its words. A share is told as .05 for 5 %.
PER_UNIT, OF_AMOUNT, ABSOLUTE = "1", "2", "3"
BASES = {"0": ABSOLUTE, "1": PER_UNIT, "2": OF_AMOUNT}
FEE = frozenset({137, 138, 139, 891})
OURS = "USD"  # the currency of a fill that names none (15)
UNKNOWN_ORDER, DUPLICATE_ORDER, UNKNOWN_SYMBOL = "5", "6", "1"  # OrdRejReason (103)
ORDER_REJECTS = {
    "0": "broker's option",
    "1": "unknown symbol",
    "2": "exchange closed",
    "3": "order exceeds limit",
    "4": "too late to enter",
    "5": "unknown order",
    "6": "duplicate order",
    "8": "stale order",
    "11": "unsupported order characteristic",
    "13": "incorrect quantity",
    "15": "unknown account",
}


@dataclass(frozen=True, slots=True)
class Costs:
    """What a report says that its fill costs besides its price: commission and fees. `unclear`: what of it can't be
    booked, and why; it counts for nothing.
    """

    amount: Decimal = ZERO
    unclear: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """An execution report (35=8). `kind`: what it adds; `status` and `word` add nothing to what was filled."""

    kind: Kind
    name: str  # ClOrdID
    original: str | None  # OrigClOrdID, after 35=G or F
    exec_id: str
    ref_id: str | None
    trade_date: date
    status: Status
    quantity: Decimal  # LastQty
    price: Decimal  # LastPx
    cumulative: Decimal | None
    average: Decimal | None
    asked: bool  # the broker answers a question, or speaks of an order that it does not know
    unknown: bool  # the broker does not know the order
    question: str | None  # OrdStatusReqID: to which of our questions this is the answer
    duplicate: bool  # it had the order already (103=6)
    replaced: bool
    reason: str | None
    account: str | None
    symbol: str | None
    side: Literal["buy", "sell"] | None
    order_quantity: Decimal | None
    poss_dup: bool
    costs: "Costs"
    calculated: bool = False  # the costs are those of the order, all in all (150=B)


def report(fields: Fields) -> Report:
    """An execution report as we read it, FIX 4.2 and 4.4 alike. Raises Unreadable."""
    name, exec_id, said = fields.get(11), fields.get(17), fields.get(39)
    if name is None or said is None:
        raise Unreadable("an execution report without ClOrdID (11) or OrdStatus (39)")
    kind = _kind(fields)
    quantity, price = fields.number(32) or ZERO, fields.number(31) or ZERO
    if kind in ("trade", "bust", "correction") and not exec_id:
        raise Unreadable(f"a {kind} without ExecID (17)")
    if kind in ("bust", "correction") and not fields.get(19):
        raise Unreadable(f"a {kind} without ExecRefID (19)")
    if min(quantity, price) < 0 and kind in ("trade", "correction"):
        raise Unreadable(f"a {kind} of {quantity} at {price}")
    if kind == "correction" and quantity and not price:
        raise Unreadable("a correction without LastPx (31)")
    if kind == "trade" and not (quantity and price):  # for what it was, CumQty × AvgPx says (FIX-4)
        kind = "word"
    rejected, calculated = said == "8", fields.get(150) == "B"
    cumulative, average = fields.number(14), fields.number(6)
    of = (cumulative or ZERO, average or ZERO) if calculated else (quantity, price)
    why = fields.get(103) if rejected else None
    return Report(
        kind=kind,
        name=name,
        original=fields.get(41),
        exec_id=exec_id or "",
        ref_id=fields.get(19) if kind in ("bust", "correction") else None,
        trade_date=_trade_date(fields),
        status=ENDED.get(said, WORKING),
        quantity=quantity,
        price=price,
        cumulative=cumulative,
        average=average,
        asked=kind == "status" or fields.get(790) is not None,
        unknown=why == UNKNOWN_ORDER,
        question=fields.get(790),
        duplicate=why == DUPLICATE_ORDER,
        replaced=said == "5" or fields.get(150) == "5",
        reason=_reason(fields, why),
        account=fields.get(1),
        symbol=fields.get(55),
        side={"1": "buy", "2": "sell"}.get(fields.get(54) or ""),  # type: ignore[arg-type]
        order_quantity=fields.number(38),
        poss_dup=fields.get(43) == "Y",
        costs=costs(fields, *of),
        calculated=calculated and (fields.get(12) or fields.get(137)) is not None,
    )


def costs(fields: Fields, quantity: Decimal, price: Decimal) -> Costs:
    """Commission (12, by 13) and fees (136 to 139, 891) of a fill, or of all of an order (ALLOC-5).

    What can't be read, is of a kind that is none of a share's, or in another currency than the fill's, is left out and
    said: a fill is never lost for what it costs.
    """
    currency = fields.get(15) or OURS
    charges = [("commission (12)", fields, 12, fields.get(13) or ABSOLUTE, fields.get(479))]
    charges += [
        (f"fee of type {each.get(139) or '?'} (137)", each, 137, BASES.get(each.get(891) or "0", "?"), each.get(138))
        for each in fields.group(137, FEE)
    ]
    total, unclear = ZERO, []
    for name, said, tag, basis, of in charges:
        if said.get(tag) is None:
            continue
        factor = {PER_UNIT: quantity, OF_AMOUNT: quantity * price, ABSOLUTE: ONE}.get(basis)
        try:
            charge = said.number(tag) or ZERO
        except Unreadable as flaw:
            unclear.append(f"{name}: {flaw}")
            continue
        if factor is None:
            unclear.append(f"{name} {charge}: of an unknown kind (13, 891)")
        elif of not in (None, currency):
            unclear.append(f"{name} {charge}: in {of}, not {currency}")
        else:
            total += charge * factor
    return Costs(total, "; ".join(unclear) or None)


def is_answer(fields: Fields) -> bool:
    """True where the broker answers a question after an order."""
    return fields.get(20) == "3" or fields.get(150) == "I" or fields.get(790) is not None


def _kind(fields: Fields) -> Kind:
    """What a report adds: by ExecTransType (20) in FIX 4.2, by ExecType (150) since."""
    transaction, what = fields.get(20), fields.get(150)
    if transaction == "3" or what == "I":
        return "status"
    if transaction == "1" or what == "H":
        return "bust"
    if transaction == "2" or what == "G":
        return "correction"
    return "trade" if what in ("F", "1", "2") or (what is None and fields.number(32)) else "word"


def _trade_date(fields: Fields) -> date:
    """The exchange's day: said (75), or that of TransactTime (60), or of SendingTime (52): the first one's (122), where
    it is sent once more, so that an execution that comes again on another day is the same (FIX-3).
    """
    said = fields.day(75)
    moment = fields.moment(60) or (fields.moment(122) if fields.get(43) == "Y" else None) or fields.moment(52)
    if said is not None:
        return said
    if moment is None:
        raise Unreadable("an execution report without TradeDate (75), TransactTime (60) and SendingTime (52)")
    return trade_date(moment)


def _reason(fields: Fields, why: str | None) -> str | None:
    """The broker's words, and the meaning of its code."""
    text = fields.get(58)
    if why is None:
        return text
    meaning = ORDER_REJECTS.get(why, f"reason {why}")
    if why == UNKNOWN_SYMBOL:
        meaning += f" {fields.get(55) or ''}: name it as the broker does, under symbols of the session's file"
    return f"{meaning}: {text}" if text else meaning


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution of an order as it was kept; `ref_id` is what it busts or corrects, `traded_on` that one's day."""

    exec_id: str
    trade_date: date
    ref_id: str | None = None
    traded_on: date | None = None


def concerned(kept: Iterable[Execution], ref_id: str, until: date) -> list[Execution]:
    """What a bust or a correction of `ref_id` acts on: that execution, what it corrects, and what corrects any of them.

    Some brokers name the execution that was corrected last, others always the first one. An ExecID that was given on
    several days is the newest until then. The oldest comes first.
    """
    of: dict[str, list[Execution]] = {}
    for each in sorted(kept, key=lambda one: one.trade_date):
        of.setdefault(each.exec_id, []).append(each)

    def named(exec_id: str, day: date) -> Execution | None:
        return next((each for each in reversed(of.get(exec_id, ())) if each.trade_date <= day), None)

    first = named(ref_id, until)
    found = [] if first is None else [first]
    for one in found:  # grows while it is walked, by each execution once
        before = None if one.ref_id is None else named(one.ref_id, one.trade_date)
        after = [each for same in of.values() for each in same
                 if each.ref_id == one.exec_id and named(one.exec_id, each.trade_date) == one]  # fmt: skip
        found += [each for each in [before, *after] if each is not None and each not in found]
    return sorted(found, key=lambda one: (one.traded_on or one.trade_date, one.trade_date))


@dataclass(frozen=True, slots=True)
class Standing:
    """How an order stands, by what was said so far."""

    status: Status = WORKING
    said_quantity: Decimal = ZERO  # CumQty as last said
    said_average: Decimal = ZERO
    reason: str | None = None


def after(standing: Standing, said: Report, *, opens: bool = False) -> Standing:
    """How an order stands after a report that is new to us (FIX-6).

    A last word stays, except where a bust or a correction opens the order again, or, with `opens`, one that was lost;
    what was said to be filled falls only by those, or by an answer to a question.
    """
    changed = opens or said.kind in ("bust", "correction")
    cumulative, average = standing.said_quantity, standing.said_average
    fresh = changed or (said.kind == "status" and not said.poss_dup)
    if said.cumulative is not None and not said.unknown and (fresh or said.cumulative >= cumulative):
        cumulative, average = said.cumulative, said.average or ZERO
    told = replace(standing, said_quantity=cumulative, said_average=average)
    if said.unknown or said.duplicate or (standing.status != WORKING and not changed):
        return told
    return replace(told, status=said.status, reason=said.reason or standing.reason)


@dataclass(frozen=True, slots=True)
class Filled:
    """What was filled in all, for which cash; `repaired` where a part of it stands in by CumQty × AvgPx (FIX-4)."""

    quantity: Decimal
    amount: Decimal
    repaired: bool


def filled(quantity: Decimal, amount: Decimal, standing: Standing, *, lost_busts: bool = False) -> Filled:
    """What was filled, from the live executions' sums and from what the broker said in all.

    `lost_busts`: less than that sum is true, too.
    """
    if standing.said_quantity == quantity or (standing.said_quantity < quantity and not lost_busts):
        return Filled(quantity, to_cent(amount), False)
    return Filled(standing.said_quantity, to_cent(standing.said_quantity * standing.said_average), True)


def says_less(said: Report, quantity: Decimal) -> bool:
    """True where the broker, asked, says that less is filled than executions came for: a bust of one was lost, or the
    answer was on its way already when the execution was made.
    """
    is_answer = said.kind == "status" and not said.poss_dup and not said.unknown
    return is_answer and said.cumulative is not None and said.cumulative < quantity


def last_word(status: Status, quantity: Decimal) -> Status:
    """A status with what was filled: an order that ended otherwise than FILLED is PARTIALLY_FILLED with a part, and
    CANCELED where that was busted.
    """
    if status == "PARTIALLY_FILLED" and not quantity:
        return "CANCELED"
    return "PARTIALLY_FILLED" if status in ("CANCELED", "REJECTED", "EXPIRED") and quantity else status
