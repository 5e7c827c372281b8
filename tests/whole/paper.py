"""The paper venue as the market of a story: scenarios that change, and fills that are busted behind an order's end."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from domain.values.money import to_cent
from storage.actor import Actor
from tests.whole import world
from tests.whole.story import Story
from venues.paper import PAPER
from venues.scenario import read


class PaperMarket:
    """Fills as its scenario says."""

    custodian = PAPER

    def begin(self, story: Story) -> None:
        """The first scenario."""
        self._fates(story)

    def event(self, story: Story) -> str:
        """Another scenario for what comes, or a bust."""
        if story.dice.random() < 0.5:
            self._fates(story)
            return "scenario"
        return self._bust(story)

    def day(self, at: datetime) -> None:
        """It lives in the workers' clock."""

    def kind(self, story: Story) -> None:
        """Every order is filled whole at its price."""
        with story.books.transaction(Actor("ann")) as books:
            books.venues.set_scenario(None)

    def _fates(self, story: Story) -> None:
        dice = story.dice
        tails: list[dict[str, Any]] = []
        if dice.random() < 0.3:
            tails = [{"symbol": "W", "fill": str(dice.choice((0, 1))), "costs": world.costs(story.charges)}]
        blocks = world.fates(dice, story.names, story.charges)
        raw = {"seed": dice.randrange(99), "blocks": blocks, "orders": tails}
        with story.books.transaction(Actor("ann")) as books:
            scenario = read(raw, *books.venues.paper_names())
            books.venues.set_scenario(scenario.model_dump(mode="json"))

    def _bust(self, story: Story) -> str:
        """Some of what a block's order had filled when it ended is taken back, and its desk is told so."""
        found = story.rows(
            "SELECT p.* FROM paper.block_orders AS p JOIN block_orders AS o USING (client_order_id)"
            " WHERE p.filled_quantity > 0 AND o.status NOT IN ('NEW', 'SENT', 'WORKING') AND o.changed_at IS NULL"
            " AND (o.filled_units, o.filled_amount) <> (0, 0) ORDER BY 1"
        )
        if not found:
            return "nothing"
        row = story.dice.choice(found)
        units = Decimal(story.dice.randrange(1, int(row.filled_quantity) + 1))
        left = row.filled_quantity - units
        with story.books.engine.begin() as connection:
            connection.execute(
                text("UPDATE paper.block_orders SET filled_quantity = :left, filled_amount = :cash, costs = :costs,"
                     " status = CASE WHEN :left = 0 THEN 'CANCELED' ELSE 'PARTIALLY_FILLED' END"
                     " WHERE client_order_id = :of"),
                {"left": left, "cash": to_cent(row.filled_amount * left / row.filled_quantity),
                 "costs": to_cent(row.costs * left / row.filled_quantity), "of": row.client_order_id},
            )  # fmt: skip
            connection.execute(
                text("UPDATE block_orders SET changed_at = now() WHERE client_order_id = :of"),
                {"of": row.client_order_id},
            )
        return "bust"

    def filled(self, story: Story) -> dict[str, tuple[Decimal, Decimal]]:
        """Its own ledger: shares and cash by order."""
        of = "SELECT client_order_id, filled_quantity, filled_amount FROM paper."
        return {row[0]: (row[1], row[2]) for table in ("orders", "block_orders") for row in story.rows(of + table)}

    def charged(self, story: Story) -> dict[str, Decimal]:
        """What its fills cost by order."""
        of = "SELECT client_order_id, costs FROM paper."
        return {row[0]: row[1] for table in ("orders", "block_orders") for row in story.rows(of + table)}

    def ordered(self, story: Story) -> list[str]:
        """Every order that it was ever sent."""
        return list(self.filled(story))

    def name_of(self, client_order_id: str) -> str:
        """An order as it calls it."""
        return client_order_id
