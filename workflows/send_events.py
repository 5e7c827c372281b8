"""A webhook's sender: follows the record for one receiver, until that is removed, or takes nothing for days.

It knows neither the address nor the secret: those are the step's to read. How far it got is in the books.
"""

from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.webhook_messages import Followed, GaveUp, OfWebhook
    from workflows.contract import SenderInput, read
    from workflows.options import SEND, UNTIL_TAKEN
    from workflows.steps import step

A_WHILE = timedelta(minutes=1)


@workflow.defn(name="SendEvents", failure_exception_types=[ValidationError])
class SendEvents:
    """Events of one webhook, in their order, each until it is taken."""

    def __init__(self) -> None:
        self.sent = 0

    @workflow.run
    async def run(self, given: Any = None) -> None:
        """Ends where the webhook is removed or disabled. Bad input fails the workflow at once."""
        sender = read(SenderInput, given)
        message = OfWebhook(webhook_id=sender.webhook_id)
        while not workflow.info().is_continue_as_new_suggested():
            try:
                followed: Followed = await workflow.execute_activity(
                    "send_events",
                    message,
                    result_type=Followed,
                    start_to_close_timeout=SEND.once,
                    schedule_to_close_timeout=timedelta(seconds=sender.gives_up_after),
                    heartbeat_timeout=SEND.heartbeat,
                    retry_policy=UNTIL_TAKEN,
                )
            except ActivityError:
                gave_up = await step("give_up_webhook", message, GaveUp, SEND)
                if gave_up.disabled:
                    return
                await workflow.sleep(A_WHILE)  # whatever it was, it was here
                continue
            self.sent += followed.sent
            if followed.over:
                return
        workflow.continue_as_new(sender.model_dump(mode="json"))

    @workflow.query
    def progress(self) -> dict[str, int]:
        """How many events were taken in this run."""
        return {"sent": self.sent}
