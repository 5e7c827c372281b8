"""The witness itself, on sums that a person can do."""

import pytest

from tests.domain.linear_program import Room, least_turnover


@pytest.mark.parametrize(
    ("components", "cash", "least"),
    [
        ([Room(50, 40, 60)], Room(50, 40, 60), 0),
        ([Room(70, 40, 60)], Room(30, 20, 60), 10),
        ([Room(70, 40, 60)], Room(30, 55, 60), 25),  # cash needs 25
        ([Room(70, 40, 60), Room(20, 30, 40)], Room(10, 0, 10), 20),  # one sells 10, the other buys 10
        ([Room(50, 40, 60)], Room(50, 0, 5), None),  # 55 at most of 100 can be held
        ([], Room(100, 100, 100), 0),
    ],
)
def test_least_turnover(components: list[Room], cash: Room, least: float | None) -> None:
    found = least_turnover(components, cash)
    assert found == (least if least is None else pytest.approx(least))
