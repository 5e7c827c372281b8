"""The rate limit: two processes that send as fast as they can, and never too many in any second."""

import subprocess
import sys
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import insert, select

from storage.actor import Actor
from storage.connection import Books
from storage.schema.execution import paper_accounts, paper_orders
from storage.schema.venues import venue_terms
from venues.pacing import BELIEVED
from venues.paper import PAPER
from venues.port import VenueOrder
from venues.registry import Venues

PROJECT = Path(__file__).resolve().parents[2]
LIMIT, EACH = 10, 12
SENDER = """
import sys
from decimal import Decimal
from storage.engine import connect
from venues.port import VenueBusy, VenueOrder, VenueUnreachable
from venues.registry import Venues

url, name, count = sys.argv[1:]
venue = Venues(connect(url)).venue("PAPER")
for number in range(int(count)):
    order = VenueOrder(f"{name}-{number:03d}", "A-1", "buy", "X", Decimal(1), Decimal(1))
    while True:
        try:
            venue.submit(order)
            break
        except (VenueBusy, VenueUnreachable):
            pass  # tried again at once: the limit is not the caller's manners
"""


def test_two_processes_never_send_more_than_the_limit_in_any_second(books: Books) -> None:
    """Retries count: every third order is lost once before the venue accepts it."""
    with books.transaction(Actor("test")) as change:
        change.execute(insert(paper_accounts).values(account_id="A-1", cash=1000))
        change.venues.set_terms(PAPER, Decimal(LIMIT), None)
        lost = {"chance": "0.3", "lose_connection": "before_accepting"}
        change.venues.set_scenario({"seed": 1, "orders": [lost]})
    url = books.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", SENDER, url]
    senders = [subprocess.Popen([*command, name, str(EACH)], cwd=PROJECT) for name in ("A", "B")]
    assert [sender.wait(timeout=120) for sender in senders] == [0, 0]
    with books.engine.connect() as connection:
        at = list(connection.scalars(select(paper_orders.c.received_at).order_by(paper_orders.c.received_at)))
    assert len(at) == 2 * EACH
    windows = [sum(1 for other in at if 0 <= (other - begin).total_seconds() < 1) for begin in at]
    assert max(windows) <= LIMIT


def test_a_limit_that_is_set_while_orders_are_sent_holds_a_second_later(books: Books) -> None:
    """Orders up to then may take no turn; the first behind it does."""
    venue = Venues(books.engine).venue(PAPER)
    with books.transaction(Actor("test")) as change:
        change.execute(insert(paper_accounts).values(account_id="A-1", cash=1000))
    venue.submit(VenueOrder("first", "A-1", "buy", "X", Decimal(1), Decimal(1)))
    with books.transaction(Actor("test")) as change:
        change.venues.set_terms(PAPER, Decimal(LIMIT), None)
    before = turn(books)
    time.sleep(BELIEVED)
    venue.submit(VenueOrder("second", "A-1", "buy", "X", Decimal(1), Decimal(1)))
    assert turn(books) > before


def turn(books: Books) -> datetime:
    """When the next order may be sent."""
    with books.engine.connect() as connection:
        found: datetime = connection.execute(select(venue_terms.c.next_order_at)).scalar_one()
    return found
