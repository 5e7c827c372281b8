"""The steps that send events to webhooks: `send_events` follows the record for a while, `give_up_webhook` ends it.

At least once, and in the order of the record: an event is sent again until its receiver takes it, and none behind it
before. How far a webhook got is kept with it, so that whatever dies here loses nothing.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import httpx
from sqlalchemy import Row
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.context import Desk, actor, step
from activities.webhook_messages import Followed, GaveUp, OfWebhook
from storage.record import following
from storage.record.following import Place
from webhooks import sending, signing
from webhooks.destination import Destinations
from webhooks.sending import NotDelivered

STRETCH = 60.0  # seconds that one step follows; then its workflow has it done again
PAUSE = 1.0  # seconds between two looks where nothing is new
PAGE = 200
GONE, NOT_DELIVERED = "Gone", "NotDelivered"


class WebhookSteps:
    """Sends to where `allowed` lets it."""

    def __init__(self, desk: Desk, allowed: Destinations) -> None:
        self.desk = desk
        self.allowed = allowed

    @step("send_events")
    async def send_events(self, message: OfWebhook) -> Followed:
        """Sends what is recorded, as it is recorded, for a minute.

        Raises where its receiver takes nothing: then Temporal tries again, later each time. What was taken before that
        in the same step is an answer, so that the time for giving up runs from the last event that was taken.
        """
        until, sent = time.monotonic() + STRETCH, 0
        async with sending.client() as by:
            while time.monotonic() < until and not activity.is_worker_shutdown():
                activity.heartbeat(sent)
                hook, page = await asyncio.to_thread(self._look, message.webhook_id)
                if hook is None:
                    return Followed(sent=sent, over=True)
                try:
                    sent += await self._send(by, hook, page, until)
                except _Refused as flaw:
                    sent += flaw.sent
                    if not sent:
                        raise ApplicationError(
                            str(flaw), type=GONE if flaw.gone else NOT_DELIVERED, non_retryable=flaw.gone
                        ) from None
                    break
                if not page:
                    await asyncio.sleep(PAUSE)
        return Followed(sent=sent, over=False)

    @step("give_up_webhook")
    def give_up_webhook(self, message: OfWebhook) -> GaveUp:
        """Disables it, unless its receiver took what was sent last: then whatever was wrong was here."""
        with self.desk.books.transaction(actor()) as books:
            return GaveUp(disabled=books.webhooks.give_up(message.webhook_id, self.desk.now()))

    def _look(self, webhook_id: str) -> tuple[Row[Any] | None, Sequence[Row[Any]]]:
        """A webhook, and what was recorded behind its place."""
        with self.desk.books.reading() as books:
            hook = books.webhooks.to_send(webhook_id)
            if hook is None:
                return None, ()
            place = Place(hook.place_era, hook.place_transaction, hook.place_id)
            return hook, following.events(books.connection, place, PAGE)

    async def _send(self, by: httpx.AsyncClient, hook: Row[Any], page: Sequence[Row[Any]], until: float) -> int:
        """Sends a page, one event behind the other; how many. Raises _Refused at the first that is not taken."""
        sent, passed = 0, None
        for event in page:
            if time.monotonic() > until:
                break
            if hook.actions and event.action not in hook.actions:
                passed = event
                continue
            activity.heartbeat(sent)
            now = self.desk.now()
            body = json.dumps(
                {"type": event.action, "timestamp": event.at.isoformat(), "data": following.as_json(event)}
            ).encode()
            # The record's own hash: the same at every try, and no other event's, not even after a restore.
            named = f"evt_{event.hash.hex()[:32]}"
            secrets = [hook.secret] + ([hook.former_secret] if hook.former_until and hook.former_until > now else [])
            signed = signing.headers(secrets, named, int(now.timestamp()), body)
            try:
                await sending.post(by, self.allowed, hook.url, signed, body)
            except NotDelivered as flaw:
                await asyncio.to_thread(self._failed, hook.id, str(flaw))
                raise _Refused(flaw, sent) from None
            await asyncio.to_thread(self._moved, hook.id, event, True)
            sent, passed = sent + 1, None
        if passed is not None:
            await asyncio.to_thread(self._moved, hook.id, passed, False)
        return sent

    def _moved(self, webhook_id: str, event: Row[Any], delivered: bool) -> None:
        with self.desk.books.transaction() as books:
            at = self.desk.now() if delivered else None
            if not books.webhooks.moved(webhook_id, following.place_of(event), at):
                raise ApplicationError("another step sends for it already, or it was removed", type="Overtaken")

    def _failed(self, webhook_id: str, why: str) -> None:
        with self.desk.books.transaction() as books:
            books.webhooks.failed(webhook_id, why, self.desk.now())


class _Refused(Exception):
    """An event was not taken; `sent` were, before it."""

    def __init__(self, flaw: NotDelivered, sent: int) -> None:
        super().__init__(str(flaw))
        self.gone = flaw.gone
        self.sent = sent
