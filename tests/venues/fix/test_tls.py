"""TLS to a broker: by the engine itself, with the broker's CA pinned; and by stunnel, which checks the name too."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.venues.fix.conftest import World, free_port, order
from tests.venues.fix.tls_front import Authority, Front

ONE = "E-R-000001-001"
STUNNEL = Path(__file__).parents[3] / "deploy" / "fix" / "stunnel.conf"
NAME = "fix.broker.example"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "the brokers CA")


def traded(world: World) -> None:
    world.gateway()
    world.venue.submit(order(ONE))
    world.until("the fill", lambda: world.stand(ONE).status == "FILLED")


def never_logged_on(world: World, seconds: float = 6) -> bool:
    """Through several attempts to connect."""
    world.gateway()
    world.until("the gateway", lambda: world.rows("SELECT 1 FROM fix.sessions WHERE owner IS NOT NULL"))
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if world.rows("SELECT 1 FROM fix.sessions WHERE logged_on_at IS NOT NULL"):
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize("certified_for", [NAME, "somebody.else.example"])
def test_the_engine_speaks_tls_and_goes_by_the_ca_alone(world: World, authority: Authority, certified_for: str) -> None:
    """It checks the chain, not the host's name: hence the broker's own CA, not the system's."""
    world.fixcore()
    front = Front(authority.certified(certified_for), world.broker_port)
    world.write(port=front.port, tls={"ca": authority.pem.name})
    traded(world)
    assert front.taken >= 1


def test_the_engine_refuses_a_broker_of_another_ca(world: World, authority: Authority, tmp_path: Path) -> None:
    world.fixcore()
    front = Front(authority.certified(NAME), world.broker_port)
    world.write(port=front.port, tls={"ca": Authority(tmp_path, "another CA").pem.name})
    assert never_logged_on(world)
    assert front.taken == 0


def test_a_broker_may_ask_for_our_certificate(world: World, authority: Authority) -> None:
    world.fixcore()
    front = Front(authority.certified(NAME), world.broker_port, clients=authority.pem)
    ours = authority.certified("rebalancer.example").name
    world.write(port=front.port, tls={"ca": authority.pem.name, "certificate": ours, "key": ours})
    traded(world)


def stunnel(world: World, authority: Authority, front: Front) -> None:
    """As `deploy/fix/stunnel.conf` has it, with this test's places."""
    program = shutil.which("stunnel4") or shutil.which("stunnel")
    if program is None:
        pytest.skip("stunnel is not here: apt install stunnel4")
    port = free_port()
    told = STUNNEL.read_text()
    for key, value in (
        ("accept", f"127.0.0.1:{port}"),
        ("connect", f"127.0.0.1:{front.port}"),
        ("CAfile", authority.pem),
    ):
        told, times = re.subn(rf"^{key} = .*$", f"{key} = {value}", told, flags=re.MULTILINE)
        assert times == 1
    assert f"checkHost = {NAME}" in told
    path = world.folder / "stunnel.conf"
    path.write_text(told)
    log = (world.folder / f"{len(world.children)}.log").open("wb")
    world.children.append(subprocess.Popen([program, str(path)], stdout=log, stderr=log))
    world.write(port=port)


def test_stunnel_carries_the_session(world: World, authority: Authority) -> None:
    world.fixcore()
    front = Front(authority.certified(NAME), world.broker_port)
    stunnel(world, authority, front)
    traded(world)
    assert front.taken >= 1


def test_stunnel_refuses_a_broker_by_another_name(world: World, authority: Authority) -> None:
    world.fixcore()
    front = Front(authority.certified("somebody.else.example"), world.broker_port)
    stunnel(world, authority, front)
    assert never_logged_on(world)
    assert "certificate" in world.logs().lower()
