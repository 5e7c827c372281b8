"""Log lines for machines: one object a line, with the ids of who is worked on."""

import json
import logging

from telemetry.logs import IDS, JsonLines


def line(message: str, **extra: object) -> dict[str, str]:
    record = logging.LogRecord("orders", logging.WARNING, __file__, 1, message, None, None)
    record.__dict__.update(extra)
    text = JsonLines().format(record)
    assert "\n" not in text
    told: dict[str, str] = json.loads(text)
    return told


def test_a_step_names_its_rebalance_and_account() -> None:
    token = IDS.set({"step": "reconcile", "workflow_id": "rebalance/A-1", "account_id": "A-1", "rebalance_id": "R-1"})
    try:
        told = line("two\nlines")
    finally:
        IDS.reset(token)
    assert told["message"] == "two\nlines" and told["time"].endswith("Z")
    assert (told["step"], told["account_id"], told["rebalance_id"]) == ("reconcile", "A-1", "R-1")


def test_a_workflow_names_its_account() -> None:
    assert line("x", temporal_workflow={"workflow_id": "rebalance/A-1"})["account_id"] == "A-1"
    assert "account_id" not in line("x", temporal_workflow={"workflow_id": "rebalance-request/Q-1"})
    assert "workflow_id" not in line("x")
