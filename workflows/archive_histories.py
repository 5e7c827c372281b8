"""The sweep: histories of closed workflows that nobody archived yet, the day's seal over the audit record, and the
months of what is kept by the month."""

from datetime import UTC, timedelta
from typing import Any

from pydantic import ValidationError
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages import (
        ArchivePage,
        ArchiveResult,
        DaySealed,
        KeepMonths,
        MonthsKept,
        PageArchived,
        SealDay,
    )
    from workflows.contract import TASK_QUEUE, ArchiveInput, SweepSoFar, read
    from workflows.options import ARCHIVE, BEHIND_PEOPLE, MONTHLY, SEAL, TRANSIENT

PAGES_A_RUN = 200  # far below the server's history limit; then the run continues as new
MONTHS = "keeps months"  # the patch: runs of before it end with the seal
LAG = timedelta(minutes=10)  # how far the server's list may be behind; looked at twice


@workflow.defn(name="ArchiveHistories", failure_exception_types=[ValidationError])
class ArchiveHistories:
    """Archives, page by page, what closed since the last sweep; the first sweep takes all that retention still has."""

    def __init__(self) -> None:
        self.seen = 0
        self.archived = 0

    @workflow.run
    async def run(self, given: Any = None) -> ArchiveResult:
        """Sweeps, seals, then sees to the months. Bad input fails the workflow at once."""
        request = read(ArchiveInput, {} if given is None else given)
        before = request.progress or SweepSoFar(
            since=self._since(request),
            until=(workflow.now() - LAG).astimezone(UTC).isoformat(),
            token=None,
            seen=0,
            archived=0,
        )
        token = before.token
        self.seen, self.archived = before.seen, before.archived
        for _ in range(PAGES_A_RUN):
            page = await self._page(before.since, token, request.page_size)
            self.seen += page.seen
            self.archived += page.archived
            token = page.token
            if token is None:
                return await self._sealed(before.until)
        so_far = before.model_copy(update={"token": token, "seen": self.seen, "archived": self.archived})
        workflow.continue_as_new(request.model_copy(update={"progress": so_far}).model_dump(mode="json"))

    def _since(self, request: ArchiveInput) -> str | None:
        """From when on it looks: as asked, else from where the schedule's last sweep got to, else from the first on."""
        if request.since:
            return f"{request.since}T00:00:00Z"
        last: dict[str, Any] | None = workflow.get_last_completion_result(dict)
        return last["swept_until"] if last else None

    async def _page(self, since: str | None, token: str | None, size: int) -> PageArchived:
        page: PageArchived = await workflow.execute_activity(
            "archive_page",
            ArchivePage(task_queue=TASK_QUEUE, since=since, token=token, size=size),
            result_type=PageArchived,
            start_to_close_timeout=ARCHIVE.once,
            schedule_to_close_timeout=ARCHIVE.in_all,
            heartbeat_timeout=ARCHIVE.heartbeat,
            retry_policy=TRANSIENT,
            priority=BEHIND_PEOPLE,
        )
        return page

    async def _sealed(self, until: str) -> ArchiveResult:
        sealed: DaySealed = await workflow.execute_activity(
            "seal_day",
            SealDay(),
            result_type=DaySealed,
            start_to_close_timeout=SEAL.once,
            schedule_to_close_timeout=SEAL.in_all,
            retry_policy=TRANSIENT,
            priority=BEHIND_PEOPLE,
        )
        if workflow.patched(MONTHS):
            await self._months()
        return ArchiveResult(
            seen=self.seen, archived=self.archived, swept_until=until, seal=sealed.seal, seal_hash=sealed.hash
        )

    async def _months(self) -> None:
        await workflow.execute_activity(
            "keep_months",
            KeepMonths(),
            result_type=MonthsKept,
            start_to_close_timeout=MONTHLY.once,
            schedule_to_close_timeout=MONTHLY.in_all,
            retry_policy=TRANSIENT,
            priority=BEHIND_PEOPLE,
        )
