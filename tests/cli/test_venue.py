"""`rebalancer venue`: terms and scenarios, refused whole where they have a flaw."""

from pathlib import Path

import pytest

from storage.connection import Books
from tests.cli.conftest import Command

GOOD = """
seed: 7
orders:
  - {account: A-103, symbol: AAPL, side: sell, fill: 0.4}
  - {symbol: JNJ, price: 1.02, late: 3, twice: true}
  - {side: buy, chance: 0.1, reject: trading halted}
  - {chance: 0.2, lose_connection: after_accepting, times: 2}
"""
BAD = """
seed: 7
orders:
  - {account: A-999, symbol: NOPE, fill: 3}
  - {never_fills: true, late: 3}
  - {sides: buy}
  - {lose_connection: often}
"""


def test_a_scenario_is_set_shown_and_cleared(loaded: Command, desk: Books, tmp_path: Path) -> None:
    file = tmp_path / "bad-day.yaml"
    file.write_text(GOOD)
    assert loaded("venue", "scenario", "set", str(file), "--by", "ann").code == 0
    told = loaded("venue", "scenario", "show").out
    assert "account A-103, symbol AAPL, side sell" in told
    assert "0.4 of it filled" in told
    assert "connection lost after accepting, 2 times" in told
    assert loaded("venue", "scenario", "show", "--format", "json").json["set_by"] == "ann"
    with desk.transaction() as books:
        assert books.venues.scenario() is not None
    assert loaded("venue", "scenario", "clear").code == 0
    assert "follows no scenario" in loaded("venue", "scenario", "show").out
    assert loaded("venue", "scenario", "show", "--format", "json").json is None


def test_a_scenario_with_flaws_is_refused_whole(loaded: Command, tmp_path: Path) -> None:
    file = tmp_path / "flawed.yaml"
    file.write_text(BAD)
    said = loaded("venue", "scenario", "set", str(file))
    assert said.code == 1
    for place in ("orders[0].fill", "orders[1]", "orders[2].sides", "orders[3].lose_connection"):
        assert place in said.err
    file.write_text("orders: [{account: A-999}, {symbol: NOPE}]")
    said = loaded("venue", "scenario", "set", str(file))
    assert 'no account "A-999"' in said.err
    assert 'unknown symbol "NOPE"' in said.err
    assert "follows no scenario" in loaded("venue", "scenario", "show").out


@pytest.mark.parametrize("text", ["", "[]", "7", "orders: []", "orders: 7", "seed: x", "orders: [{}]\nclose: tomorrow"])
def test_what_is_no_scenario(loaded: Command, tmp_path: Path, text: str) -> None:
    file = tmp_path / "no.yaml"
    file.write_text(text)
    said = loaded("venue", "scenario", "set", str(file))
    assert (said.code, "Traceback" in said.err, "refused" in said.err) == (1, False, True)
    assert loaded("venue", "scenario", "set", str(tmp_path / "none.yaml")).code == 1


def test_terms_are_set_one_by_one_and_taken_away(loaded: Command) -> None:
    assert "no limit" in loaded("venue", "show").out
    assert loaded("venue", "set", "PAPER", "--orders-per-second", "20", "--by", "ann").code == 0
    assert loaded("venue", "set", "PAPER", "--patience", "600").code == 0
    (listed,) = loaded("venue", "show", "--format", "json").json
    assert (listed["orders_per_second"], listed["patience_seconds"]) == ("20", 600)
    assert loaded("venue", "set", "PAPER", "--orders-per-second", "none").code == 0
    (listed,) = loaded("venue", "show", "--format", "json").json
    assert (listed["orders_per_second"], listed["patience_seconds"]) == (None, 600)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["PAPER"], 2),
        (["PAPER", "--orders-per-second", "0"], 2),
        (["PAPER", "--orders-per-second", "NaN"], 2),
        (["PAPER", "--orders-per-second", "x"], 2),
        (["PAPER", "--patience", "-1"], 2),
        (["ELSEWHERE", "--patience", "1"], 1),
    ],
)
def test_terms_that_cannot_be(loaded: Command, given: list[str], code: int) -> None:
    said = loaded("venue", "set", *given)
    assert (said.code, "Traceback" in said.err) == (code, False)


def test_when_orders_are_sent_is_set_by_itself_and_shown(loaded: Command) -> None:
    """DAY-6: the paper venue takes them at any time of itself."""
    assert loaded("venue", "show", "--format", "json").json[0]["sends"] == "any_time"
    assert loaded("venue", "set", "PAPER", "--patience", "600").code == 0
    assert loaded("venue", "set", "PAPER", "--sends", "next-open", "--by", "ann").code == 0
    listed = loaded("venue", "show", "--format", "json").json[0]
    assert (listed["sends"], listed["patience_seconds"], listed["set_by"]) == ("next_open", 600, "ann")
    assert "to the next open" in loaded("venue", "show").out
    assert loaded("venue", "set", "PAPER", "--sends", "never").code == 2


def test_blocks_are_allocated_in_lots_where_the_terms_say_so(loaded: Command) -> None:
    """ALLOC-6"""
    assert loaded("venue", "set", "PAPER", "--blocks", "window", "--by", "ann").code == 0
    assert "in lots" not in loaded("venue", "show").out
    assert loaded("venue", "set", "PAPER", "--de-minimis", "100").code == 0
    assert "gathered 60 s, allocated in lots of 100, the rest ends with the day" in loaded("venue", "show").out
    (told,) = loaded("venue", "show", "--format", "json").json
    assert told["de_minimis"] == 100
    for wrong in ("1", "0", "-5", "2.5", "many"):
        said = loaded("venue", "set", "PAPER", f"--de-minimis={wrong}")
        assert (said.code, f"not {wrong}" in said.err) == (2, True)
    assert loaded("venue", "set", "PAPER", "--de-minimis", "none").code == 0
    assert "in lots" not in loaded("venue", "show").out
