"""A worker process tells its figures; the dashboard and the alerts ask for nothing else."""

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from temporalio.client import Client

from devstack.temporal import TemporalServer
from policy.clock import the_clock
from storage.connection import Books
from storage.engine import DATABASE_URL
from telemetry.settings import LOGS, METRICS, BadSetting, endpoint
from tests.workflows.desk import TestDesk, drifted
from workflows.connection import connect

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "rebalancer.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
NAME = re.compile(r"\b(?:rebalancer|temporal)_[a-z_]+")


@pytest.fixture(scope="module")
def server() -> Iterator[TemporalServer]:
    with TemporalServer() as made:
        yield made


def two_ports() -> int:
    """The first of two that are free."""
    for _ in range(50):
        with socket.create_server(("127.0.0.1", 0)) as first:
            port: int = first.getsockname()[1]
            try:
                with socket.create_server(("127.0.0.1", port + 1)):
                    return port
            except OSError:
                continue
    raise AssertionError("no two ports in a row are free")


class Worked:
    """A worker of its own process, after one rebalance."""

    def __init__(self, ours: str, theirs: str, lines: list[dict[str, Any]], rebalance_id: str) -> None:
        self.ours, self.theirs, self.lines, self.rebalance_id = ours, theirs, lines, rebalance_id

    @property
    def samples(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for text in (self.ours, self.theirs):
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found

    @property
    def names(self) -> set[str]:
        """Those of samples, and of families that have no sample now (a queue that is empty)."""
        return set(self.samples) | set(re.findall(r"^# TYPE (\S+)", self.ours + self.theirs, re.MULTILINE))


@pytest.fixture
async def worked(server: TemporalServer, books: Books, tmp_path: Path) -> AsyncIterator[Worked]:
    port = two_ports()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("TEMPORAL_", "REBALANCER_"))}
    environment |= the_clock().environment | {
        DATABASE_URL: books.engine.url.render_as_string(hide_password=False),
        "TEMPORAL_ADDRESS": server.address,
        METRICS: f"127.0.0.1:{port}",
        LOGS: "json",
        "REBALANCER_SEAL_ANCHORS": "none",
    }
    client: Client = await connect(server.address)
    desk = TestDesk(client, books)
    desk.load(drifted("A-7"))
    log = tmp_path / "log"
    with log.open("wb") as lines:
        worker = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "worker.py"), env=environment, stderr=lines
        )
    try:
        done = await asyncio.wait_for(desk.rebalance("A-7"), 90)
        assert done["status"] == "COMPLETE"
        async with httpx.AsyncClient(trust_env=False) as http:
            ours = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
            theirs = (await http.get(f"http://127.0.0.1:{port + 1}/metrics")).text
    finally:
        worker.terminate()
        assert await asyncio.wait_for(worker.wait(), 60) == 0
    told = [json.loads(line) for line in log.read_text().splitlines()]
    yield Worked(ours, theirs, told, done["rebalance_id"])


async def test_figures_tell_what_was_done_and_the_dashboard_and_alerts_ask_for_what_is_there(worked: Worked) -> None:
    steps = {labels["step"] for labels, n in worked.samples["rebalancer_step_seconds_count"] if n}
    assert {"check_target", "verify_sleeves", "generate_trades", "submit_trades", "reconcile"} <= steps
    ended = worked.samples["rebalancer_rebalances_ended_today"]
    assert ended == [({"status": "COMPLETE"}, 1.0)]
    assert worked.samples["rebalancer_database_up"] == [({}, 1.0)]
    asked = dashboard() | {name for rule in alerts() for name in NAME.findall(rule["expr"])}
    assert len(asked) >= 20
    assert asked <= worked.names, asked - worked.names
    own = {name for name in worked.names if name.startswith("rebalancer_") and not name.endswith("_created")}
    shown = {name for name in asked if name.startswith("rebalancer_")}
    assert {name for name in own if not re.search(r"_(sum|count|bucket|seconds)$", name)} <= shown
    assert worked.lines and all({"time", "level", "logger", "message"} <= line.keys() for line in worked.lines)


def dashboard() -> set[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len(panels) >= 15
    return {name for panel in panels for target in panel["targets"] for name in NAME.findall(target["expr"])}


def alerts() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = [
        rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
    ]
    return rules


def test_every_alert_says_what_to_do() -> None:
    assert len(alerts()) >= 8
    for rule in alerts():
        assert {"summary", "action"} == rule["annotations"].keys() and "severity" in rule["labels"]
        assert len(rule["annotations"]["action"]) > 40


@pytest.mark.parametrize("given", ["9464", "host:", ":9464", "host:port", "host:70000", "host:65535"])
def test_a_wrong_address_is_refused_in_a_line(given: str) -> None:
    with pytest.raises(BadSetting, match="is not HOST:PORT"):
        endpoint({METRICS: given})
