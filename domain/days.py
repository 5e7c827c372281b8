"""The days and moments that decisions hang on: the rules about them, for whoever knows the clock and the calendar."""

from domain.values.rules import Rule

DAY_1 = Rule(
    "DAY-1",
    "Whatever asks for now or today asks one clock, handed in from outside and kept in UTC; the exchange's zone says "
    "which day it is.",
)
DAY_2 = Rule(
    "DAY-2",
    "Books are valued as of the business day; lots, sales, holding periods, wash windows and tax years go by the trade "
    "date, the exchange's day on which the venue filled.",
)
DAY_3 = Rule(
    "DAY-3",
    "A price's age is counted in trading days from the clock's day. A historical book says that it is one, and is "
    "judged from its own day.",
)
DAY_4 = Rule(
    "DAY-4",
    "The business day moves forward by prices that cover enough of what is held, to a session not after today; back "
    "only by name.",
)
DAY_5 = Rule(
    "DAY-5",
    "A statement has a date, a session not after today, and is compared with the books as they stood at the end of it.",
)
DAY_6 = Rule(
    "DAY-6",
    "An approval counts until the exchange's close, and execution begins before it; what did not begin is EXPIRED. "
    "Orders are sent in the venue's session, or, where its terms say so, kept for the next open.",
)
DAY_7 = Rule("DAY-7", "Looking back reports, and leaves the live queue alone.")
DAY_8 = Rule("DAY-8", "A closure that no calendar knew is declared as dated policy data.")
