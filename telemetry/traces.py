"""Traces by OpenTelemetry: from the command over the workflow and its steps to the statement, where an endpoint is set.

OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 turns it on, OTEL_EXPORTER_OTLP_HEADERS and the like are obeyed.
"""

import functools
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from sqlalchemy import Engine, event
from temporalio.contrib.opentelemetry import TracingInterceptor

NAME = "rebalancer"


@functools.cache
def provider() -> TracerProvider:
    """The process's spans, on their way to the endpoint."""
    made = TracerProvider(resource=Resource.create({"service.name": NAME}))
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


def interceptor() -> TracingInterceptor:
    """For a client, and the worker that is made with it: a span for each call, workflow and step."""
    return TracingInterceptor(provider().get_tracer(NAME))


def statements(engine: Engine) -> None:
    """A span for each statement within a step: its text, never its values, which are clients' data."""
    tracer = provider().get_tracer(NAME)

    @event.listens_for(engine, "before_cursor_execute")
    def begin(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if trace.get_current_span().get_span_context().is_valid:
            attributes = {"db.system.name": "postgresql", "db.query.text": statement}
            context.span = tracer.start_span(statement.split(None, 1)[0].upper(), attributes=attributes)

    @event.listens_for(engine, "after_cursor_execute")
    def end(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if (span := getattr(context, "span", None)) is not None:
            span.end()

    @event.listens_for(engine, "handle_error")
    def failed(given: Any) -> None:
        if (span := getattr(given.execution_context, "span", None)) is not None:
            span.set_status(trace.StatusCode.ERROR, type(given.original_exception).__name__)
            span.end()


def flush(seconds: float = 2.0) -> None:
    """Sends what waits; a collector that is away holds nobody up for longer."""
    provider().force_flush(int(seconds * 1000))
