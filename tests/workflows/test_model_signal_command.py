"""`rebalancer model signal` as a manager's desk gives it: stored, started, followed to its end."""

import asyncio
import json
import os
import sys
from pathlib import Path

from devstack.temporal import TemporalServer
from tests.workflows.desk import TestDesk
from tests.workflows.test_model_signals import held, inside


async def command(url: str, server: TemporalServer, *words: str) -> tuple[int, str, str]:
    environment = os.environ | {
        "REBALANCER_DATABASE_URL": url,
        "TEMPORAL_ADDRESS": server.address,
        "COLUMNS": "160",
    }
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("rebalancer")),
        *words,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 90)
    return process.returncode or 0, out.decode(), err.decode()


async def test_stored_traded_and_shown(
    desk: TestDesk, database_url: str, temporal_server: TemporalServer, tmp_path: Path
) -> None:
    desk.load(inside("A-1"), inside("A-2"))
    table = tmp_path / "m.csv"
    table.write_text("symbol,weight\nX,0.6\nY,0.4\n")
    signal = ("model", "signal", str(table), "--id", "M", "--version", "11", "--by", "ann", "--wait")
    code, out, err = await command(database_url, temporal_server, *signal)
    assert (code, out) == (0, "model-signal/M/11\n"), err
    told = err.splitlines()
    assert told[0] == (
        "version 11 of model M stored (was 1); 2 open sleeves trade to it. See: rebalancer show model-signal/M/11"
    )
    assert told[-1] == "model M, version 11: 2 traded, 0 needed no trade, 0 failed"
    assert held(desk, "A-1") == held(desk, "A-2") == {"X": 360, "Y": 480}
    code, out, _ = await command(database_url, temporal_server, "show", "model-signal/M/11", "--format", "json")
    shown = json.loads(out)
    assert (code, shown["status"]) == (0, "COMPLETE")
    assert [each["account_id"] for each in shown["rebalances"]] == ["A-1", "A-2"]
    code, out, _ = await command(database_url, temporal_server, "show", shown["rebalances"][0]["rebalance_id"])
    assert code == 0
    assert "policy: model signal" in out
    assert "account A-1 · signal" in out
    code, _, err = await command(database_url, temporal_server, *signal)
    assert code == 1
    assert "version: 11 is there already" in err


async def test_what_failed_makes_the_exit_status_one(
    desk: TestDesk, database_url: str, temporal_server: TemporalServer, tmp_path: Path
) -> None:
    desk.load(inside("A-1") | {"status": "frozen"})
    file = tmp_path / "m.json"
    file.write_text('{"id": "M", "version": 12, "holdings": [{"symbol": "Y", "weight": "1"}]}')
    code, out, _ = await command(
        database_url, temporal_server, "model", "signal", str(file), "--wait", "--format", "json"
    )
    assert code == 1
    said = json.loads(out)
    assert said["workflow_id"] == "model-signal/M/12"
    assert said["result"] | {"largest_change": None} == {
        "model_id": "M",
        "version": 12,
        "largest_change": None,
        "traded": 0,
        "skipped": 0,
        "failed": 1,
        "superseded_by": None,
    }
    assert said["result"]["largest_change"] == "0.5"
