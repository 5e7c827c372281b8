"""Counterparties that nobody here wrote, where they are installed: what each does differently, and without harm.

`make counterparties` runs them, and says which were left out and why; docs/fix.md tells what was seen.
"""

import gzip
import os
import shutil
import signal
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from tests.venues.fix.conftest import World, order
from venues.port import VenueOrder

EXAMPLES = Path("/usr/share/doc/libquickfix-doc/examples")
PROJECT = Path(__file__).parents[3]
JSPUREFIX = "jspurefix@5.11.4"  # MIT; for tests alone
WANTED = "COUNTERPARTIES"
UNTOLD = """SELECT 1 FROM fix.messages m JOIN fix.orders o ON o.client_order_id = m.order_id
    WHERE m.state IN ('NEW', 'HANDED') AND o.status <> 'FILLED' AND o.doubt IS NULL"""
pytestmark = [
    pytest.mark.counterparties,
    pytest.mark.skipif(not os.environ.get(WANTED), reason="make counterparties runs these"),
]


def debians(world: World, program: str, version: str, **more: str) -> "subprocess.Popen[bytes]":
    """A program of Debian's libquickfix-doc, listening where the session connects; what it lacks skips the test."""
    packed = EXAMPLES / program
    if not packed.exists():
        pytest.skip(f"{packed.name} is not here: apt install libquickfix-doc libquickfix17 (amd64)")
    if shutil.which("ldconfig") and b"libquickfix.so.17" not in subprocess.check_output(["ldconfig", "-p"]):
        pytest.skip("libquickfix.so.17 is not here: apt install libquickfix17")
    binary = world.folder / packed.stem
    binary.write_bytes(gzip.decompress(packed.read_bytes()))
    binary.chmod(0o755)
    world.write(version=version, port=world.broker_port, **more)
    told = {
        "ConnectionType": "acceptor", "SocketAcceptPort": world.broker_port, "SocketReuseAddress": "Y",
        "FileStorePath": world.folder / "their-store", "BeginString": version, "SenderCompID": "BROKER",
        "TargetCompID": "REBALANCER", "DataDictionary": world.session.dictionary_path, "StartTime": "00:00:00",
        "EndTime": "00:00:00",
        "ValidateFieldsOutOfOrder": "N", "AllowUnknownMsgFields": "Y",
    }  # fmt: skip
    settings = world.folder / f"{packed.stem}.cfg"
    settings.write_text("[SESSION]\n" + "".join(f"{key}={value}\n" for key, value in told.items()))
    log = (world.folder / f"{len(world.children)}.log").open("wb")
    child = subprocess.Popen([str(binary), str(settings)], stdin=subprocess.PIPE, stdout=log, stderr=log)
    world.children.append(child)
    return child


def ordermatch(world: World, **more: str) -> "subprocess.Popen[bytes]":
    return debians(world, "ordermatch/.libs/ordermatch.gz", "FIX.4.2", **more)


def executor(world: World, **more: str) -> "subprocess.Popen[bytes]":
    return debians(world, "executor/C++/.libs/executor.gz", "FIX.4.4", **more)


def at(name: str, side: str, quantity: str, price: str) -> VenueOrder:
    return VenueOrder(name, "A-1", side, "X", Decimal(quantity), Decimal(price))  # type: ignore[arg-type]


def ended(world: World, name: str, status: str = "FILLED") -> None:
    world.until(f"{name} to be {status}", lambda: world.stand(name).status == status)


def test_ordermatch_fills_in_real_parts_at_the_prices_of_the_other_side(world: World) -> None:
    ordermatch(world)
    world.gateway()
    world.logged_on()
    world.venue.submit_many(
        [at("S1", "sell", "40", "9.98"), at("S2", "sell", "35", "9.99"), at("S3", "sell", "50", "10")]
    )
    world.until("the sells", lambda: len(world.rows("SELECT 1 FROM fix.messages WHERE state = 'ANSWERED'")) == 3)
    world.venue.submit(at("B1", "buy", "100", "10.00"))
    ended(world, "B1")
    bought = world.stand("B1")
    assert (bought.filled_quantity, bought.filled_amount) == (Decimal(100), Decimal("998.85"))
    assert world.rows("SELECT count(*) FROM fix.executions WHERE order_id = 'B1'") == [(3,)]
    assert [world.stand(each).status for each in ("S1", "S2", "S3")] == ["FILLED", "FILLED", "WORKING"]
    world.venue.cancel(at("S3", "sell", "50", "10"))
    ended(world, "S3", "PARTIALLY_FILLED")
    assert world.stand("S3").filled_quantity == 25


