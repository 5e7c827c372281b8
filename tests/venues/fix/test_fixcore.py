"""The gateway against fixcore's acceptor: what a session lives through, each a thing that was seen to go wrong."""

import signal
import time
from decimal import Decimal

import pytest
from sqlalchemy import text

from policy.clock import the_clock
from storage.actor import Actor
from tests.storage import small_book
from tests.venues.fix.conftest import World, order
from venues.fix import allocations
from venues.fix.allocations import Instruction
from venues.fix.gateway import Gateway
from venues.fix.wire import Outgoing

ONE, TWO = "E-R-000001-001", "E-R-000001-002"


def ended(world: World, name: str, status: str = "FILLED") -> None:
    world.until(f"{name} to be {status}", lambda: world.stand(name).status == status)


def agree(world: World, *names: str) -> None:
    """Not an order twice, not a fill lost or doubled: what we hold is what the broker did."""
    truth = world.filled()
    taken = [each["order"] for each in world.ledger() if "order" in each]
    assert sorted(taken) == sorted(set(taken))
    for name in names:
        stands = world.stand(name)
        assert (stands.filled_quantity, stands.filled_amount) == truth[name], name


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4"])
def test_orders_are_filled_in_parts_and_every_part_is_kept(world: World, version: str) -> None:
    world.write(version=version)
    world.fixcore(parts=3)
    world.gateway()
    world.venue.submit_many([order(ONE), order(TWO, "sell")])
    ended(world, ONE)
    ended(world, TWO)
    agree(world, ONE, TWO)
    assert world.rows("SELECT count(*) FROM fix.executions WHERE kind = 'trade'")[0][0] >= 6
    assert world.rows("SELECT count(*) FROM fix.orders WHERE repaired") == [(0,)]


def test_what_was_gap_filled_away_is_asked_after(world: World) -> None:
    """One counterparty numbered the fills and never sent them (FIX-5); the gap is filled by CumQty × AvgPx, flagged."""
    world.fixcore(hold=True)
    world.gateway()
    world.venue.submit(order(ONE))
    world.until("the order", world.ledger)
    world.quirks(parts=2, swallow=True)
    world.until("the fills", lambda: ONE in world.filled() and world.filled()[ONE][0] == 100)
    ended(world, ONE)
    agree(world, ONE)
    assert world.rows("SELECT repaired FROM fix.orders") == [(True,)]
    assert world.rows("SELECT count(*) FROM fix.executions") == [(0,)]


def test_a_fill_that_the_engine_can_not_read_is_asked_after(world: World) -> None:
    """The engine refuses it by itself and counts it as received: the order is asked after, and somebody is told."""
    world.fixcore(parts=1, garble=True)
    world.gateway()
    world.venue.submit(order(ONE))
    ended(world, ONE)
    agree(world, ONE)
    assert world.rows("SELECT repaired FROM fix.orders") == [(True,)]
    ((says,),) = world.rows("SELECT says FROM fix.sessions")
    assert "a 8 of the broker" in says
    assert "tag 32" in says
    assert "compare the session's dictionary with theirs" in says


def test_the_session_comes_back_after_the_brokers_logout(world: World) -> None:
    world.fixcore(logout=1, hold=True)
    world.gateway()
    world.venue.submit(order(ONE))
    world.until("the logout", lambda: world.rows("SELECT 1 FROM fix.sessions WHERE says LIKE '%see you%'"))
    world.logged_on()
    world.quirks()
    world.venue.submit(order(TWO))
    ended(world, ONE)
    ended(world, TWO)
    agree(world, ONE, TWO)


def test_what_is_resent_is_counted_once(world: World) -> None:
    world.fixcore(parts=4, resend=True)
    world.gateway()
    world.venue.submit(order(ONE))
    ended(world, ONE)
    agree(world, ONE)
    assert world.rows("SELECT count(*) FROM fix.executions") == [(4,)]


def test_a_bust_takes_back_what_it_busts(world: World) -> None:
    world.fixcore(parts=2, bust=True)
    world.gateway()
    world.venue.submit(order(ONE))
    ended(world, ONE)
    agree(world, ONE)
    assert world.rows("SELECT kind, count(*) FROM fix.executions GROUP BY 1 ORDER BY 1") == [("bust", 1), ("trade", 3)]


