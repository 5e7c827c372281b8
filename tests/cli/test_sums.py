"""Numbers add up on their own page: sums that a page prints, computed again from the page; on the demo's book."""

from decimal import Decimal

import pytest

from storage.connection import Books
from tests.cli.conftest import Command
from tests.cli.rebalanced import REQUEST, executed, pending
from tests.cli.sums import checked

ACCOUNTS = ["A-101", "A-103", "A-105", "A-106", "A-107", "A-110", "A-113", "A-114"]  # are liquidated


def all_right(page: str, least: int) -> None:
    sums = list(checked(page))
    assert len(sums) >= least, page
    assert [each for each in sums if each[1] != each[2]] == []


@pytest.fixture
def wide(loaded: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("COLUMNS", "1000")
    return loaded


def test_an_account_as_its_custodian_states_it(wide: Command) -> None:
    for account_id in ACCOUNTS:
        page = wide("account", "show", account_id)
        all_right(page.out, 2)
        told = wide("account", "show", account_id, "--format", "json").json
        held: dict[str, Decimal] = {}
        for sleeve in told["sleeves"]:
            for each in sleeve["holdings"]:
                held[each["symbol"]] = held.get(each["symbol"], Decimal(0)) + Decimal(each["quantity"])
        assert {each["symbol"]: Decimal(each["quantity"]) for each in told["totals"]} == held
        assert Decimal(told["total_cash"]) == sum(Decimal(each["cash"]) for each in told["sleeves"])


def test_a_rebalance_before_and_after(wide: Command, desk: Books) -> None:
    made = [pending(desk, each) for each in ("A-103", "A-105", "A-106")]
    executed(desk, made[0])
    for each in made:
        all_right(wide("show", each).out, 8)


def test_a_request_names_what_each_account_trades_and_all_together(wide: Command, desk: Books) -> None:
    made = {each: pending(desk, each) for each in ACCOUNTS}
    executed(desk, made["A-103"])
    page = wide("show", REQUEST).out
    all_right(page, 6)
    assert "Halvorsen family trust" in page
    assert page.count("LIQUIDATION") == 1
    waiting = len(ACCOUNTS) - 2  # one is executed, and the liquidation is decided by its own name (DECIDE-1)
    assert f"rebalancer approve {REQUEST} --by WHO (or cancel) decides {waiting} at once" in page
    told = wide("show", REQUEST, "--format", "json").json
    by_id = {each["account_id"]: each for each in told["rebalances"]}
    assert {key for key, each in by_id.items() if each["liquidation"]} == {"A-106"}
    assert by_id["A-113"]["managed_value"] is None
    assert told["totals"]["plans"] == len(ACCOUNTS) - 1
    warned = [warning for each in told["rebalances"] for warning in each["warnings"] or []]
    assert told["totals"]["warnings"] == len(warned) >= 2
    assert all(warning in page for warning in warned[:10])


def test_more_accounts_than_a_page_has_are_a_line_of_their_own(
    wide: Command, desk: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.request_page.LISTED", 3)
    for each in ACCOUNTS:
        pending(desk, each)
    page = wide("show", REQUEST).out
    assert "4 more" in page
    assert "and 5 more; all of them: rebalancer show" in page
    sums = [each for each in checked(page) if each[0] != "turnover"]  # of what is behind, nothing is said of it
    assert len(sums) == 5
    assert [each for each in sums if each[1] != each[2]] == []


@pytest.mark.parametrize("account", ["M-1", "M-2", "M-3"])
def test_what_if(wide: Command, account: str) -> None:
    all_right(wide("plan", "--book", "examples/household.yaml", "--account", account).out, 8)


def test_what_binds_an_account_is_on_its_page(wide: Command) -> None:
    """Household, restrictions, budget, withdrawals, relief, and the policy in force for it."""
    assert wide("load", "examples/household.yaml", "--business-day").code == 0
    page = wide("account", "show", "M-1").out
    terms = ("with M-2, M-3", "gain budget 2,000.00", "lot relief min_tax", "exclude SMOKE", "substitute OIL by WIND")
    for told in (*terms, "no_sell LEGACY until 2027-06-30"):
        assert told in page, page
