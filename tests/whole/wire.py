"""A broker by FIX as the market of a story: fixcore's acceptor and the gateway as processes of their own."""

import signal
import subprocess
import time
from datetime import datetime
from decimal import Decimal
from typing import Any

from policy.clock import exchange_day
from tests.venues.fix.conftest import NAME, World
from tests.whole.story import FRIDAY, Story
from venues.fix.outgoing import name_of

RULES = {"unknown_is_proof": True, "fractional": True}
CHARGES = {"commission": ("0.0035", "0.005", "0.01"), "fee": ("0.0000278", "0.0001")}  # a share; of the amount


class Wire:
    """Fills, reduces, refuses and busts as the story's dice say, while gateways die."""

    custodian = NAME

    def __init__(self, world: World, *, confirms: bool) -> None:
        self.world = world
        world.write(venue=NAME, rules=RULES | {"confirms": confirms})
        self.quirks: dict[str, Any] = {"hold": True, "better": True, "parts": 3}
        self.changes: dict[str, list[Any]] = {}
        self.gateway: subprocess.Popen[bytes] | None = None
        self.day(FRIDAY)

    def begin(self, story: Story) -> None:
        """Broker and gateway begin."""
        charges = story.charges
        self._are(**{each: charges.choice(some) for each, some in CHARGES.items() if charges.random() < 0.7})
        self.world.fixcore(**self.quirks)
        self.gateway = self.world.gateway()

    def day(self, at: datetime) -> None:
        """Fills are of this trade date from now on."""
        self._are(day=f"{exchange_day(at):%Y%m%d}")

    def event(self, story: Story) -> str:
        """One thing of many at the broker, or on the way to it."""
        dice = story.dice
        kind = dice.choice(("fill", "fill", "fill", "fill", "change", "change", "reduce", "refuse", "kill", "twice"))
        if kind == "fill":
            self._are(hold=False, parts=dice.randrange(1, 30))
            time.sleep(dice.random() / 4)
            self._are(hold=True)
        elif kind == "change":
            return self._change(story)
        elif kind == "reduce":
            self._are(**dice.choice(({}, {"deny_replace": True})), never="deny_replace")
        elif kind == "refuse":
            self._are(**dice.choice(({}, {"refuse_account": dice.choice(story.names)})), never="refuse_account")
        elif kind == "kill":
            self._kill()
        else:
            self._are(resend=not self.quirks.get("resend"))
        return f"wire: {kind}"

    def kind(self, story: Story) -> None:
        """All that is open is filled."""
        for each in ("deny_replace", "refuse_account", "resend"):
            self.quirks.pop(each, None)
        self._are(hold=False, parts=1)

    def _are(self, never: str | None = None, **told: Any) -> None:
        if never is not None and never not in told:
            self.quirks.pop(never, None)
        self.quirks |= told
        self.world.quirks(**self.quirks, change=self.changes)

    def _change(self, story: Story) -> str:
        """A bust, or a correction of the price, of any fill that there was; each of its own ExecID once."""
        gone = {each["changed"] for each in self.world.ledger() if "changed" in each} | self.changes.keys()
        fills = [each for each in self.world.ledger()
                 if each.get("exec", "E0") != "E0" and "fill" in each and each["exec"] not in gone
                 and Decimal(str(each["quantity"])) >= 1]  # fmt: skip
        if not fills:
            return "nothing"
        fill = story.dice.choice(fills)
        if story.dice.random() < 0.6:
            self.changes[fill["exec"]] = ["H", 0, 0]
        else:
            self.changes[fill["exec"]] = ["G", str(fill["quantity"]), str(Decimal(str(fill["price"])) - 1)]
        self._are()
        return "wire: change"

    def _kill(self) -> None:
        """The gateway dies, and another takes its place."""
        assert self.gateway is not None
        self.world.stop(self.gateway, signal.SIGKILL)
        self.world.changed("UPDATE fix.sessions SET logged_on = false, lease_until = clock_timestamp()")
        self.gateway = self.world.gateway()

    def filled(self, story: Story) -> dict[str, tuple[Decimal, Decimal]]:
        """The broker's own ledger: shares and cash by order."""
        return self.world.filled()

    def charged(self, story: Story) -> dict[str, Decimal]:
        """What its fills cost by order, but those that were busted or corrected."""
        return self.world.charged()

    def ordered(self, story: Story) -> list[str]:
        """Every order that it took."""
        return [each["order"] for each in self.world.ledger() if "order" in each]

    def name_of(self, client_order_id: str) -> str:
        """An order as it calls it."""
        return name_of(client_order_id)
