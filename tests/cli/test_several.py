"""Several at once: ids, a file of them, or a filter; said the same way by every command, and all of it or nothing."""

from decimal import Decimal
from pathlib import Path

import pytest

from reading.refused import Unknown
from reading.work.choosing import NAMED, named, waiting
from storage.connection import Books
from tests.cli.conftest import Command
from tests.cli.rebalanced import REQUEST, executed, pending, requested
from tests.cli.test_breaks import Differ, differ, found
from tests.storage.contents import contents

__all__ = ["differ"]
ONE_OR_MORE = ["account rebalancing {} off", "target assign {} GROWTH", "target remove {}"]


def words(form: str, ids: str, *more: str) -> list[str]:
    return [*form.format(ids).split(), *more]


@pytest.mark.parametrize("form", ONE_OR_MORE)
def test_ids_a_file_and_standard_input_come_to_the_same(
    loaded: Command, desk: Books, tmp_path: Path, form: str
) -> None:
    file = tmp_path / "ids"
    file.write_text("A-101  # the first\n\nA-103\nA-101\n")
    told = loaded(*words(form, "A-101 A-103 A-101"), "--dry-run")
    assert told.code == 0, told.err
    assert [line for line in told.out.splitlines() if "A-101" in line or "A-103" in line] == told.out.splitlines()
    assert len(told.out.splitlines()) == 2
    assert loaded(*words(form, ""), "--file", str(file), "--dry-run") == told
    assert loaded(*words(form, "A-101"), "--file", str(file), "--dry-run").out == told.out


@pytest.mark.parametrize("form", ONE_OR_MORE)
def test_one_that_is_wrong_stops_them_all(loaded: Command, desk: Books, tmp_path: Path, form: str) -> None:
    before = but_for_the_record(desk)
    said = loaded(*words(form, "A-101 A-999 A-998"))
    assert (said.code, said.out) == (1, "")
    assert "unknown accounts A-999, A-998: nothing changes" in said.err
    assert loaded(*words(form, "")).code == 2
    assert loaded(*words(form, "A-101"), "--status", "open").code == 2
    nobody = loaded(*words(form, ""), "--household", "NONE")
    assert (nobody.code, "no account is like that (--household NONE)" in nobody.err) == (1, True)
    file = tmp_path / "ids"
    file.write_text("A-101 A-102\n")
    assert "line 1: an id is needed, and nothing behind it" in loaded(*words(form, ""), "--file", str(file)).err
    file.write_text("# none\n")
    assert "has no id in it" in loaded(*words(form, ""), "--file", str(file)).err
    assert but_for_the_record(desk) == before


def but_for_the_record(desk: Books) -> dict[str, str]:
    """What the database holds, but for the record of what was refused."""
    return {table: held for table, held in contents(desk.engine).items() if not table.startswith("audit_")}


def test_a_filter_takes_those_that_the_listing_shows(loaded: Command) -> None:
    listed = loaded("account", "list", "--target", "BALANCED", "--format", "json").json
    ids = [each["account_id"] for each in listed]
    assert len(ids) >= 2
    said = loaded("account", "rebalancing", "off", "--target", "BALANCED", "--by", "ann")
    assert [line.split()[3] for line in said.out.splitlines()] == ids
    now = loaded("account", "list", "--rebalancing", "off", "--format", "json").json
    assert set(ids) <= {each["account_id"] for each in now}
    again = loaded("account", "rebalancing", "off", *ids)
    assert all("is off already: nothing changes" in line for line in again.out.splitlines())


def test_an_unknown_target_is_assigned_to_nobody(loaded: Command, desk: Books) -> None:
    before = but_for_the_record(desk)
    said = loaded("target", "assign", "A-101", "A-102", "NOWHERE")
    assert (said.code, "NOWHERE" in said.err) == (1, True)
    assert but_for_the_record(desk) == before


@pytest.fixture
def three(loaded: Command, differ: Differ) -> list[int]:
    """Open breaks of A-103: of two securities and of cash."""
    return [differ("AAPL", "-2"), differ("HD", "3"), differ(None, "-12.34")]


def test_breaks_of_an_account_are_resolved_in_one_go(
    loaded: Command, desk: Books, three: list[int], tmp_path: Path
) -> None:
    told = loaded("breaks", "resolve", "--account", "A-103", "--note", "seen", "--book-custodian", "--dry-run")
    assert told.code == 0, told.err
    assert [line.split()[1] for line in told.out.splitlines()] == [str(each) for each in three]
    assert len(loaded("breaks", "--format", "json").json) == 3
    assert len(found(desk)) == 3
    done = loaded("breaks", "resolve", "--account", "A-103", "--note", "seen", "--book-custodian", "--by", "ben")
    assert (done.code, done.out) == (0, told.out)
    assert "it can be rebalanced again: rebalancer submit A-103" in done.err
    assert loaded("breaks", "--format", "json").json == []
    assert found(desk) == ()


