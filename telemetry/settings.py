"""Where figures are told, and how log lines look, by the environment.

REBALANCER_METRICS=0.0.0.0:9464   our figures there, the Temporal SDK's own on the next port; unset: none are told
OTEL_EXPORTER_OTLP_ENDPOINT=URL   traces there (`telemetry.traces`)
REBALANCER_LOGS=json              a JSON object a line, with the ids of rebalance and account; else text
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from telemetry.logs import JsonLines

METRICS, LOGS, LEVEL = "REBALANCER_METRICS", "REBALANCER_LOGS", "LOG_LEVEL"
TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT"  # OpenTelemetry's own: where traces go
TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def traced(environment: Mapping[str, str]) -> bool:
    """True where traces are sent somewhere; nothing of OpenTelemetry is imported else."""
    return bool(environment.get(TRACES))


class BadSetting(ValueError):
    """A setting of the environment is none."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Host and port of our figures; the SDK's are on the next port."""

    host: str
    port: int

    def runtime(self) -> Runtime:
        """A runtime of the SDK that tells its figures there. Raises BadSetting where that port is taken."""
        address = f"{self.host}:{self.port + 1}"
        prometheus = PrometheusConfig(
            bind_address=address, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
        )
        try:
            return Runtime(telemetry=TelemetryConfig(metrics=prometheus))
        except (RuntimeError, ValueError) as flaw:
            raise BadSetting(f"{METRICS}: the SDK's figures can't be told at {address}: {flaw}") from flaw


def endpoint(environment: Mapping[str, str]) -> Endpoint | None:
    """Where figures are told; None where nowhere. Raises BadSetting."""
    given = environment.get(METRICS)
    if not given:
        return None
    host, _, port = given.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65535:
        raise BadSetting(f"{METRICS}={given} is not HOST:PORT, like 127.0.0.1:9464")
    return Endpoint(host, int(port))


def set_up_logs(environment: Mapping[str, str]) -> None:
    """Log lines to standard error. Raises BadSetting."""
    form = environment.get(LOGS) or "text"
    if form not in {"text", "json"}:
        raise BadSetting(f"{LOGS}={form} is neither text nor json")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=environment.get(LEVEL, "INFO"), handlers=[handler])
