"""Which of two ends of an account is the better one (DESTINATION-6)."""

from decimal import Decimal

import pytest

from domain.planning.ends import Ends, better


def ends(unmet: str, cash_off: str, outside: str, off: str) -> Ends:
    return Ends(*(Decimal(each) for each in (unmet, cash_off, outside, off)))


STEP = Decimal(450)  # the largest of a plan that sells one thing to buy another
WORTH = Decimal(200)  # two orders of at least 100.00


@pytest.mark.parametrize(
    ("now", "then", "is_better"),
    [
        (("10", "0", "0", "0"), ("0", "900", "0", "900"), True),  # a need that is met comes before all else
        (("0", "900", "0", "0"), ("0", "400", "0", "0"), True),  # cash nearer by a step
        (("0", "400", "0", "0"), ("0", "0", "0", "0"), False),  # by less: one rounding for another
        (("0", "0", "5", "900"), ("0", "0", "0", "900"), True),  # inside thresholds, by however little
        (("0", "0", "0", "900"), ("0", "0", "5", "0"), False),  # outside them, where cash is no nearer
        # Cash is nearer by less than a step, and 4,571.80 of components come home for 40.53 of a sleeve's idle cash.
        (("0", "393.69", "0", "4571.80"), ("0", "0", "40.53", "57.25"), True),
        (("0", "393.69", "0", "400"), ("0", "0", "40.53", "57.25"), False),  # 302.22 together: less than a step
        (("0", "0", "0", "660"), ("0", "0", "0", "10"), True),  # 650.00: a step, and what the orders have to be
        (("0", "0", "0", "659.99"), ("0", "0", "0", "10"), False),
        (("0", "0", "0", "900"), ("0", "449.99", "0", "0"), True),  # cash is further, by less than a step
    ],
)
def test_better(now: tuple[str, str, str, str], then: tuple[str, str, str, str], is_better: bool) -> None:
    assert better(ends(*then), ends(*now), STEP, WORTH) is is_better
