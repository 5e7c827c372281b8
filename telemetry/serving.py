"""The endpoint that Prometheus scrapes."""

import contextlib
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, start_http_server
from sqlalchemy import Engine

from telemetry.figures import Installation
from telemetry.settings import METRICS, BadSetting, Endpoint
from telemetry.steps import Steps


@contextlib.contextmanager
def served(engine: Engine, at: Endpoint | None) -> Iterator[list[Steps]]:
    """Tells figures there while the worker works; gives what the worker's steps are to be counted by.

    Raises BadSetting where the port is taken.
    """
    if at is None:
        yield []
        return
    registry = CollectorRegistry()
    Installation(engine, registry)
    try:
        server, thread = start_http_server(at.port, at.host, registry)
    except OSError as flaw:
        raise BadSetting(f"{METRICS}: figures can't be told at {at.host}:{at.port}: {flaw.strerror}") from flaw
    try:
        yield [Steps(registry)]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
