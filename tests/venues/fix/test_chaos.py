"""Chaos on the wire: connections cut inside messages, gateways killed, files lost, numbers moved, fills resent and
filled over, orders lost; and at the end not an order twice, not a fill lost or doubled.

What is broken is planned by the number of orders, and every break is seen to happen before the next round begins: so
how often it was is known beforehand, on a busy machine too. Only the moments are random, by a seed.

FIX_CHAOS=400 pytest tests/venues/fix/test_chaos.py -s (make fix-chaos) takes so many orders; without it, few.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import insert, text

from storage.schema.execution import paper_accounts
from tests.venues.fix.conftest import World, free_port, order
from tests.venues.fix.wire_faults import Wire

ORDERS = int(os.environ.get("FIX_CHAOS", "36"))
SEED = int(os.environ.get("FIX_CHAOS_SEED", "1"))
BATCH = max(6, ORDERS // 24)
CUTS = (("ours", "D"), ("theirs", "8"), ("ours", "F"), ("theirs", "8"))  # an order, a report, a cancellation, a report
KILLS = ("killed", "lost files", "moved numbers")


class Chaos:
    """What is broken, and how often it was."""

    def __init__(self, world: World, wire: Wire, chance: random.Random, broker: "Callable[[], object]") -> None:
        self.world, self.wire, self.chance, self.broker = world, wire, chance, broker
        self.gateway = world.gateway()
        self.counterparty = world.children[0]
        self.done: Counter[str] = Counter()
        self.again = 0  # gateways that ended by themselves, on a machine too busy to renew a lease

    def await_(self, what: str, found: Callable[[], object], seconds: float = 120) -> None:
        """Until something is found; a gateway that ended meanwhile is started again, as whoever looks after it does."""

        def looked_after() -> object:
            code = self.gateway.poll()
            if code is not None:
                assert code == 70, self.world.logs(self.gateway)
                self.again += 1
                self.gateway = self.world.gateway()
            return found()

        self.world.until(what, looked_after, seconds)

    def logged_on(self) -> object:
        return self.world.rows("SELECT 1 FROM fix.sessions WHERE logged_on")

    def kill(self) -> None:
        """The gateway, at any moment; then perhaps its files, or what is in them. Another takes its place."""
        self.world.stop(self.gateway, signal.SIGKILL)
        what = KILLS[sum(self.done[each] for each in KILLS) % len(KILLS)]
        store = self.world.session.store
        numbers = next(store.glob("*.seqnums"))
        if what == "lost files":
            for each in store.glob("*.*"):
                each.unlink()
        elif what == "moved numbers":
            ours, _, theirs = numbers.read_text().partition(":")
            moved = (
                max(1, int(ours) + self.chance.choice((-5, 7))),
                max(1, int(theirs) + self.chance.choice((-5, 9))),
            )
            numbers.write_text(f"{moved[0]:020d} : {moved[1]:020d}")
        self.done[what] += 1
        with self.world.engine.begin() as connection:  # it is dead: nobody need wait for its lease to run out
            connection.execute(text("UPDATE fix.sessions SET logged_on = false, lease_until = clock_timestamp() - "
                                    "interval '1 second'"))  # fmt: skip
        self.gateway = self.world.gateway()

    def kill_broker(self) -> None:
        self.world.stop(self.counterparty, signal.SIGKILL)
        self.done["broker killed"] += 1
        self.broker()
        self.counterparty = self.world.children[-1]

    def rounds(self, batches: list[list[str]]) -> None:
        """Orders in batches, some of them cancelled at once; in each a cut, after each second one a kill."""
        for batch in batches:
            self.await_("the logon", self.logged_on)
            whose, kind = CUTS[self.done["cuts"] % len(CUTS)]
            self.wire.cut(whose, kind, 0 if kind == "F" else self.chance.randrange(4))
            self.world.venue.submit_many([order(each) for each in batch])
            self.await_("the orders", lambda batch=batch: self.handed(batch))
            self.world.venue.cancel(order(batch[0]))
            self.await_(f"a cut in a {kind}", self.wire.happened.is_set)
            self.done["cuts"] += 1
            if self.done["cuts"] % 2 == 0:
                time.sleep(self.chance.uniform(0.0, 1.5))
                self.kill()

    def handed(self, batch: list[str]) -> bool:
        """All of a batch left the outbox, or one of them fell victim to the cut."""
        rows = self.world.rows("SELECT 1 FROM fix.messages WHERE kind = 'D' AND state = 'NEW' AND order_id = ANY(:ids)",
                               ids=batch)  # fmt: skip
        return self.wire.happened.is_set() or not rows

    def expected(self, cuts: int) -> Counter[str]:
        """What has to have been broken, in so many rounds."""
        kills = Counter(KILLS[each % len(KILLS)] for each in range(cuts // 2))
        return Counter({"cuts": cuts, "broker killed": 1}) + kills

    def proved(self, names: list[str], truth: dict[str, tuple[Decimal, Decimal]]) -> None:
        """Not a fill lost or doubled, and everything that was to be broken was."""
        for name in names:
            stands = self.world.stand(name)
            assert (stands.filled_quantity, stands.filled_amount) == truth.get(name, (Decimal(0), Decimal(0))), name
            assert stands.filled_quantity <= 100
        assert self.done == self.expected(len(names) // BATCH), self.told()
        assert sum(self.wire.cuts.values()) == self.done["cuts"]
        assert len(truth) >= len(names) // 2  # most were traded, not only broken

    def told(self, **more: int) -> str:
        return ", ".join(
            f"{what} {often}"
            for what, often in (dict(self.done) | self.wire.cuts | {"ended by themselves": self.again} | more).items()
        )


def batches() -> list[list[str]]:
    """The orders' names, in whole batches."""
    names = [f"E-R-{number:06d}-001" for number in range(1, ORDERS + 1)]
    return [names[at : at + BATCH] for at in range(0, len(names) - BATCH + 1, BATCH)]


