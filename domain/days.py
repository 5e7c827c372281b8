"""The days and moments that decisions hang on: the rules about them, for whoever knows the clock and the calendar."""

from domain.rules import Rule

DAY_1 = Rule(
    "DAY-1",
    "Whatever asks for now or today asks one clock, handed in from outside and kept in UTC; the exchange's zone says "
    "which day it is.",
)
DAY_3 = Rule(
    "DAY-3",
    "A price's age is counted in trading days from the clock's day. A historical book says that it is one, and is "
    "judged from its own day.",
)
