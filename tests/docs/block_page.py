"""`docs/desk.md`: the page of a block over three days with one account leaving, as `rebalancer block show` prints it.

`.venv/bin/python -m tests.docs.block_page` lets the worked example happen on a database of its own and writes the page
anew; test_block_page.py does it too, and compares all but the names and moments that are other ones each time.
"""

import re
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from devstack.postgres import Postgres
from policy.trading_days import next_close
from storage import migrations
from storage.actor import Actor
from storage.connection import Books
from storage.engine import DATABASE_URL, connect
from tests.desk.floor import Floor
from tests.desk.market import Market
from tests.docs.printed import PrintedPage, environment, without_trailing

_BLOCK = re.compile(r"^```\n(\$ rebalancer block show .*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = (("block", "show", "B-000001"), ("audit", "recompute", "B-000001"))
WIDTH = "150"
WANTED = {"101": 500, "102": 300, "103": 120, "104": 75, "105": 5}
DAYS = (
    (date(2026, 11, 20), ((250, "287.10"), (147, "287.14")), None),
    (date(2026, 11, 23), ((153, "288.00"), (200, "288.05")), "104"),  # who leaves between the two
    (date(2026, 11, 24), ((216, "288.05"),), None),
)
_OTHERS = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?( UTC|Z)?"), "<moment>"),
    (re.compile(r"\b[2-9A-Z]{5}-B-000001"), "<epoch>-B-000001"),
)
PAGE = PrintedPage(Path(__file__).resolve().parents[2] / "docs" / "desk.md", _BLOCK, _OTHERS)


def happened(books: Books) -> None:
    """The worked example, step by step as a worker does it."""
    market = Market()
    floor = Floor(books, market, WANTED, datetime(2026, 11, 20, 15, 0, tzinfo=UTC))
    block = floor.form()
    stands = floor.look(block, "send")
    for day, fills, leaves in DAYS:
        market.day = day
        for quantity, price in fills:
            market.fill(Decimal(quantity), Decimal(price))
            stands = floor.look(block, "watch")
            if leaves is not None and (quantity, price) == fills[0]:
                with books.transaction(Actor("ann")) as work:
                    work.blocks.ask_to_leave(block, leaves, None, "the client called")
                floor.look(block, "watch")
        floor.now = next_close(floor.now) + timedelta(minutes=6)
        stands = floor.go(block, lambda each: each.due == "send", stands.due)
        if stands.due == "done":
            return
        floor.now = next_close(floor.now) - timedelta(hours=6)
        stands = floor.go(block, lambda each: each.due == "watch", stands.due)


def printed(books: Books) -> str:
    """What the commands print of it."""
    url = books.engine.url.render_as_string(hide_password=False)
    given = environment(COLUMNS=WIDTH) | {DATABASE_URL: url}
    program = str(Path(sys.executable).with_name("rebalancer"))
    pages = []
    for words in COMMANDS:
        done = subprocess.run([program, *words], env=given, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"rebalancer {' '.join(words)} ended with {done.returncode}: {done.stderr}")
        pages.append(f"$ rebalancer {' '.join(words)}\n" + without_trailing(done.stdout))
    return "\n".join(pages)


def write() -> str:
    """Puts what is printed today into the document."""
    with tempfile.TemporaryDirectory(prefix="block-page-") as folder, Postgres(Path(folder) / "data") as server:
        migrations.upgrade(server.url)
        books = Books(connect(server.application_url))
        happened(books)
        page = printed(books)
        books.engine.dispose()
    return PAGE.put(page)


if __name__ == "__main__":
    sys.stdout.write(write() + "\n")
