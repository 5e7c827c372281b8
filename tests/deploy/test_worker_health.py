"""The worker's health check: this container's worker, polling lately."""

import runpy
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.taskqueue.v1 import PollerInfo

problem = runpy.run_path(str(Path(__file__).parents[2] / "deploy" / "worker_health.py"))["problem"]


def poller(identity: str, at: int) -> PollerInfo:
    return PollerInfo(identity=identity, last_access_time=Timestamp(seconds=at))


@pytest.mark.parametrize(
    ("pollers", "expected"),
    [
        ([poller("7@here", 1000)], None),
        ([poller("7@here", 100), poller("7@here", 990)], None),  # restarted: the new one counts
        ([poller("7@here", 800)], "last polled 200 s ago"),
        ([poller("7@there", 1000)], "no worker of here"),  # another container's
        ([poller("7@nowhere", 1000)], "no worker of here"),  # a name that ends alike
        ([], "no worker of here"),
    ],
)
def test_problem(pollers: list[PollerInfo], expected: str | None) -> None:
    found = problem(pollers, "here", now=1000)
    assert found is None if expected is None else expected in found
