"""Books: what is wrong with one is said whole, each problem with its path in the file."""

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.books.book import BookRefused, Market, read_account, read_market, unknown_members
from domain.values.policy import Mode
from domain.values.snapshot import Account, Lot
from policy import in_force
from tests.domain.cases import TODAY
from tests.domain.planning import planned
from tests.domain.strategies import MODES

Json = dict[str, Any]
POLICY = in_force(TODAY)
PROBLEMS: list[Any] = yaml.safe_load(Path(__file__).with_name("problems.yaml").read_text(encoding="utf-8"))
SOUND: Json = json.loads((Path(__file__).parents[2] / "examples" / "analyst-case.json").read_text())


def problems(book: Json) -> list[str]:
    """Everything that is wrong with a book, as the commands collect it."""
    found: list[str] = []
    market: Market | None = None
    try:
        market = read_market({key: value for key, value in book.items() if key != "accounts"}, POLICY)
    except BookRefused as refused:
        found += map(str, refused.problems)
        market = refused.market
    for at, raw in enumerate(book["accounts"]):
        if market is not None:
            try:
                read_account(raw, at, market)
            except BookRefused as refused:
                found += map(str, refused.problems)
    return found


def changed(path: str, value: Any) -> Json:
    """The sound book with one value replaced, added, or taken away (`…`)."""
    book = copy.deepcopy(SOUND)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place: Any = book
    for step in way:
        place = place[step]
    if value == "…":
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return book


def test_the_sound_book_has_no_problem() -> None:
    assert problems(SOUND) == []


@pytest.mark.parametrize(("path", "value", "said"), PROBLEMS)
def test_a_problem_is_said_with_its_path(path: str, value: Any, said: str) -> None:
    found = problems(changed(path, value))
    assert [each for each in found if each.startswith(said)], found
    assert len(found) == 1, "one thing is wrong, and one is said"


def test_all_problems_are_said_together() -> None:
    """Misshapen values, unknown names and rules that are broken, in the market and in its accounts."""
    book = copy.deepcopy(SOUND)
    book["securities"][2]["price"] = "abc"
    book["models"][0]["holdings"][0]["weight"] = "0.4"
    book["models"].append({"id": "BROKEN", "holdings": 3})
    book["targets"][0]["components"][0]["weight"] = "0.2"
    book["targets"].append(
        {"id": "OTHER", "components": [{"model": "BROKEN", "weight": "0.5"}, {"security": "FIR", "weight": "0.5"}]}
    )
    book["colour"] = "red"
    book["accounts"][0]["shoe"] = "left"
    book["accounts"][0]["holdings"].append({"symbol": "ASH", "quantity": "x"})
    book["accounts"].append(
        {
            "id": "A-2",
            "target": "GONE",
            "sleeves": [{"model": "BROKEN", "holdings": [{"symbol": "FIR", "quantity": "1"}]}],
        }
    )
    assert [each.partition(":")[0] for each in problems(book)] == [
        "securities[2].price",
        "models[1].holdings",
        "colour",
        "models[0].holdings",
        "targets[1].components[1].security",
        "targets[0]",
        "accounts[0].holdings[1].quantity",
        "accounts[0].shoe",
        "accounts[1].target",
        "accounts[1].sleeves[0].holdings[0].symbol",
    ]


def test_what_refers_to_something_misshapen_is_no_problem_of_its_own() -> None:
    book = changed("securities.0.price", "abc")
    assert [each.partition(":")[0] for each in problems(book)] == ["securities[0].price"]


def test_a_text_that_is_no_text() -> None:
    """JSON may hold half of a character, as a key as well."""
    assert problems({"as_of": "2026-11-20", "accounts": [{"id": "\ud800", "\udfff": 1}]})
    assert problems({"as_of": "2026-11-20", "\udfff": [], "accounts": []})
    assert problems({"as_of": "2026-11-20", "securities": [{"symbol": "\ud800", "\udfff": 1}], "accounts": []})


@pytest.mark.parametrize("raw", [None, 3, "book", [], [1]])
def test_what_is_no_book_at_all(raw: Any) -> None:
    with pytest.raises(BookRefused, match="an object is needed"):
        read_market(raw, POLICY)