def test_a_bust_that_a_gap_fill_passed_over_is_asked_after_though_the_order_was_filled(world: World) -> None:
    """FIX-4, FIX-5: the broker's answers say less than its executions came to, twice; the order goes by that."""
    world.fixcore(parts=2)
    world.gateway()
    world.venue.submit(order(ONE))
    ended(world, ONE)
    first = next(each["exec"] for each in world.ledger() if "fill" in each)
    world.quirks(hold=True, pass_over=True, change={first: ["H", 0, 0]})
    world.until("the bust", lambda: any("swallowed" in each for each in world.ledger()))
    world.venue.submit(order(TWO))  # what comes next shows the gap
    stands = world.until("the lower figure", lambda: (now := world.stand(ONE)).filled_quantity < 100 and now)
    (shares, cash) = world.filled()[ONE]
    assert (stands.filled_quantity, stands.filled_amount) == (shares, cash) == (Decimal(50), cash)
    assert world.rows("SELECT repaired FROM fix.orders WHERE client_order_id = :of", of=ONE) == [(True,)]


def test_an_execution_for_another_account_of_ours_counts_for_nothing_and_is_told(world: World) -> None:
    small_book.loaded(world.books)
    world.fixcore(parts=1, account="A-2")
    world.gateway()
    world.venue.submit(order(ONE))
    ((says,),) = world.until("the trouble", lambda: world.rows("SELECT says FROM fix.sessions WHERE says LIKE '%A-2%'"))
    assert says == f"an execution of {ONE} for account A-2, which is not its"
    assert world.stand(ONE).filled_quantity == 0
    world.quirks(parts=1, account="OUR-OMNIBUS")  # a name that nobody here knows is the broker's own
    world.venue.submit(order(TWO))
    ended(world, TWO)
    agree(world, TWO)


@pytest.mark.parametrize(("kind", "why"), [("3", "bad price"), ("j", "unknown security")])
def test_what_the_gate_refuses_is_rejected_with_its_words(world: World, kind: str, why: str) -> None:
    world.fixcore(reject=kind)
    world.gateway()
    world.venue.submit(order(ONE))
    ended(world, ONE, "REJECTED")
    assert why in world.stand(ONE).reason


def test_an_order_that_the_broker_lost_is_asked_after_and_sent_again(world: World) -> None:
    """Killed between marking and answer: 35=H first; then, as its rules call "unknown" a proof, once more (FIX-2)."""
    world.fixcore(lose=1)
    gateway = world.gateway()
    world.logged_on()
    world.venue.submit(order(ONE))
    world.until("the hand-over", lambda: world.rows("SELECT 1 FROM fix.messages WHERE sequence IS NOT NULL"))
    time.sleep(0.3)
    world.stop(gateway, signal.SIGKILL)
    assert world.ledger() == [{"lost": "E-R-000001-001"}]  # and nothing else
    world.gateway()
    ended(world, ONE)
    agree(world, ONE)
    assert world.rows("SELECT times, state FROM fix.messages") == [(2, "ANSWERED")]


def test_where_unknown_is_no_proof_nothing_is_sent_again_and_a_person_is_told(world: World) -> None:
    world.write(rules={"unknown_is_proof": False})
    world.fixcore(lose=1)
    gateway = world.gateway()
    world.logged_on()
    world.venue.submit(order(ONE))
    world.until("the hand-over", lambda: world.rows("SELECT 1 FROM fix.messages WHERE sequence IS NOT NULL"))
    time.sleep(0.3)
    world.stop(gateway, signal.SIGKILL)
    world.gateway()
    ((doubt,),) = world.until("the doubt", lambda: world.rows("SELECT doubt FROM fix.orders WHERE doubt IS NOT NULL"))
    assert "no proof by its rules" in doubt
    assert world.stand(ONE).status == "WORKING"
    assert world.ledger() == [{"lost": "E-R-000001-001"}]  # and nothing else


@pytest.mark.trial
def test_a_broker_that_takes_no_questions_leaves_the_doubt_to_a_person(world: World) -> None:
    world.fixcore(lose=1, no_status=True)
    gateway = world.gateway()
    world.logged_on()
    world.venue.submit(order(ONE))
    world.until("the hand-over", lambda: world.rows("SELECT 1 FROM fix.messages WHERE sequence IS NOT NULL"))
    time.sleep(0.3)
    world.stop(gateway, signal.SIGKILL)
    world.gateway()
    ((doubt,),) = world.until("the doubt", lambda: world.rows("SELECT doubt FROM fix.orders WHERE doubt IS NOT NULL"))
    assert "takes no question" in doubt
    assert world.ledger() == [{"lost": "E-R-000001-001"}]  # and nothing else