@pytest.mark.parametrize(("symbol", "at"), [("AAPL", 0), ("HD", 1), ("cash", 2)])
def test_breaks_of_a_symbol(loaded: Command, three: list[int], symbol: str, at: int) -> None:
    said = loaded("breaks", "resolve", "--symbol", symbol, "--note", "seen")
    assert said.out == f"break {three[at]} of account A-103 is resolved\n"
    left = [each for each in three if each != three[at]]
    assert f"still open: {left[0]}, {left[1]}" in said.err
    assert "submit" not in said.err
    none = loaded("breaks", "resolve", "--symbol", symbol, "--note", "seen")
    assert (none.code, f"no open break is like that (--symbol {symbol})" in none.err) == (1, True)


def test_one_break_that_cannot_be_resolved_leaves_all_open(loaded: Command, desk: Books, three: list[int]) -> None:
    first, second, _ = map(str, three)
    assert loaded("breaks", "resolve", first, "--note", "seen").code == 0
    said = loaded("breaks", "resolve", first, second, "--note", "again")
    assert (said.code, f"break {first} was resolved by" in said.err) == (1, True)
    assert "there are no breaks 998, 999: " in loaded("breaks", "resolve", second, "999", "998", "--note", "x").err
    assert [each["id"] for each in loaded("breaks", "--format", "json").json] == three[1:]


def test_breaks_of_a_statement(loaded: Command, desk: Books, tmp_path: Path, differ: Differ) -> None:
    """A-103 holds AAPL in a sleeve: a custodian's figure that differs is a break of that statement."""
    other = differ("HD", "1")  # found by a rebalance
    held = {each["symbol"]: each for each in _held(loaded, "A-103")}
    file = tmp_path / "custodian-28.csv"
    lines = [f"A-103,{symbol},{each['quantity']}" for symbol, each in held.items() if symbol != "AAPL"]
    cash = _cash(loaded, "A-103")
    file.write_text("\n".join(["account_id,symbol,quantity", "A-103,AAPL,1", f"A-103,,{cash}", *lines]) + "\n")
    said = loaded("positions", str(file), "--date", "2022-12-28")
    assert said.code == 0, said.err
    opened = [each for each in loaded("breaks", "--format", "json").json if each["id"] != other]
    assert [each["symbol"] for each in opened] == ["AAPL"]
    assert "no open break" in loaded("breaks", "resolve", "--statement", "another.csv", "--note", "x").err
    done = loaded("breaks", "resolve", "--statement", file.name, "--note", "booked late")
    assert done.out == f"break {opened[0]['id']} of account A-103 is resolved\n"


def _held(loaded: Command, account_id: str) -> list[dict[str, str]]:
    sums: dict[str, Decimal] = {}
    for sleeve in loaded("account", "show", account_id, "--format", "json").json["sleeves"]:
        for each in sleeve["holdings"]:
            sums[each["symbol"]] = sums.get(each["symbol"], Decimal(0)) + Decimal(each["quantity"])
    return [{"symbol": symbol, "quantity": f"{quantity:f}"} for symbol, quantity in sums.items()]


def _cash(loaded: Command, account_id: str) -> str:
    told = loaded("account", "show", account_id, "--format", "json").json
    return str(sum((Decimal(each["cash"]) for each in told["sleeves"]), Decimal(0)))


def test_of_a_request_no_more_is_read_than_what_can_be_decided_about(loaded: Command, desk: Books) -> None:
    accounts = ["A-101", "A-102", "A-103", "A-104", "A-105", "A-114"]
    made = [pending(desk, each) for each in accounts]
    requested(desk, accounts)
    for each in made[:4]:
        executed(desk, each)
    item = named(desk, REQUEST)
    assert [each.rebalance_id for each in item.rebalances] == made[4:] == [each.rebalance_id for each in item.pending]
    for each in made[4:]:
        executed(desk, each)
    assert len(named(desk, REQUEST).rebalances) == NAMED < len(made), "some are named, where nothing is left"


def test_what_waits_is_found_by_account_and_by_who_asked(loaded: Command, desk: Books) -> None:
    made = {each: pending(desk, each) for each in ("A-103", "A-101")}
    assert [each.id for each in waiting(desk, (), " ANN")] == [made["A-101"], made["A-103"]]
    assert [each.id for each in waiting(desk, ("A-103", "A-105"), None)] == [made["A-103"]]
    with pytest.raises(Unknown, match="nothing that waits for an approval is of that"):
        waiting(desk, ("A-103",), "ben")