def test_ordermatch_takes_no_question_and_what_it_did_meanwhile_comes_by_resend(world: World) -> None:
    """It answers 35=H with 35=j (380=3): nothing is concluded from that, and the orders go on."""
    ordermatch(world)
    gateway = world.gateway()
    world.logged_on()
    world.venue.submit(at("S1", "sell", "100", "10"))
    world.until("the order", lambda: world.rows("SELECT 1 FROM fix.messages WHERE state = 'ANSWERED'"))
    world.stop(gateway, signal.SIGKILL)
    world.gateway()
    world.until("the refused question", lambda: world.rows("SELECT 1 FROM fix.sessions WHERE says LIKE '%35=j%'"))
    world.logged_on()
    world.venue.submit(at("B1", "buy", "100", "10"))
    ended(world, "B1")
    ended(world, "S1")
    assert world.rows("SELECT count(*) FROM fix.orders WHERE doubt IS NOT NULL") == [(0,)]


def test_executor_fills_without_an_acknowledgement(world: World) -> None:
    executor(world)
    world.gateway()
    world.venue.submit_many([order(f"E{number}") for number in range(20)])
    for number in range(20):
        ended(world, f"E{number}")
    assert world.rows("SELECT sum(filled_quantity), sum(filled_amount) FROM fix.orders") == [(2000, 20_000)]
    assert world.rows("SELECT count(*) FROM fix.executions") == [(20,)]


def test_executor_refuses_a_market_order_at_its_engine(world: World) -> None:
    executor(world, order_type="market")
    world.gateway()
    world.venue.submit(order("E1"))
    ended(world, "E1", "REJECTED")
    assert "tag 40" in world.stand("E1").reason


def test_executor_after_a_cut_fills_nothing_twice(world: World) -> None:
    """Killed with its answers on the way: on the next logon the resend brings them, each once."""
    executor(world)
    gateway = world.gateway()
    world.logged_on()
    world.venue.submit_many([order(f"E{number}") for number in range(20)])
    world.until("some of them", lambda: world.rows("SELECT 1 FROM fix.executions"))
    world.stop(gateway, signal.SIGKILL)
    world.gateway()
    world.until("all that was taken", lambda: not world.rows(UNTOLD))
    (executions,) = world.rows("SELECT count(*), count(DISTINCT order_id), sum(quantity) FROM fix.executions")
    assert executions[0] == executions[1]
    assert executions[2] == executions[0] * 100


def jspurefix(world: World) -> "subprocess.Popen[bytes]":
    """The acceptor of npm's jspurefix, from the folder that is named, or installed there now."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not here: apt install nodejs npm")
    kept = Path(os.environ.get("JSPUREFIX") or PROJECT / ".rebalancer" / "counterparties")
    if not (kept / "node_modules" / "jspurefix").is_dir():
        kept.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(kept), JSPUREFIX]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{JSPUREFIX} can't be installed from the npm registry: {done.stderr.strip()[-200:]}")
    world.write(port=world.broker_port)
    script = Path(__file__).with_name("jspurefix_broker.js")
    log = (world.folder / f"{len(world.children)}.log").open("wb")
    child = subprocess.Popen(
        ["node", str(script), str(world.broker_port), str(world.broker_folder), "FIX.4.4"],
        cwd=world.folder,
        env=world.environment | {"NODE_PATH": str(kept / "node_modules")},
        stdout=log,
        stderr=log,
    )
    world.children.append(child)
    return child


def test_jspurefix_fills_in_two_parts_and_every_part_is_kept(world: World) -> None:
    jspurefix(world)
    world.gateway()
    world.venue.submit_many([order(f"E{number}") for number in range(20)])
    for number in range(20):
        ended(world, f"E{number}")
        assert (world.stand(f"E{number}").filled_quantity, world.stand(f"E{number}").filled_amount) == (100, 1000)
    assert world.rows("SELECT count(*) FROM fix.executions") == [(40,)]


def test_jspurefix_after_a_kill_holds_no_order_twice(world: World) -> None:
    jspurefix(world)
    gateway = world.gateway()
    world.logged_on()
    for number in range(30):
        world.venue.submit(order(f"E{number}"))
    world.until("some of them", lambda: world.rows("SELECT 1 FROM fix.executions"))
    world.stop(gateway, signal.SIGKILL)
    world.gateway()
    for number in range(30):
        ended(world, f"E{number}")
    taken = [each["order"] for each in world.ledger() if "order" in each]
    assert sorted(taken) == sorted(f"E{number}" for number in range(30))
    for number in range(30):
        assert world.stand(f"E{number}").filled_quantity == world.filled()[f"E{number}"][0]
