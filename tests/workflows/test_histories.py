"""Stored histories replay on today's code, and today's runs give the commands that the stored ones did."""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.workflows.desk import TestDesk
from tests.workflows.scenarios import HISTORIES, LIVELY, SCENARIOS, fingerprint
from worker import WORKFLOWS
from workflows.inputs import OneInput

HOW_TO_MEND = """
The commands of {name} are not those of its committed fingerprint.

  committed: {committed}
  today:     {today}

Runs that are under way on a server were begun with the committed commands and would fail on today's code. If the
change is meant, deploy it with worker versioning or guard it with workflow.patched(), and record the histories anew:
python -m tests.workflows.scenarios. If it is not meant, the change is a bug.
"""


# Those of today's code, and in folders those of releases before, which may still be under way on a server.
STORED = sorted(set(HISTORIES.rglob("*.json")) - {HISTORIES / "fingerprints.json"})


@pytest.mark.parametrize("stored", STORED, ids=lambda path: str(path.relative_to(HISTORIES)))
async def test_a_stored_history_replays(stored: Path) -> None:
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=pydantic_data_converter,
        interceptors=[OneInput()],
    )
    await replayer.replay_workflow(WorkflowHistory.from_json(stored.stem, stored.read_text()))


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_run_gives_the_committed_commands(desk: TestDesk, name: str) -> None:
    committed = json.loads((HISTORIES / "fingerprints.json").read_text())[name]
    today = fingerprint(await (await SCENARIOS[name](desk)).fetch_history())
    assert today == committed, HOW_TO_MEND.format(name=name, committed=committed, today=today)


def test_every_scenario_has_its_history() -> None:
    stored = {path.stem for path in HISTORIES.glob("*.json")} - {"fingerprints"}
    assert stored == {*SCENARIOS, *LIVELY}


def test_every_workflow_has_a_history() -> None:
    """So that a change of any of them shows before it meets a run that is under way."""
    started = [
        json.loads((HISTORIES / f"{name}.json").read_text())["events"][0]["workflowExecutionStartedEventAttributes"]
        for name in (*SCENARIOS, *LIVELY)
    ]
    assert {each["workflowType"]["name"] for each in started} == {each.__name__ for each in WORKFLOWS}
