"""Temporal: it keeps what it was told to keep, and serves only here."""

import json
import socket
from pathlib import Path

import pytest

from devstack import temporal
from devstack.errors import StackError
from devstack.ports import LOOPBACK, port_in_use
from devstack.processes import finish
from devstack.temporal import SEARCH_ATTRIBUTES, TemporalServer, binary, clean_env


def custom_attributes(server: TemporalServer) -> dict[str, str]:
    told: dict[str, str] = json.loads(server.operator("search-attribute", "list", "-o", "json"))["customAttributes"]
    return told


def workflow(server: TemporalServer, *arguments: str) -> str:
    return finish("temporal", [str(binary()), "workflow", *arguments, "--address", server.address], env=clean_env())


def test_histories_are_kept_thirty_days_and_through_a_crash(tmp_path: Path) -> None:
    with TemporalServer(tmp_path / "temporal.db") as server:
        namespace = json.loads(server.operator("namespace", "describe", "--namespace", "default", "-o", "json"))
        assert namespace["config"]["workflowExecutionRetentionTtl"] == f"{30 * 24 * 3600}s"
        workflow(server, "start", "--type", "Any", "--task-queue", "none", "--workflow-id", "kept")
        address = server.address
        server.kill()
        server.start()
        assert server.address == address
        assert "kept" in workflow(server, "list")


def test_search_attributes_reach_a_file_that_was_made_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = TemporalServer(tmp_path / "temporal.db")
    with monkeypatch.context() as earlier:
        earlier.setattr(temporal, "SEARCH_ATTRIBUTES", ("AccountId",))
        with server:
            assert "RequestId" not in custom_attributes(server)
    with server:
        found = custom_attributes(server)
    assert {name: found[name] for name in SEARCH_ATTRIBUTES} == dict.fromkeys(
        SEARCH_ATTRIBUTES, "INDEXED_VALUE_TYPE_KEYWORD"
    )


def test_the_ui_is_there_when_asked_for_and_ends_with_the_server() -> None:
    with TemporalServer(ui_port=0, time_skipping=True) as server:
        assert server.ui_url == f"http://{LOOPBACK}:{server.ui_port}"
        assert server.ui_port is not None
        assert port_in_use(server.ui_port)
        assert server.pollers("rebalancer") == set()
    assert not port_in_use(server.ui_port)


def test_another_programs_port_is_never_spoken_to() -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StackError, match=f"Port {port} is used by another program"):
            TemporalServer(port=port).start()


def test_another_clusters_address_and_keys_do_not_leak_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "production.example:7233")
    monkeypatch.setenv("TEMPORAL_API_KEY", "secret")
    with TemporalServer() as server:
        assert "default" in server.operator("namespace", "list")
    assert not any("production" in value or "secret" in value for value in clean_env().values())
