"""The sentence of every order fits what it does: nothing is sold because it is below its band, or bought above it."""

import re
from typing import Any

from hypothesis import HealthCheck, assume, given, settings

from domain.books.book import BookRefused
from domain.values.policy import Mode
from tests.domain.planning import planned
from tests.domain.strategies import MODES
from tests.domain.wide_books import wide_books

NEVER = {
    "sell": re.compile(
        r"it is below its destination band|is invested|opens|down to its destination band|what cash there is buys"
    ),
    "buy": re.compile(
        r"it (?:is|would be) above its destination band|is sold(?! and invested)|no longer names|"
        r"is excluded|is held instead|cash is raised|raise cash"
    ),
}
NUMBERS = re.compile(r"(\S+) goes from (-?[\d.]+) % to (-?[\d.]+) %: \S")


@settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(wide_books(restricted=True), MODES)
def test_every_reason_fits_its_order(book: dict[str, Any], mode: Mode) -> None:
    try:
        plan = planned(book, mode)
    except BookRefused:  # a generated precision may stick out of its threshold
        assume(False)
    assume(not plan.get("liquidation", True))
    components = {each["component"] for each in plan["components"]}
    for order in plan["orders"]:
        rules = order["reason"].rpartition("(")[2].removesuffix(")").split(", ")
        assert order["rule"] in rules, order
        for clause in order["reason"].split("; "):
            assert not NEVER[order["side"]].search(clause), (order["side"], order["symbol"], clause)
            told = NUMBERS.match(clause)
            assert told and told[1] in components, clause
    for each in (*plan["skipped"], *plan["transfers"]):
        assert each["reason"].endswith(f"({each['rule']})")
        assert each["symbol"] is None or each["symbol"] in each["reason"]