def settled(world: World) -> bool:
    return not world.rows("SELECT 1 FROM fix.orders WHERE status = 'WORKING' LIMIT 1")


def repaired(world: World) -> int:
    return int(world.rows("SELECT count(*) FROM fix.orders WHERE repaired")[0][0])


@pytest.mark.trial
@pytest.mark.timeout(3600)
def test_with_fixcores_acceptor(world: World) -> None:
    chance = random.Random(SEED)
    world.write(port=free_port(), rules={"unknown_is_proof": True})
    wire = Wire(world.session.port, world.broker_port, chance)
    world.fixcore(parts=3, resend=True, lose=4)
    chaos = Chaos(world, wire, chance, lambda: world.fixcore(fresh=False))
    all_ = batches()
    names, third = [name for batch in all_ for name in batch], len(all_) // 3

    def did(what: str) -> int:
        return sum(what in each for each in world.ledger())

    chaos.rounds(all_[:third])
    chaos.await_("orders that were lost, and fills that came twice", lambda: did("lost") == 4 and did("resent"))
    world.quirks(parts=2, swallow=True)
    chaos.rounds(all_[third : 2 * third])
    chaos.await_("fills that never came", lambda: did("swallowed") >= 2)
    chaos.kill_broker()
    world.quirks(parts=3, lose=2)
    chaos.rounds(all_[2 * third :])
    chaos.await_("more orders that were lost", lambda: did("lost") == 6)
    world.quirks()
    chaos.await_("every order's last word", lambda: settled(world), 240)
    taken = [each["order"] for each in world.ledger() if "order" in each]
    assert sorted(taken) == sorted(set(taken))
    assert [each for each in world.ledger() if "duplicate" in each] == []
    chaos.proved(names, world.filled())
    assert repaired(world)
    faults = {each: did(each) for each in ("lost", "resent", "swallowed")}
    told = chaos.told(**faults, repaired=repaired(world), taken=len(taken))
    print(f"\nfixcore: {len(names)} orders, {told}")  # noqa: T201


@pytest.mark.trial
@pytest.mark.timeout(3600)
def test_with_the_paper_venue_behind_quickfixs_acceptor(world: World) -> None:
    chance = random.Random(SEED)
    with world.engine.begin() as connection:
        connection.execute(insert(paper_accounts).values(account_id="A-1", cash=10_000_000))
    world.paper_broker()
    world.until("the broker to listen", lambda: "listens at" in world.logs())
    file = world.folder / "BROKER.yaml"
    listens = file.read_text()
    wire = Wire(free_port(), world.session.port, chance)
    world.write(port=wire.listening.getsockname()[1], rules={"unknown_is_proof": True})
    connects = file.read_text()

    def broker_again() -> None:
        """Its session is ours too: it reads the port that it listens at from the same file."""
        file.write_text(listens)
        child = world.paper_broker()
        world.until("the broker to listen", lambda: "listens at" in world.logs(child))
        file.write_text(connects)

    chaos = Chaos(world, wire, chance, broker_again)
    all_ = batches()
    names, half = [name for batch in all_ for name in batch], len(all_) // 2
    chaos.rounds(all_[:half])
    chaos.kill_broker()
    chaos.rounds(all_[half:])
    chaos.await_("every order's last word", lambda: settled(world), 240)
    rows = world.rows("SELECT client_order_id, filled_quantity, filled_amount FROM paper.orders")
    chaos.proved(names, {row[0]: row[1:] for row in rows})
    ((cash,),) = world.rows("SELECT cash FROM paper.accounts")
    ((ours,),) = world.rows("SELECT sum(filled_amount) FROM fix.orders")
    assert cash == 10_000_000 - ours  # the custodian's ledger moved once for each fill
    told = chaos.told(repaired=repaired(world), taken=len(rows))
    print(f"\nquickfix: {len(names)} orders, {told}")  # noqa: T201
