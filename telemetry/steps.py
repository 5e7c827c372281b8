"""Every step is timed and counted, and its ids stand in the log lines that it writes."""

import time
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Histogram
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from telemetry.logs import IDS, ids

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Steps(Interceptor):
    """Given to the worker: `rebalancer_step_seconds` by step and outcome, `rebalancer_steps_at_work` by step."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            "rebalancer_step_seconds",
            "How long steps took, by what came of them.",
            ("step", "outcome"),
            buckets=SECONDS,
            registry=registry,
        )
        self.at_work = Gauge("rebalancer_steps_at_work", "Steps at work in this worker.", ("step",), registry=registry)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """The part around each step."""
        return _Timed(next, self)


class _Timed(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, steps: Steps) -> None:
        super().__init__(next)
        self.steps = steps

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        rebalance_id = getattr(input.args[0], "rebalance_id", None) if input.args else None
        IDS.set({"step": info.activity_type, **ids(info.workflow_id or "", rebalance_id)})
        begun, outcome = time.perf_counter(), "failed"
        with self.steps.at_work.labels(info.activity_type).track_inprogress():
            try:
                result = await super().execute_activity(input)
                outcome = "done"
            finally:
                self.steps.seconds.labels(info.activity_type, outcome).observe(time.perf_counter() - begun)
        return result
