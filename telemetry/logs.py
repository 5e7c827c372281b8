"""Log lines as JSON: one object a line, with the ids by which everything else of a rebalance is found."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime

IDS: ContextVar[dict[str, str] | None] = ContextVar("ids of the step at work", default=None)


class JsonLines(logging.Formatter):
    """`time`, `level`, `logger`, `message`; in a step also `step`, `workflow_id`, `rebalance_id`, `account_id`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        told: dict[str, str] = {
            "time": at,
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_of_a_workflow(record),
            **(IDS.get() or {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def _of_a_workflow(record: logging.LogRecord) -> dict[str, str]:
    """What the SDK's own loggers add to a record."""
    for name in ("temporal_workflow", "temporal_activity"):
        given = getattr(record, name, None)
        if isinstance(given, dict) and "workflow_id" in given:
            return ids(str(given["workflow_id"]))
    return {}


def ids(workflow_id: str, rebalance_id: str | None = None) -> dict[str, str]:
    """The ids that stand beside a line. The account is the last word of its rebalance's workflow id."""
    kind, _, rest = workflow_id.partition("/")
    told = {"workflow_id": workflow_id}
    if kind == "rebalance" and rest:
        told["account_id"] = rest
    if rebalance_id:
        told["rebalance_id"] = rebalance_id
    return told
