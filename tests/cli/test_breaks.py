"""`rebalancer breaks`: listed, resolved with a note, and, where the custodian is right, booked."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from acting import breaks as acting
from domain.executing.reconciliation import Break, compare, ledger
from domain.values.purpose import Purpose
from identity.person import Person
from policy.clock import the_clock
from reading.refused import Changed
from storage.actor import Actor
from storage.connection import Books
from storage.schema.audit import audit_records
from storage.schema.execution import paper_accounts, paper_positions, rebalances
from storage.work.rebalances import NewRebalance
from tests.cli.conftest import Command
from venues.registry import Venues

Differ = Callable[..., int]


@pytest.fixture
def differ(desk: Books) -> Differ:
    """Makes the custodian of A-103 differ by some of a symbol, or of cash, and opens the break."""

    def make(symbol: str | None, by: str) -> int:
        with desk.engine.begin() as connection:
            if symbol is None:
                account = paper_accounts.c.account_id == "A-103"
                connection.execute(
                    update(paper_accounts).where(account).values(cash=paper_accounts.c.cash + Decimal(by))
                )
            else:
                here = (paper_positions.c.account_id == "A-103") & (paper_positions.c.symbol == symbol)
                more = paper_positions.c.quantity + Decimal(by)
                connection.execute(update(paper_positions).where(here).values(quantity=more))
        with desk.transaction(Actor("test")) as books:
            started = NewRebalance("A-103", f"w#{symbol}{by}", "w", None, Purpose(), "best_fit", "required", "ann", ())
            rebalance_id = books.rebalances.create(started)
            differing = [each for each in found(desk) if each.symbol == symbol]
            (opened,) = books.breaks.open("A-103", rebalance_id, differing)
            books.rebalances.end(rebalance_id, "COMPLETE_WITH_ERRORS", "a break", {})
        return opened

    return make


def found(desk: Books) -> tuple[Break, ...]:
    with desk.transaction() as books:
        account = books.snapshots.take("A-103", None, books.market.book_day().as_of)[0].account
    return compare(ledger(account), Venues(desk.engine).custodian("PAPER").ledger("A-103"))


def test_an_open_break_is_listed_with_what_to_do(loaded: Command, differ: Differ) -> None:
    assert "No break is open" in loaded("breaks").out
    number = differ("AAPL", "-2")
    said = loaded("breaks", "--account", "A-103")
    assert f"{number}" in said.out
    assert "rebalancer breaks resolve BREAK --note TEXT" in said.out
    (listed,) = loaded("breaks", "--format", "json").json
    assert (listed["id"], listed["account_id"], listed["symbol"]) == (number, "A-103", "AAPL")
    assert Decimal(listed["expected"]) - Decimal(listed["actual"]) == 2
    assert loaded("breaks", "--account", "A-101", "--format", "json").json == []


def test_resolved_with_a_note_it_leaves_the_listing_and_the_books_alone(
    loaded: Command, desk: Books, differ: Differ
) -> None:
    number = differ("AAPL", "-2")
    assert loaded("breaks", "resolve", str(number)).code == 2
    assert loaded("breaks", "resolve", str(number), "--note", " ").code == 1
    said = loaded("breaks", "resolve", str(number), "--note", "settles tomorrow", "--by", "ben")
    assert said.code == 0
    assert "rebalancer submit A-103" in said.err
    assert loaded("breaks", "--format", "json").json == []
    (kept,) = loaded("breaks", "--all", "--format", "json").json
    assert (kept["resolved_by"], kept["note"], kept["booked"]) == ("ben", "settles tomorrow", False)
    assert found(desk) != ()
    again = loaded("breaks", "resolve", str(number), "--note", "twice")
    assert (again.code, "was resolved by ben already" in again.err) == (1, True)
    assert loaded("breaks", "resolve", "999", "--note", "none").code == 1


@pytest.mark.parametrize(("symbol", "by"), [("AAPL", "-2"), ("AAPL", "3"), (None, "-12.34"), (None, "100.00")])
def test_the_custodians_figure_is_booked(
    loaded: Command, desk: Books, differ: Differ, symbol: str | None, by: str
) -> None:
    number = differ(symbol, by)
    said = loaded("breaks", "resolve", str(number), "--note", "the custodian is right", "--book-custodian")
    assert said.code == 0, said.err
    assert found(desk) == ()
    with desk.transaction() as books:
        actions = set(books.connection.scalars(audit_records.select().with_only_columns(audit_records.c.action)))
    assert {"break resolved", "positions booked"} <= actions


def test_a_figure_that_nobody_saw_is_not_booked(loaded: Command, desk: Books, differ: Differ) -> None:
    number = differ("AAPL", "-2")
    with desk.engine.begin() as connection:
        here = (paper_positions.c.account_id == "A-103") & (paper_positions.c.symbol == "AAPL")
        connection.execute(update(paper_positions).where(here).values(quantity=paper_positions.c.quantity - 1))
    said = loaded("breaks", "resolve", str(number), "--note", "right", "--book-custodian")
    assert said.code == 1
    assert "is not what it was" in said.err
    (listed,) = loaded("breaks", "--format", "json").json
    assert Decimal(listed["expected"]) - Decimal(listed["actual"]) == 3
    assert loaded("breaks", "resolve", str(number), "--note", "right", "--book-custodian").code == 0
    assert found(desk) == ()


def test_nothing_is_booked_while_orders_are_out(loaded: Command, desk: Books, differ: Differ) -> None:
    number = differ("AAPL", "-2")
    with desk.transaction(Actor("test")) as books:
        started = NewRebalance("A-103", "w#2", "w", None, Purpose(), "best_fit", "required", "ann", ())
        rebalance_id = books.rebalances.create(started)
        books.execute(update(rebalances).where(rebalances.c.id == rebalance_id).values(stage="EXECUTING"))
    said = loaded("breaks", "resolve", str(number), "--note", "right", "--book-custodian")
    assert said.code == 1
    assert rebalance_id in said.err


def test_nobody_resolves_what_they_have_not_seen(desk: Books, differ: Differ) -> None:
    """What a page has shown comes back with the decision: where the figures are others by then, nothing is done."""
    number, today = differ("AAPL", "-2"), the_clock().today()
    kim = Person("local:7", "kim", "passkey", frozenset({"operator"}))
    with desk.transaction() as books:
        row = books.breaks.get(number)
    stale = (row.expected, row.actual - 1)
    with pytest.raises(Changed, match="is not what it was") as refused:
        acting.resolve(desk, kim, number, "looked", False, today, stale)
    assert refused.value.rule == "RECON-1"
    with desk.transaction() as books:
        assert books.breaks.get(number).resolved_at is None
    done = acting.resolve(desk, kim, number, "looked", False, today, (row.expected, row.actual))
    assert (done.account_id, done.booked, done.left) == ("A-103", False, [])
    with desk.transaction() as books:
        of = audit_records.c
        told = books.connection.execute(
            select(of.who, of.after).where(of.action == "break resolved").order_by(of.id)
        ).all()
    assert [(each.who, each.after["signed_in"]) for each in told] == [("kim", {"subject": "local:7", "how": "passkey"})]