@pytest.mark.trial
def test_lost_files_are_restored_from_the_journal(world: World) -> None:
    """The engine's store never fsyncs: gone with it, the session goes on where it was (FIX-7)."""
    world.fixcore(hold=True)
    gateway = world.gateway()
    world.venue.submit(order(ONE))
    world.until("the order", world.ledger)
    world.stop(gateway, signal.SIGKILL)
    for path in world.session.store.iterdir():
        path.unlink()
    world.quirks()
    world.gateway()
    world.venue.submit(order(TWO))
    ended(world, ONE)
    ended(world, TWO)
    agree(world, ONE, TWO)
    assert "goes on at" in world.logs()


@pytest.mark.trial
@pytest.mark.parametrize("to", ["lower", "higher"])
def test_numbers_that_somebody_moved_are_no_catastrophe(world: World, to: str) -> None:
    world.fixcore(hold=True)
    gateway = world.gateway()
    world.venue.submit(order(ONE))
    world.until("the order", world.ledger)
    world.stop(gateway, signal.SIGKILL)
    path = next(world.session.store.glob("*.seqnums"))
    ours, _, theirs = path.read_text().partition(":")
    moved = (1, int(theirs)) if to == "lower" else (int(ours) + 20, int(theirs) + 20)
    session_file = path.with_suffix(".session")
    session_file.write_text("20260102-15:00:00")  # and it began on another day: the engine alone would begin at 1
    path.write_text(f"{moved[0]:020d} : {moved[1]:020d}")
    if to == "lower":  # and the journal with it: the broker hangs up, and says which number it expects
        with world.engine.begin() as connection:
            connection.execute(text("UPDATE fix.sessions SET sender_next = 1"))
    world.quirks()
    world.gateway()
    world.venue.submit(order(TWO))
    ended(world, ONE)
    ended(world, TWO)
    agree(world, ONE, TWO)


def test_an_exception_in_a_callback_ends_the_process_and_nothing_is_lost(world: World) -> None:
    """A live process with a dead session is what must not be: 70, and the broker sends again."""
    world.fixcore(hold=True)
    gateway = world.gateway()
    world.venue.submit(order(ONE))
    world.until("the order", lambda: world.rows("SELECT 1 FROM fix.messages WHERE state = 'ANSWERED'"))
    with world.engine.begin() as connection:
        connection.execute(text("SET lock_timeout = '5s'"))
    lock = world.engine.connect()
    try:
        lock.execute(text("SELECT 1 FROM fix.orders FOR UPDATE"))  # whoever writes the fill down waits, and gives up
        world.quirks(parts=2)
        assert gateway.wait(40) == 70
    finally:
        lock.close()
    world.gateway()
    ended(world, ONE)
    agree(world, ONE)


def test_a_second_gateway_waits_and_takes_over_at_once(world: World) -> None:
    world.fixcore()
    first = world.gateway()
    world.logged_on()
    (before,) = world.rows("SELECT owner FROM fix.sessions")
    world.gateway()
    world.until("the second to wait", lambda: "held by another gateway" in world.logs())
    assert world.rows("SELECT owner FROM fix.sessions") == [before]
    assert world.stop(first) == 0
    world.until(
        "the second to hold it", lambda: world.rows("SELECT owner FROM fix.sessions") not in ([before], [(None,)])
    )
    world.venue.submit(order(ONE))
    ended(world, ONE)
    agree(world, ONE)


def test_a_gateway_that_was_stopped_longer_than_its_lease_marks_nothing(world: World) -> None:
    """One gateway a session, for as long as it holds the lease (FIX-1)."""
    world.fixcore()
    first = world.gateway()
    world.logged_on()
    first.send_signal(signal.SIGSTOP)
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE fix.sessions SET lease_until = now() - interval '1 second'"))
    world.gateway()
    world.until("the second to hold it", lambda: world.rows("SELECT 1 FROM fix.sessions WHERE lease_until > now()"))
    world.venue.submit(order(ONE))
    first.send_signal(signal.SIGCONT)
    assert first.wait(20) == 70
    ended(world, ONE)
    agree(world, ONE)


