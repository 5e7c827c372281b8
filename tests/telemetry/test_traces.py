"""Traces reach a collector: one from the start of a rebalance over its steps to their statements."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from temporalio.service import RPCError

from devstack.temporal import TemporalServer
from policy.clock import the_clock
from storage.connection import Books
from storage.engine import DATABASE_URL
from tests.workflows.command import Command
from tests.workflows.desk import TestDesk, drifted
from workflows.connection import connect


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Any]]]:
    """Its address, and the spans that it got."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            got.extend(span for each in told.resource_spans for scope in each.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    thread.join()
    server.server_close()


async def test_one_trace_from_the_command_to_the_statement(
    collector: tuple[str, list[Any]], books: Books, tmp_path: Path
) -> None:
    address, spans = collector
    with TemporalServer() as server:
        desk = TestDesk(await connect(server.address), books)
        desk.load(drifted("A-7"))
        command = Command(desk, server)
        command.environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "NO_PROXY": "127.0.0.1"}
        environment = os.environ | command.environment | the_clock().environment | {"REBALANCER_SEAL_ANCHORS": "none"}
        environment[DATABASE_URL] = books.engine.url.render_as_string(hide_password=False)
        worker = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).parents[2] / "worker.py"), env=environment
        )
        try:
            assert (await command("submit", "A-7", "--by", "ann")).code == 0
            for _ in range(300):
                with contextlib.suppress(RPCError):  # until its request has started it
                    await desk.pending(desk.client.get_workflow_handle("rebalance/A-7"))
                    break
                await asyncio.sleep(0.1)
        finally:
            worker.terminate()
            await asyncio.wait_for(worker.wait(), 60)
    started = [each for each in spans if each.name == "StartWorkflow:RebalanceRequest"]
    assert len(started) == 1
    names = {each.name for each in spans if each.trace_id == started[0].trace_id}
    assert {"RunActivity:check_target", "RunActivity:generate_trades", "SELECT"} <= names
    texts = [a.value.string_value for each in spans for a in each.attributes if a.key == "db.query.text"]
    assert texts and not any("A-7" in text for text in texts)
