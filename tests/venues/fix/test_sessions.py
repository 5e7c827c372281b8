"""Sessions as data: what can't be used is refused with a sentence that says what to do."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from venues.fix.sessions import SESSIONS, SessionRefused, configured, named, read

GOOD: dict[str, Any] = {
    "session": "BROKER", "venue": "PAPER", "version": "FIX.4.4", "sender": "US", "target": "THEM",
    "host": "127.0.0.1", "port": 9876, "store": "store",
}  # fmt: skip


HOURS = {"start": "07:00:00", "end": "18:00:00"}


def file(folder: Path, **changes: Any) -> Path:
    path = folder / "BROKER.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in (GOOD | changes).items() if value is not ...}))
    return path


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"dictionary": "FIX99.xml"}, "FIX99.xml is missing: give the path of the broker's, or leave dictionary out"),
        ({"order_type": "stop"}, 'order_type "stop" is not supported: give market or limit'),
        (
            {"rules": {"order_types": ["market"]}},
            "order_type limit is none that this broker takes: its rules say market",
        ),
        ({"tls": {"ca": "ca.pem"}}, "the engine needs the broker's own CA to know it by"),
        ({"tls": {}}, "tls.ca is missing"),
        ({"port": 0}, "port: "),
        ({"host": ...}, "host is missing"),
        ({"hots": "x"}, "hots is no key of a session"),
        ({"session": "OTHER"}, "it calls itself OTHER: name the file OTHER.yaml"),
        ({"version": "FIX.5.0"}, "version: "),
        ({"hours": HOURS | {"start_day": "sunday"}}, "hours: give start_day and end_day for one session a week"),
        ({"hours": HOURS | {"zone": "America/Nowhere"}}, "America/Nowhere is no time zone: give one like"),
        ({"hours": HOURS | {"start": "25:00:00"}}, "hours.start: "),
    ],
)
def test_what_can_not_be_used_is_refused(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(SessionRefused) as refused:
        read(file(tmp_path, **changes))
    assert why in str(refused.value)


def test_all_problems_of_a_file_come_together(tmp_path: Path) -> None:
    with pytest.raises(SessionRefused) as refused:
        read(file(tmp_path, host=..., port=0, version="FIX.5.0"))
    assert len(refused.value.problems) == 3


def test_paths_are_meant_from_the_file(tmp_path: Path) -> None:
    assert read(file(tmp_path)).store == tmp_path / "store"


def test_two_sessions_of_one_venue_are_refused(tmp_path: Path) -> None:
    twin = tmp_path / "TWIN.yaml"
    shutil.copy(file(tmp_path), twin)
    twin.write_text(twin.read_text().replace("session: BROKER", "session: TWIN"))
    with pytest.raises(SessionRefused, match="trade through BROKER already"):
        configured({SESSIONS: str(tmp_path)})


def test_none_are_set_up_where_nobody_says_so(tmp_path: Path) -> None:
    assert configured({}) == {}
    with pytest.raises(SessionRefused, match=r"put NOBODY\.yaml into the folder"):
        named("NOBODY", {})


def test_without_the_engine_the_gateway_says_how_to_install_it(tmp_path: Path) -> None:
    """And everything else works: nothing but the gateway imports it."""
    hidden = "import sys; sys.modules['quickfix'] = None; import runpy; sys.argv[1:] = ['BROKER']; "
    run = [sys.executable, "-c", hidden + "runpy.run_module('venues.fix', run_name='__main__')"]
    file(tmp_path)
    done = subprocess.run(run, capture_output=True, text=True, check=False, env={SESSIONS: str(tmp_path)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "fix: FIX needs QuickFIX, which is an extra of its own: pip install 'rebalancer[fix]'\n"
    kept = [sys.executable, "-c", "import sys; sys.modules['quickfix'] = None; import worker, venues.fix.adapter"]
    subprocess.run(kept, check=True)


def test_only_threaded_classes_of_the_engine_are_used() -> None:
    """The others never connect again after a broker's Logout, and crash when they are stopped."""
    sources = [path.read_text() for path in (Path(__file__).parents[3] / "venues" / "fix").glob("*.py")]
    named_ = [word for text in sources for word in text.replace('"', " ").replace("(", " ").split()
              if word.endswith(("SocketInitiator", "SocketAcceptor"))]  # fmt: skip
    assert len(named_) >= 3
    assert all("Threaded" in word for word in named_)


def test_hours_are_a_day_or_a_week(tmp_path: Path) -> None:
    """The engine is told both days, or none."""
    for days in ({}, {"start_day": "sunday", "end_day": "friday"}):
        found = read(file(tmp_path, hours=HOURS | days))
        assert found.hours is not None
        assert found.hours.of_the_engine == {
            "StartTime": "07:00:00",
            "EndTime": "18:00:00",
            "TimeZone": "America/New_York",
        } | ({"StartDay": "sunday", "EndDay": "friday"} if days else {})