def test_the_lease_is_kept_while_many_orders_are_asked_after(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand questions take longer than it lasts: chaos over 400 orders ended the gateway with 70 (FIX-1)."""
    monkeypatch.setattr("venues.fix.gateway.RENEW", 0)
    world.venue.submit_many([order(ONE), order(TWO)])
    gateway = Gateway(world.session, world.engine, the_clock())
    held: list[bool] = []

    class Slow:
        def send(self, message: Outgoing) -> None:
            """Each question takes as long as the lease lasts."""
            held.append(bool(world.rows("SELECT 1 FROM fix.sessions WHERE lease_until > clock_timestamp()")))
            with world.engine.begin() as connection:
                connection.execute(text("UPDATE fix.sessions SET lease_until = clock_timestamp()"))

    with world.engine.begin() as connection:
        connection.execute(text("UPDATE fix.messages SET state = 'HANDED', times = 1"))
        assert gateway.lease.take(connection)
    gateway._wanted(None)
    gateway._ask(Slow())  # type: ignore[arg-type]
    assert held == [True, True]


def test_a_halt_stops_the_gateway_and_cancelling_goes_on(world: World) -> None:
    world.fixcore(hold=True)
    world.gateway()
    world.venue.submit(order(ONE))
    world.until("the order", world.ledger)
    with world.books.transaction(Actor("ann")) as books:
        books.halts.halt("prices look wrong")
    world.venue.submit(order(TWO))
    world.venue.cancel(order(ONE))
    ended(world, ONE, "CANCELED")
    time.sleep(1)
    assert [each["order"] for each in world.ledger() if "order" in each] == [ONE]
    with world.books.transaction(Actor("ben")) as books:
        books.halts.resume("they were right")
    world.quirks()
    ended(world, TWO)
    agree(world, TWO)


def test_a_restored_database_says_nothing_before_somebody_looked(world: World) -> None:
    world.fixcore()
    gateway = world.gateway()
    world.logged_on()
    assert world.stop(gateway) == 0
    with world.books.transaction(Actor("ann")) as books:
        books.epochs.renew("a restore")
    world.gateway()
    world.until("the warning", lambda: "nothing is said to the broker before it is resumed" in world.logs())
    world.venue.submit(order(ONE))
    time.sleep(0.5)
    assert world.rows("SELECT logged_on FROM fix.sessions") == [(False,)]
    with world.books.transaction(Actor("ben")) as books:
        books.halts.resume("compared")
    ended(world, ONE)
    agree(world, ONE)


def test_a_block_goes_out_with_its_accounts_is_reduced_and_allocated(world: World) -> None:
    """591=1 with the accounts, 35=G for who leaves, and an allocation that is ours (FIX-8)."""
    world.fixcore(hold=True)
    world.gateway()
    block = order("E-B-000001-1")
    world.venue.submit_block(block, {"A-1": Decimal(60), "A-2": Decimal(40)})
    (taken,) = world.until("the block", world.ledger)
    assert (taken["fields"]["591"], taken["allocations"]) == ("1", [["A-1", "60"], ["A-2", "40"]])
    world.venue.reduce(block, Decimal(70))
    world.until("the reduction", lambda: world.venue.reduction(block, Decimal(70)) is True)
    world.quirks(refuse_account="A-2")
    world.until("the fills", lambda: world.stand("E-B-000001-1").filled_quantity == 70)
    given = Instruction(
        "B-000001/20261120", world.stand("E-B-000001-1").traded_on, ["E-B-000001-1"], "buy", "X", Decimal(10),
        {"A-1": Decimal(45), "A-2": Decimal(25)},
    )  # fmt: skip
    for _ in range(2):  # once, however often it is asked for
        with world.engine.begin() as connection:
            allocations.give(connection, world.session, given)

    def answered() -> allocations.Answer | None:
        with world.engine.connect() as connection:
            said = allocations.answer(connection, given.alloc_id)
        return said if said and all(each.confirmed or each.refusal for each in said.accounts) else None

    said = world.until("the allocation", answered)
    assert said.status in ("PARTIAL", "ACCEPTED")
    first, second = said.accounts
    assert (first.reported, first.confirmed, first.refusal, first.differs) == (Decimal(45), Decimal(45), None, False)
    assert second.refusal == "no such account"
    assert [each["allocation"] for each in world.ledger() if "allocation" in each] == ["B-000001/20261120"]


@pytest.mark.trial
def test_the_engine_stops_cleanly_every_time(world: World) -> None:
    """The acceptor that isn't threaded crashed in half of its stops; ours never in a dozen."""
    for _ in range(12):
        broker = world.paper_broker()
        world.until("the broker to listen", lambda child=broker: "listens at" in world.logs(child))
        assert world.stop(broker) == 0
