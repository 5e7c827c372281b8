"""What finds a sum that is wrong on a page of the console; the pages themselves are summed in test_every_page."""

import re
from decimal import Decimal

import pytest

from storage.connection import Books
from tests.cli.rebalanced import REQUEST, executed, pending, requested
from tests.web.conftest import Visitor
from tests.web.sums import checked

ACCOUNTS = ("A-101", "A-103", "A-105", "A-106", "A-110")  # A-106 is liquidated


def test_every_kind_of_page_is_summed(demo: Books, visitor: Visitor) -> None:
    made = [pending(demo, each) for each in ACCOUNTS]
    requested(demo, ACCOUNTS)
    executed(demo, made[1])
    client = visitor("ben")
    least = {
        **{f"/rebalances/{each}": 10 for each in made},
        "/accounts/A-103": 20,
        f"/requests/{REQUEST}": 12,
        f"/requests/{REQUEST}/review": 5,
        f"/requests/{REQUEST}/review?by=trade": 10,
    }
    for path, count in least.items():
        sums = list(checked(client.get(path).text))
        assert len(sums) >= count, (path, sums)
        assert [each for each in sums if each[1] != each[2]] == [], path


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/accounts/A-103", "As a custodian states it"),
        (f"/requests/{REQUEST}", "Accounts of the request"),
        (f"/requests/{REQUEST}/review", "Plans by account"),
    ],
)
def test_a_wrong_figure_is_found(demo: Books, visitor: Visitor, path: str, label: str) -> None:
    """A cent more in the first amount of a table that is in a sum."""
    for each in ("A-101", "A-103"):
        pending(demo, each)
    requested(demo, ["A-101", "A-103"])
    before, _, table = visitor("ben").get(path).text.partition(f'aria-label="{label}"')
    amounts = re.findall(r'<td class="r">([\d,]{3,}\.\d\d)</td>', table)
    assert len(amounts) > 3
    at = 0 if label.startswith("Accounts") else 1  # the others begin with what is in no sum
    more = f"{Decimal(amounts[at].replace(',', '')) + Decimal('0.01'):,.2f}"
    wrong = f'{before}aria-label="{label}"{table.replace(f">{amounts[at]}<", f">{more}<", 1)}'
    assert [each[0] for each in checked(wrong) if each[1] != each[2]]
