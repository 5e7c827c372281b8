"""What a broker answers to an allocation, account by account, and what is told again in its place (FIX-8, ALLOC-7)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from storage.actor import Actor
from storage.connection import Books
from tests.desk.floor import Floor
from tests.venues.fix.test_adapter import hand_over, rows
from tests.venues.fix.test_blocks import FRIDAY
from tests.venues.fix.test_reports import raw, session
from venues.fix import afterwards, allocations, outbox
from venues.fix import books as fix_books
from venues.fix.adapter import FixVenue
from venues.fix.engine import _message
from venues.fix.reports import report
from venues.fix.wire import SOH, Fields, Outgoing
from venues.port import Allotted, Instruction, VenueOrder

DAY = date(2026, 11, 20)
BLOCK = VenueOrder("E-B-000001-001", "B-000001", "buy", "X", Decimal(100), Decimal(10))
ALLOC = "B-000001/20261120"


def part(shares: int) -> Allotted:
    return Allotted(Decimal(shares), Decimal(shares) * Decimal("9.99"))


def told(revision: int, changes: Mapping[str, int], whole: Mapping[str, int], *before: int) -> Instruction:
    *names, name = [ALLOC if each == 1 else f"{ALLOC}/{each}" for each in (*before, revision)]
    changed, has = ({each: part(shares) for each, shares in of.items()} for of in (changes, whole))
    return Instruction(name, "B-000001", DAY, [BLOCK.client_order_id], "buy", "X", changed, has, names)


FIRST = told(1, {"A-1": 60, "A-2": 40}, {"A-1": 60, "A-2": 40})


def given(books: Books, **rules: Any) -> FixVenue:
    venue = FixVenue(books.engine, session(rules=rules))
    venue.submit_block(BLOCK, {"A-1": Decimal(60), "A-2": Decimal(40)})
    assert venue.allocate(FIRST) is None
    hand_over(books)
    return venue


def says(books: Books, venue: FixVenue, kind: str, fields: str) -> None:
    with books.engine.begin() as connection:
        allocations.heard(connection, venue.session, kind, Fields.of(fields.replace(" ", SOH)))


def messages(books: Books) -> list[Any]:
    kept = rows(books, "SELECT name, body FROM fix.messages WHERE kind = 'J' ORDER BY number")
    return [(name, {int(tag): value for tag, value in body["fields"].items()}, body["groups"], body)
            for name, body in kept]  # type: ignore[index]  # fmt: skip


def test_whose_shares_go_on_to_another_broker_is_a_step_out(books: Books) -> None:
    """FIX-8: 81=3 in the account's entry, in no other's."""
    venue = FixVenue(books.engine, session(steps_out=["A-2"]))
    venue.submit_block(BLOCK, {"A-1": Decimal(60), "A-2": Decimal(40)})
    assert venue.allocate(FIRST) is None
    ((_, _, groups, _),) = messages(books)
    assert [entry.get("81") for entry in groups["78"]] == [None, "3"]


def test_each_account_is_told_with_what_it_costs(books: Books) -> None:
    """ALLOC-5: 12 and 13=3, and in 154 what it pays, or receives after costs."""
    parts = {"A-1": Allotted(Decimal(60), Decimal("599.40"), Decimal("0.31")), "A-2": part(40)}
    for side, net in (("buy", "599.71"), ("sell", "599.09")):
        order = replace(BLOCK, client_order_id=f"{BLOCK.client_order_id}{side}", side=side)
        venue = FixVenue(books.engine, session())
        venue.submit_block(order, {"A-1": Decimal(60), "A-2": Decimal(40)})
        name = f"{ALLOC}/{side}"
        assert venue.allocate(Instruction(name, "B-1", DAY, [order.client_order_id], side, "X", parts, parts)) is None
        one, other = messages(books)[-1][2]["78"]
        assert (one["12"], one["13"], one["154"]) == ("0.31", "3", net)
        assert ("12" in other, other["154"]) == (False, "399.60")
        on_the_wire = _message(Outgoing.kept("J", messages(books)[-1][3])).toString().replace(SOH, "|")
        assert f"|78=2|79=A-1|80=60|12=0.31|13=3|154={net}|79=A-2|80=40|154=399.60|" in on_the_wire


def test_what_a_gate_refuses_is_an_answer(books: Books) -> None:
    """35=j on the instruction: every account is refused, with its words; nothing waits for an answer for ever."""
    venue = given(books)
    with books.engine.begin() as connection:
        assert outbox.refused(connection, "BROKER", "allocations by telephone", name=ALLOC, sequence=None) == "J"
    assert venue.allocate(FIRST) == {"A-1": "allocations by telephone", "A-2": "allocations by telephone"}


def test_a_broker_that_confirms_is_waited_for_account_by_account(books: Books) -> None:
    venue = given(books, confirms=True)
    says(books, venue, "P", f"70={ALLOC} 87=0")
    assert venue.allocate(FIRST) is None
    says(books, venue, "AK", f"70={ALLOC} 79=A-1 80=60 665=4")
    assert venue.allocate(FIRST) is None
    says(books, venue, "AK", f"70={ALLOC} 79=A-2 80=40 665=3 58=closed")
    assert venue.allocate(FIRST) == {"A-1": None, "A-2": "closed"}


def test_a_bust_replaces_the_whole_day_and_where_nothing_is_left_cancels_it(books: Books) -> None:
    venue = given(books)
    says(books, venue, "P", f"70={ALLOC} 87=0")
    assert venue.allocate(FIRST) == {"A-1": None, "A-2": None}
    venue.allocate(told(2, {"A-1": -10}, {"A-1": 50, "A-2": 40}, 1))
    says(books, venue, "P", f"70={ALLOC}/2 87=0")
    assert venue.allocate(told(2, {"A-1": -10}, {"A-1": 50, "A-2": 40}, 1)) == {"A-1": None}
    venue.allocate(told(3, {"A-1": -50, "A-2": -40}, {}, 1, 2))
    (_, first, *_), (again, second, groups, _), (last, third, *_) = messages(books)
    assert (first[71], 72 in first) == ("0", False)
    assert (again, second[70], second[71], second[72], second[53]) == (f"{ALLOC}/2", f"{ALLOC}/2", "1", ALLOC, "90")
    assert groups["78"] == [{"79": "A-1", "80": "50", "154": "499.50"}, {"79": "A-2", "80": "40", "154": "399.60"}]
    assert (last, third[71], third[72]) == (f"{ALLOC}/3", "2", f"{ALLOC}/2")


@pytest.mark.parametrize(
    ("status", "answer"), [("3", None), ("4", None), ("5", {"A-1": "not theirs", "A-2": "not theirs"})]
)
def test_every_status_of_an_allocation_is_an_answer_or_is_waited_behind(
    books: Books, status: str, answer: dict[str, str] | None
) -> None:
    venue = given(books)
    says(books, venue, "P", f"70={ALLOC} 87={status} 58=not theirs".replace("not theirs", "not\u00a0theirs"))
    said = venue.allocate(FIRST)
    assert (said and {each: str(why).replace("\u00a0", " ") for each, why in said.items()}) == answer


def test_who_is_refused_after_all_or_booked_otherwise_has_a_break_once(books: Books) -> None:
    """A broker that accepted, and then says something else (35=AS, AK): what is booked differs from the custodian's."""
    venue = FixVenue(books.engine, session())
    floor = Floor(books, venue, {"A-1": 60, "A-2": 40}, FRIDAY)
    block = floor.form()
    floor.look(block, "send")
    (name,) = floor.rows("SELECT client_order_id FROM fix.orders")[0]
    hand_over(books)
    with books.engine.begin() as connection:
        filled = f"11={name} 17=E1 150=F 39=2 38=100 32=100 31=288.05 14=100 6=288.05 55=VTI 54=1 75=20261120"
        fix_books.take(connection, venue.session, report(Fields.of(raw(filled))), filled)
    floor.go(block, lambda each: each.due == "allocate" and bool(messages(books)))
    says(books, venue, "P", f"70={ALLOC} 87=0")
    floor.go(block, lambda each: False, "allocate")
    says(books, venue, "AS", f"70={ALLOC} 87=0 78=2 79=A-1 80=61 79=A-2 80=40")
    says(books, venue, "AK", f"70={ALLOC} 79=A-2 80=40 665=3 58=closed")
    for _ in range(2):
        with books.transaction(Actor("fix gateway")) as work:
            found = afterwards.differing(work, "BROKER", DAY)
        broken = {key: (each.expected, each.actual) for key, each in floor.breaks().items()}
        assert broken == {("A-1", "allocation"): (60, 61), ("A-2", "allocation"): (40, 0)}
    assert found == []
    says(books, venue, "P", f"70={ALLOC} 87=1 58=withdrawn")  # and then all of it
    with books.transaction(Actor("fix gateway")) as work:
        afterwards.differing(work, "BROKER", DAY)
        assert [(each.account_id, each.expected, each.actual) for each in work.breaks.open_of("A-1")][-1:] == [
            ("A-1", 60, 0)
        ]
