"""The `temporal` CLI drives a rebalance from the shell, with good input and bad."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from devstack.temporal import TemporalServer
from tests.workflows.desk import TestDesk, account, drifted

TEMPORAL = str(Path(sys.executable).with_name("temporal"))


async def temporal(server: TemporalServer, *arguments: str) -> tuple[int, str]:
    """Runs the CLI; its exit status and all it says."""
    process = await asyncio.create_subprocess_exec(
        TEMPORAL,
        *arguments,
        "--address",
        server.address,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), timeout=60)
    return process.returncode or 0, said.decode()


def start(account_id: str, *given: str) -> list[str]:
    where = ["--task-queue", "rebalancer", "--type", "RebalanceAccount", "--workflow-id", f"rebalance/{account_id}"]
    return ["workflow", "execute", *where, *given]


async def test_a_whole_rebalance_from_the_shell(desk: TestDesk, temporal_server: TemporalServer) -> None:
    desk.load(drifted("SHELL-7"))
    given = json.dumps({"account_id": "SHELL-7", "requested_by": "ann"})
    running = asyncio.create_task(temporal(temporal_server, *start("SHELL-7", "--input", given)))
    handle = desk.client.get_workflow_handle("rebalance/SHELL-7")
    for _ in range(200):
        try:
            await desk.pending(handle)
            break
        except Exception:
            await asyncio.sleep(0.1)
    update = ["workflow", "update", "execute", "--workflow-id", "rebalance/SHELL-7"]
    code, said = await temporal(temporal_server, *update, "--name", "approve", "--input", '{"by": "ann"}')
    assert code != 0
    assert "four eyes" in said
    code, said = await temporal(
        temporal_server, "workflow", "query", "--workflow-id", "rebalance/SHELL-7", "--type", "progress"
    )
    assert code == 0
    assert "PENDING APPROVAL" in said
    shown = json.dumps({"by": "ben", "plan": (await desk.pending(handle))["plan"]})
    code, said = await temporal(temporal_server, *update, "--name", "approve", "--input", shown)
    assert code == 0, said
    code, said = await running
    assert code == 0, said
    assert '"status":"COMPLETE"' in said.replace(" ", "").replace("\n", "")
    code, said = await temporal(
        temporal_server, "workflow", "list", "--query", "AccountId = 'SHELL-7' AND RebalanceStatus = 'COMPLETE'"
    )
    assert "rebalance/SHELL-7" in said


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ([], "one JSON object"),
        (["--input", "null"], "one JSON object"),
        (["--input", '"A-1"'], "one JSON object"),
        (["--input", "[1, 2]"], "one JSON object"),
        (["--input", "{}"], '"account_id" is missing'),
        (["--input", '{"account_id": "A-1"}'], '"requested_by" is missing'),
        (["--input", '{"account_id": 7, "requested_by": "ann"}'], '"account_id"'),
        (["--input", '{"account_id": "A-1", "requested_by": "ann", "mode": "loose"}'], '"mode"'),
        (["--input", '{"account_id": "A-1", "requested_by": "ann", "mood": "good"}'], '"mood" is not a field'),
        (["--input", '{"account_id": "NOBODY", "requested_by": "ann"}'], "NOBODY"),
        (["--input", "{}", "--input", "{}"], "one JSON object"),
    ],
)
async def test_bad_input_ends_the_workflow_at_once_with_the_reason(
    desk: TestDesk, temporal_server: TemporalServer, given: list[str], names: str
) -> None:
    desk.load(account())
    code, said = await temporal(temporal_server, *start("BAD", *given))
    assert code != 0
    assert names in said.replace('\\"', '"'), said
    assert "Traceback" not in said
