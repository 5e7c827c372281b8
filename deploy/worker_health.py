"""Is the worker of this container polling? Exit 0 if so, 1 with one line why not.

For the health check of docker-compose.yml, service worker. Why a script: a worker listens on no port, and a
live process proves little; Temporal itself remembers who polled a task queue, and when.
"""

import asyncio
import socket
import sys
import time
from collections.abc import Iterable

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig

TASK_QUEUE = "rebalancer"
SILENCE = 180  # seconds; an idle worker renews its poll every 60


def problem(pollers: Iterable[PollerInfo], host: str, now: float) -> str | None:
    """What is wrong with the worker on `host`, or None. Its identity is `<process>@<host>`, the SDK's default."""
    polled = [p.last_access_time.ToSeconds() for p in pollers if p.identity.endswith(f"@{host}")]
    if not polled:
        return f"no worker of {host} polls the task queue {TASK_QUEUE}"
    silent = now - max(polled)
    return f"the worker of {host} last polled {silent:.0f} s ago" if silent > SILENCE else None


async def pollers() -> Iterable[PollerInfo]:
    """Those of workflow tasks: a worker full of activities stops asking for more of those, rightly."""
    client = await Client.connect(**ClientConfig.load_client_connect_config())
    queue = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=TASK_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    return queue.pollers


def main() -> str | None:
    """The problem, which `sys.exit` prints and turns into exit code 1, or None."""
    try:
        return problem(asyncio.run(pollers()), socket.gethostname(), time.time())
    except Exception as error:  # whatever it is, the worker isn't known to be well, and the health log says why
        return f"Temporal can't be asked: {error}"


if __name__ == "__main__":
    sys.exit(main())
