"""Whether anybody takes up work: what no record tells, and every page has to say."""

from datetime import timedelta
from typing import TYPE_CHECKING

from policy.clock import machine_now

if TYPE_CHECKING:
    from temporalio.client import Client

SILENCE = 75.0  # seconds: an idle worker asks for work every 60
ANSWER = timedelta(seconds=5)


async def polling(client: "Client") -> int:
    """How many workers asked for work lately."""
    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

    from workflows.contract import TASK_QUEUE

    asked = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=TASK_QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    told = await client.workflow_service.describe_task_queue(asked, timeout=ANSWER)
    now = machine_now().timestamp()
    return sum(now - each.last_access_time.ToSeconds() <= SILENCE for each in told.pollers)
