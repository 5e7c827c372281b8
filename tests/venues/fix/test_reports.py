"""What a broker says and how the order then stands, from a table; twice over, since everything may come twice."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from storage.connection import Books
from tests.venues.fix.conftest import NAME
from venues.fix import books as fix_books
from venues.fix.adapter import FixVenue
from venues.fix.numbers import Numbers, expected, going_on
from venues.fix.reports import report
from venues.fix.sessions import Session
from venues.fix.wire import SOH, Fields, Unreadable
from venues.port import VenueOrder

CASES = yaml.safe_load((Path(__file__).parent / "reports.yaml").read_text())
ORDER = VenueOrder("E-R-000001-001", "A-1", "buy", "X", Decimal(100), Decimal(10))


def session(**more: Any) -> Session:
    told = {
        "session": NAME,
        "venue": "PAPER",
        "version": "FIX.4.4",
        "sender": "A",
        "target": "B",
        "host": "h",
        "port": 1,
    }
    return Session(**told, store=Path("/nowhere"), **more)


def raw(told: str, ours: VenueOrder = ORDER) -> str:
    """A message from its fields; text (58) may have spaces, so it comes last."""
    body, _, words = told.partition(" 58=")
    fields = dict(each.split("=", 1) for each in body.split())
    common = {"11": ours.client_order_id, "55": "X", "54": "1", "38": "100", "17": "none", "75": "20261120"}
    if words:
        fields["58"] = words
    return SOH.join(f"{tag}={value}" for tag, value in (common | fields).items() if value) + SOH


@pytest.mark.parametrize("case", CASES, ids=lambda each: each["name"])
def test_the_table(books: Books, case: dict[str, Any]) -> None:
    venue = FixVenue(books.engine, session())
    venue.submit(ORDER)
    with books.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE fix.messages SET state = 'HANDED'")
    asked = False
    for told in case["says"]:
        with books.engine.begin() as connection:
            asked |= fix_books.take(connection, venue.session, report(Fields.of(raw(told))), told).ask
    for _ in range(2):  # and once more everything, as after a resend: nothing changes
        (stands,) = venue.look(ORDER)
        with books.engine.connect() as connection:
            row = fix_books.get(connection, ORDER.client_order_id)
            kept = connection.exec_driver_sql("SELECT count(*) FROM fix.executions").scalar()
        wanted = case["stands"]
        assert stands.status == wanted["status"]
        assert [stands.filled_quantity, stands.filled_amount] == [Decimal(str(each)) for each in wanted["filled"]]
        assert row is not None
        assert row.repaired == wanted.get("repaired", row.repaired)
        assert asked == wanted.get("ask", False)
        assert kept == wanted.get("executions", kept)
        assert stands.reason == wanted.get("reason", stands.reason)
        assert stands.order is not None
        assert stands.order.symbol == wanted.get("foreign", "X")
        assert stands.traded_on == wanted.get("traded", stands.traded_on)
        assert stands.costs == Decimal(str(wanted.get("costs", 0)))
        for told in case["says"]:
            again = report(Fields.of(raw(f"43=Y {told.replace(' 43=Y', '')}")))
            if again.kind in ("trade", "bust", "correction"):
                with books.engine.begin() as connection:
                    assert not fix_books.take(connection, venue.session, again, told).new


@pytest.mark.parametrize(
    ("told", "amount", "unclear"),
    [
        ("12=0.005 13=1", "0.5", None),  # 100 shares
        ("12=.0005 13=2", "0.5", None),  # of 1,000.00
        ("12=4.95", "4.95", None),
        ("136=2 137=1.23 139=1 137=0.02 139=7 891=0", "1.25", None),
        ("12=1 13=3 136=3 137=0.01 891=1 137=0.001 891=2 137=0.5", "3.5", None),
        ("12=-0.25 13=3", "-0.25", None),  # a rebate
        ("12=1 13=3 479=USD 136=1 137=2 138=USD", "3", None),
        ("15=EUR 12=1 13=3 479=EUR", "1", None),
        ("15=USD 12=1 13=3 136=1 137=2 138=EUR 139=4", "1", "fee of type 4 (137) 2: in EUR, not USD"),
        ("12=1 13=3 479=GBP", "0", "commission (12) 1: in GBP, not USD"),
        ("12=2 13=6", "0", "commission (12) 2: of an unknown kind (13, 891)"),
        ("12=free 136=1 137=1", "1", "commission (12): 12=free is no number"),
        ("12=NaN", "0", "commission (12): 12=NaN is no number"),
    ],
)
def test_what_a_fill_costs_is_read_or_told_and_the_fill_never_lost(told: str, amount: str, unclear: str | None) -> None:
    """ALLOC-5: a group repeats its tags, so these are pairs."""
    pairs = [each.split("=") for each in f"11=x 39=2 150=F 17=e1 32=100 31=10 75=20261120 {told}".split()]
    said = report(Fields(tuple((int(tag), value) for tag, value in pairs)))
    assert (said.kind, said.quantity) == ("trade", 100)
    assert (said.costs.amount, said.costs.unclear) == (Decimal(amount), unclear)


def test_the_table_is_not_empty() -> None:
    assert len(CASES) >= 30


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("39=1 150=F 17= 32=1 31=1", "without ExecID"),
        ("39=1 150=F 17=e1 32=-40 31=10", "a trade of -40 at 10"),
        ("39=1 150=G 17=e2 19=e1 32=40", "a correction without LastPx"),
        ("39=1 150=H 17=e1", "without ExecRefID"),
        ("39=1 150=F 17=e1 32=abc 31=1", "32=abc is no number"),
        ("39=1 150=F 17=e1 32=NaN 31=1", "32=NaN is no number"),
        ("39=1 150=F 17=e1 32=1 31=1 75=2026", "75=2026 is no day"),
    ],
)
def test_what_can_not_be_read_is_told(told: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        report(Fields.of(raw(told)))


@pytest.mark.parametrize(
    ("files", "journal", "in_order", "then"),
    [
        (None, (1, 1), True, Numbers(1, 1, False)),  # the first time
        ((7, 9), (7, 9), True, Numbers(7, 9, False)),
        ((7, 8), (7, 9), False, Numbers(7, 8, False)),  # committed and not counted: it comes again, and is known
        ((6, 9), (7, 9), False, Numbers(7, 9, True)),  # the file's tail was lost: never below what went out
        (None, (7, 9), True, Numbers(7, 9, True)),  # the store is lost, the last run had ended in order
        (None, (7, 9), False, Numbers(207, 9, True)),  # it crashed: some may have gone out since
        ((70, 90), (7, 9), True, Numbers(70, 9, True)),  # the database was restored: everything since is asked for
    ],
)
def test_numbers_go_on_from_files_and_journal(
    files: tuple[int, int] | None, journal: tuple[int, int], in_order: bool, then: Numbers
) -> None:
    assert going_on(files, journal, in_order=in_order) == then


def test_a_broker_that_says_which_number_it_expects_is_believed_upwards_only() -> None:
    assert expected("MsgSeqNum too low, expecting 12 but received 3", 3) == 12
    assert expected("MsgSeqNum(3) too low, expected 12", 3) == 12
    assert expected("MsgSeqNum too low, expecting 2 but received 3", 3) is None
    assert expected("session expired", 3) is None
    assert expected(None, 3) is None
