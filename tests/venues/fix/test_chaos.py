"""Chaos on the wire: connections cut inside messages, gateways killed, files lost, numbers moved, fills resent and
filled over, orders lost; and at the end not an order twice, not a fill lost or doubled.

FIX_CHAOS=600 pytest tests/venues/fix/test_chaos.py -s (make fix-chaos) takes so many orders; without it, few.
"""

import os
import random
import signal
import time
from decimal import Decimal

import pytest
from sqlalchemy import text

from tests.venues.fix.conftest import World, free_port, order
from tests.venues.fix.wire_faults import Wire

ORDERS = int(os.environ.get("FIX_CHAOS", "48"))
SEED = int(os.environ.get("FIX_CHAOS_SEED", "1"))
BATCH = 6


class Chaos:
    """What is broken, and how often it was."""

    def __init__(self, world: World, wire: Wire, chance: random.Random) -> None:
        self.world, self.wire, self.chance = world, wire, chance
        self.gateways = [world.gateway()]
        self.done = dict.fromkeys(("killed", "lost files", "moved numbers", "broker killed"), 0)

    def kill(self) -> None:
        """The gateway, at any moment; then perhaps its files, or what is in them. Another takes its place."""
        self.world.stop(self.gateways.pop(), signal.SIGKILL)
        self.done["killed"] += 1
        what = ("", "lost files", "moved numbers")[self.done["killed"] % 3]
        files = list(self.world.session.store.glob("*.*"))
        if what == "lost files" and files:
            for each in files:
                each.unlink()
            self.done[what] += 1
        for path in self.world.session.store.glob("*.seqnums"):
            if what == "moved numbers":
                ours, _, theirs = path.read_text().partition(":")
                moved = (
                    max(1, int(ours) + self.chance.choice((-5, 7))),
                    max(1, int(theirs) + self.chance.choice((-5, 9))),
                )
                path.write_text(f"{moved[0]:020d} : {moved[1]:020d}")
                self.done[what] += 1
        with self.world.engine.begin() as connection:  # it is dead: nobody need wait for its lease to run out
            connection.execute(text("UPDATE fix.sessions SET lease_until = clock_timestamp() - interval '1 second'"))
        self.gateways.append(self.world.gateway())

    def told(self, **more: int) -> str:
        seen = self.done | {"cuts": self.wire.cuts, "inside a message": self.wire.cut_inside} | more
        return ", ".join(f"{what} {often}" for what, often in seen.items())


def settled(world: World) -> bool:
    return not world.rows("SELECT 1 FROM fix.orders WHERE status = 'WORKING' LIMIT 1")


def rough(chaos: Chaos, names: list[str]) -> None:
    """Orders in small batches, some of them cancelled at once, while things break."""
    for at in range(0, len(names), BATCH):
        batch = names[at : at + BATCH]
        chaos.world.logged_on()
        chaos.world.venue.submit_many([order(each) for each in batch])
        time.sleep(chaos.chance.uniform(0.1, 0.6))
        chaos.world.venue.cancel(order(batch[0]))
        if at // BATCH % 3 == 2:
            time.sleep(chaos.chance.uniform(0.0, 1.5))
            chaos.kill()


@pytest.mark.timeout(1200)
def test_with_fixcores_acceptor(world: World) -> None:
    chance = random.Random(SEED)
    world.write(port=free_port(), rules={"unknown_is_proof": True})
    wire = Wire(world.session.port, world.broker_port, chance)
    world.fixcore(parts=3, resend=True, lose=4)
    chaos = Chaos(world, wire, chance)
    names = [f"E-R-{number:06d}-001" for number in range(1, ORDERS + 1)]
    third = len(names) // 3
    rough(chaos, names[:third])
    world.quirks(parts=2, swallow=True)
    rough(chaos, names[third : 2 * third])
    broker = world.children[0]
    world.stop(broker, signal.SIGKILL)
    chaos.done["broker killed"] += 1
    world.fixcore(fresh=False)
    world.quirks(parts=3, lose=2)
    rough(chaos, names[2 * third :])
    wire.rough = False
    world.quirks()
    world.until("every order's last word", lambda: settled(world), 240)
    truth, taken = world.filled(), [each["order"] for each in world.ledger() if "order" in each]
    assert sorted(taken) == sorted(set(taken))
    twice = [each for each in world.ledger() if "duplicate" in each]
    assert twice == []
    ((repaired,),) = world.rows("SELECT count(*) FROM fix.orders WHERE repaired")
    for name in names:
        stands = world.stand(name)
        assert (stands.filled_quantity, stands.filled_amount) == truth.get(name, (Decimal(0), Decimal(0))), name
        assert stands.filled_quantity <= 100
    print(f"\nfixcore: {len(names)} orders, {chaos.told(repaired=repaired, sold_at_the_broker=len(taken))}")  # noqa: T201
    assert (wire.cuts, chaos.done["killed"]) >= (5, 3), chaos.told()
    assert wire.cut_inside and chaos.done["lost files"] and chaos.done["moved numbers"]