def test_a_group_names_accounts_that_are_there() -> None:
    market = read_market({"as_of": "2026-11-20", "account_groups": [{"id": "G", "accounts": ["A-1", "A-9"]}]}, POLICY)
    assert list(map(str, unknown_members(market, ["A-1"]))) == ['account_groups.G: unknown account "A-9"']
    assert market.household("A-1") == ("A-9",)
    assert market.household("A-2") == ()


def account(**changes: Any) -> Account:
    market = read_market({key: value for key, value in SOUND.items() if key != "accounts"}, POLICY)
    return read_account({"id": "A-1", **changes}, 0, market)


def test_an_account_is_taxable_open_and_rebalanced_unless_it_says_otherwise() -> None:
    found = account()
    assert (found.tax_status, found.status, found.rebalancing, found.target_id) == ("taxable", "open", True, None)
    assert found.managed.cash == 0
    assert not (found.managed.holdings or found.model_sleeves or found.protected)
    assert (found.first_rebalanced, found.lot_relief, found.gain_budget) == (None, None, None)


def test_a_holding_of_lots_and_one_of_unknown_basis() -> None:
    lots = [
        {"quantity": "1.5", "cost_per_share": "2.00", "acquired": "2026-01-02"},
        {"quantity": 2, "cost_per_share": 3, "acquired": "2026-01-03"},
    ]
    whole, unknown = account(
        holdings=[{"symbol": "OAK", "lots": lots}, {"symbol": "ELM", "quantity": "7"}]
    ).managed.holdings
    assert (whole.quantity, len(whole.lots)) == (Decimal("3.5"), 2)
    assert unknown.lots == (Lot(Decimal(7), None, None),)


def test_a_holding_of_nothing_is_none() -> None:
    assert account(holdings=[{"symbol": "OAK", "quantity": "0"}, {"symbol": "ELM", "lots": []}]).managed.holdings == ()


def test_a_price_without_a_date_is_of_the_books_day() -> None:
    market = read_market(
        {"as_of": "2026-11-20", "securities": [{"symbol": "A", "price": "1"}, {"symbol": "B"}]}, POLICY
    )
    assert market.securities["A"].price_as_of == TODAY
    assert market.securities["B"].price is None


def test_a_book_may_refer_to_what_is_known_already() -> None:
    known = read_market({key: value for key, value in SOUND.items() if key != "accounts"}, POLICY)
    more: Json = {
        "as_of": "2026-11-20",
        "targets": [{"id": "NEW", "components": [{"target": "CORE-PLUS", "weight": "1"}]}],
    }
    assert set(read_market(more, POLICY, known).targets) == {"CORE-PLUS", "NEW"}


ODD: list[Any] = [None, True, False, 0, -1, 10**30, 1.5, Decimal("0.333333333333"), [], [None], {}, {"a": 1}, "\ud800"]
ODD += ["", " ", "x", "0", "1", "-5", "0.000000000001", "9999999999999999", "1e-9", "NaN", "2199-12-31", "1900-01-01"]
ODD += ["A-1", "TREES", "CORE-PLUS", "OAK"]


def places(value: Any, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, each in inside for place in places(each, (*way, key)))]


@settings(derandomize=True, database=None, deadline=None, max_examples=400)
@given(st.lists(st.tuples(st.sampled_from(places(SOUND)[1:]), st.sampled_from(ODD)), min_size=1, max_size=3), MODES)
def test_whatever_a_book_says_it_is_refused_or_planned(changes: list[tuple[Any, Any]], mode: Mode) -> None:
    book = copy.deepcopy(SOUND)
    for (*way, last), value in changes:
        place = book
        try:
            for step in way:
                place = place[step]
            place[last] = value
        except (LookupError, TypeError):  # an earlier change took the place away
            continue
    if not isinstance(book["accounts"], list) or not book["accounts"]:
        return
    if problems(book) or str(book["as_of"]) < "2000":  # before the first policy
        return
    assert planned(book, mode)["expected_status"] in ("COMPLETE", "COMPLETE_WITH_ERRORS", "FAILED")
