"""The adapter touches PostgreSQL only: an order is taken once, withdrawn before it goes, reduced by asking."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import text

from domain.executing.execution import TAIL, client_order_id
from storage.connection import Books
from tests.venues.fix.test_reports import raw, session
from venues.fix import books as fix_books
from venues.fix import outbox
from venues.fix.adapter import FixVenue
from venues.fix.lease import Lease
from venues.fix.outgoing import name_of
from venues.fix.reports import report
from venues.fix.wire import Fields
from venues.port import VenueOrder

ORDER = VenueOrder("E-R-000001-001", "A-1", "buy", "X", Decimal(100), Decimal(10))


def rows(books: Books, statement: str) -> list[tuple[object, ...]]:
    with books.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def hand_over(books: Books) -> list[str]:
    """As the gateway marks what is due."""
    lease = Lease.wanted("BROKER")
    with books.engine.begin() as connection:
        connection.execute(text("UPDATE fix.sessions SET owner = NULL, lease_until = NULL"))
        assert lease.take(connection)
        return [f"{each.kind} {each.name}" for each in outbox.mark(connection, session(), lease, halted=False, first=1)]


def hear(books: Books, told: str) -> None:
    with books.engine.begin() as connection:
        fix_books.take(connection, session(), report(Fields.of(raw(told))), told)


def test_a_repeated_order_is_the_first_one(books: Books) -> None:
    venue = FixVenue(books.engine, session())
    (first,) = venue.submit(ORDER)
    other = VenueOrder(ORDER.client_order_id, "A-1", "sell", "Y", Decimal(5), Decimal(1))
    assert venue.submit(other) == [first]
    assert first.order == ORDER
    assert rows(books, "SELECT kind, name FROM fix.messages") == [("D", ORDER.client_order_id)]


def test_what_was_not_handed_over_is_withdrawn_and_never_sent(books: Books) -> None:
    venue = FixVenue(books.engine, session())
    venue.submit(ORDER)
    assert [each.status for each in venue.cancel(ORDER)] == ["CANCELED"]
    assert hand_over(books) == []
    assert [each.status for each in venue.submit(ORDER)] == ["CANCELED"]


def test_what_is_cancelled_before_it_was_seen_is_never_sent(books: Books) -> None:
    venue = FixVenue(books.engine, session())
    assert [each.status for each in venue.cancel(ORDER)] == ["CANCELED"]
    assert [each.status for each in venue.submit(ORDER)] == ["CANCELED"]
    assert hand_over(books) == []


def test_one_cancellation_at_a_time_and_another_once_it_was_refused(books: Books) -> None:
    venue = FixVenue(books.engine, session())
    venue.submit(ORDER)
    hand_over(books)
    for _ in range(3):
        assert [each.status for each in venue.cancel(ORDER)] == ["WORKING"]
    assert hand_over(books) == [f"F {ORDER.client_order_id}C1"]
    with books.engine.begin() as connection:
        outbox.not_done(connection, "BROKER", f"{ORDER.client_order_id}C1", "too late")
    assert [each.status for each in venue.look(ORDER)] == ["WORKING"]  # 35=9 changes nothing (FIX-6)
    venue.cancel(ORDER)
    assert hand_over(books) == [f"F {ORDER.client_order_id}C2"]
    hear(books, f"11={ORDER.client_order_id}C2 41={ORDER.client_order_id} 39=4 150=4 14=30 6=10")
    assert [(each.status, each.filled_quantity) for each in venue.look(ORDER)] == [("PARTIALLY_FILLED", Decimal(30))]


def test_a_reduction_is_confirmed_and_the_order_goes_by_its_new_name(books: Books) -> None:
    venue = FixVenue(books.engine, session())
    venue.submit(ORDER)
    hand_over(books)
    venue.reduce(ORDER, Decimal(60))
    assert venue.reduction(ORDER, Decimal(60)) is None
    assert hand_over(books) == [f"G {ORDER.client_order_id}R1"]
    hear(books, f"11={ORDER.client_order_id}R1 41={ORDER.client_order_id} 39=5 150=5 38=60 14=0 6=0")
    assert venue.reduction(ORDER, Decimal(60)) is True
    assert rows(books, "SELECT name, open_quantity FROM fix.orders") == [(f"{ORDER.client_order_id}R1", Decimal(60))]
    venue.cancel(ORDER)
    (body,) = rows(books, "SELECT body->'fields'->>'41' FROM fix.messages WHERE kind = 'F'")
    assert body == (f"{ORDER.client_order_id}R1",)
    (answer,) = venue.look(ORDER)
    assert answer.order == ORDER  # it is still ours


def test_a_refused_reduction_changes_nothing(books: Books) -> None:
    venue = FixVenue(books.engine, session())
    venue.submit(ORDER)
    hand_over(books)
    venue.reduce(ORDER, Decimal(60))
    hand_over(books)
    with books.engine.begin() as connection:
        outbox.not_done(connection, "BROKER", f"{ORDER.client_order_id}R1", "too late")
    assert venue.reduction(ORDER, Decimal(60)) is False
    assert rows(books, "SELECT name, open_quantity FROM fix.orders") == [(ORDER.client_order_id, Decimal(100))]


@pytest.mark.parametrize("to", [100, 101])
def test_what_is_no_larger_is_not_reduced(books: Books, to: int) -> None:
    """As after a confirmation that nobody wrote down yet: it is done, and nothing is asked."""
    venue = FixVenue(books.engine, session())
    venue.submit(ORDER)
    hand_over(books)
    venue.reduce(ORDER, Decimal(to))
    assert hand_over(books) == []
    assert venue.reduced(ORDER, Decimal(to)) == 100


def test_nothing_is_reduced_to_nothing(books: Books) -> None:
    venue = FixVenue(books.engine, session())
    venue.submit(ORDER)
    with pytest.raises(ValueError, match="cancel it"):
        venue.reduce(ORDER, Decimal(0))


def test_where_the_broker_takes_no_reduction_the_account_stays(books: Books) -> None:
    venue = FixVenue(books.engine, session(rules={"replaces": False}))
    venue.submit(ORDER)
    hand_over(books)
    venue.reduce(ORDER, Decimal(60))
    assert hand_over(books) == []
    assert venue.reduced(ORDER, Decimal(60)) == 100


@pytest.mark.parametrize(
    ("order", "change", "name"),
    [
        ("7XK2M-R-000123-007", "", "7XK2M-R-000123-007"),
        ("7XK2M-R-000123-007", "C1", "7XK2M-R-000123-007C1"),
        ("7XK2M-B-000123-002", "R2", "7XK2M-B-000123-002R2"),
        ("7XK2M-R-000123-007T", "", "7XK2M-R-000123-007T"),
    ],
)
def test_names_that_a_broker_takes_stay_as_they_are(order: str, change: str, name: str) -> None:
    assert name_of(order, change) == name


def test_longer_names_are_digests_all_different_and_none_longer_than_20() -> None:
    orders = [client_order_id("7XK2M", f"R-{at}", leg) for at in (123456, 1234567) for leg in (7, 1007, TAIL + 1007)]
    names = [name_of(each, change) for each in orders for change in ("", "C1", "C12", "R1")]
    assert len(set(names)) == len(names) == 24
    assert max(map(len, names)) == 20
    assert sum(name.startswith("7XK2M-C") for name in names) == 11  # C1 of the shortest stays as it is


def test_what_the_broker_does_not_take_is_rejected_here_in_a_sentence(books: Books) -> None:
    part = VenueOrder("E-R-000001-002", "A-1", "buy", "X", Decimal("0.5"), Decimal(10))
    (answer,) = FixVenue(books.engine, session()).submit(part)
    assert answer.status == "REJECTED"
    assert "takes whole shares only, and this is 0.5 X" in str(answer.reason)
    (answer,) = FixVenue(books.engine, session(only_symbols=True)).submit(ORDER)
    assert "knows no symbol X: add it under symbols of BROKER.yaml" in str(answer.reason)
    assert hand_over(books) == []


def test_a_reject_by_the_session_layer_ends_the_order(books: Books) -> None:
    venue = FixVenue(books.engine, session())
    venue.submit(ORDER)
    hand_over(books)
    with books.engine.begin() as connection:
        outbox.numbered(connection, "BROKER", ORDER.client_order_id, 12)
        assert outbox.refused(connection, "BROKER", "tag 44 is wrong", name=None, sequence=12) == "D"
    assert [(each.status, each.reason) for each in venue.look(ORDER)] == [("REJECTED", "tag 44 is wrong")]


def test_a_number_that_a_message_was_marked_with_and_another_goes_out_under_rejects_no_order(books: Books) -> None:
    """FIX-2: the gateway died between the mark and the engine, and the number is given anew."""
    venue = FixVenue(books.engine, session())
    second = replace(ORDER, client_order_id="E-R-000001-002")
    venue.submit_many([ORDER, second])
    with books.engine.begin() as connection:
        lease = Lease.wanted("BROKER")
        lease.take(connection)
        marked = outbox.mark(connection, session(), lease, halted=False, first=7)
        assert [(each.name, each.sequence) for each in marked] == [
            (ORDER.client_order_id, 7), (second.client_order_id, 8)
        ]  # fmt: skip
        outbox.not_numbered(connection, "BROKER", 8)
        assert outbox.refused(connection, "BROKER", "a question was refused", name=None, sequence=8) is None
        assert outbox.refused(connection, "BROKER", "tag 44 is wrong", name=None, sequence=7) == "D"
    assert [each.status for order in (ORDER, second) for each in venue.look(order)] == ["REJECTED", "WORKING"]


@pytest.mark.parametrize("proof", [True, False])
def test_unknown_is_proof_only_where_the_brokers_rules_say_so(books: Books, proof: bool) -> None:
    ours = session(rules={"unknown_is_proof": proof})
    FixVenue(books.engine, ours).submit(ORDER)
    hand_over(books)
    with books.engine.begin() as connection:
        assert outbox.unknown(connection, ours, ORDER.client_order_id, f"{ORDER.client_order_id}?1") is proof
    assert hand_over(books) == ([f"D {ORDER.client_order_id}"] if proof else [])
    (doubt,) = rows(books, "SELECT doubt FROM fix.orders")
    assert (doubt == (None,)) is proof


def test_unknown_is_no_proof_once_the_broker_has_answered(books: Books) -> None:
    ours = session(rules={"unknown_is_proof": True})
    FixVenue(books.engine, ours).submit(ORDER)
    hand_over(books)
    hear(books, "39=0 150=0")
    with books.engine.begin() as connection:
        assert not outbox.unknown(connection, ours, ORDER.client_order_id, f"{ORDER.client_order_id}?1")
    assert hand_over(books) == []


def test_unknown_is_no_proof_where_it_answers_an_older_question_or_says_not_which(books: Books) -> None:
    """Chaos found it: resent by the broker, the old answer came when the order had gone out again."""
    ours = session(rules={"unknown_is_proof": True})
    FixVenue(books.engine, ours).submit(ORDER)
    hand_over(books)
    with books.engine.begin() as connection:
        assert outbox.unknown(connection, ours, ORDER.client_order_id, f"{ORDER.client_order_id}?1")
    assert hand_over(books) == [f"D {ORDER.client_order_id}"]
    for question in (f"{ORDER.client_order_id}?1", None):
        with books.engine.begin() as connection:
            assert not outbox.unknown(connection, ours, ORDER.client_order_id, question)
    assert hand_over(books) == []
