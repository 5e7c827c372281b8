"""The schedules: the daily evaluation every exchange trading day at 06:00 in New York, the archive's sweep every hour.

The exchange's holidays are put into the schedule as days to leave out, two years ahead; setting the schedule again
(`python -m workflows.schedule`, or starting the stack) moves them on.
"""

import asyncio
import sys
from datetime import date, timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from policy.clock import the_clock
from policy.closures import is_closed
from workflows.archive_histories import ArchiveHistories
from workflows.connection import leave, reached
from workflows.contract import ARCHIVE_ID, EVALUATION_ID, TASK_QUEUE
from workflows.daily_target_evaluation import DailyTargetEvaluation

TIME_ZONE = "America/New_York"
HOUR = 6
YEARS_AHEAD = 2
SWEEP_EVERY = timedelta(hours=1)


def holidays(first: date, last: date) -> list[date]:
    """The weekdays between two days on which the exchange does not trade."""
    import exchange_calendars

    calendar = exchange_calendars.get_calendar("XNYS", start=first.isoformat(), end=last.isoformat())
    sessions = {session.date() for session in calendar.sessions if not is_closed(session.date())}
    days = [first + timedelta(days=at) for at in range((last - first).days + 1)]
    return [day for day in days if day.weekday() < 5 and day not in sessions]


def schedule(today: date) -> Schedule:
    """The schedule as it should stand today."""
    off = holidays(today, date(today.year + YEARS_AHEAD, 12, 31))
    return Schedule(
        action=ScheduleActionStartWorkflow(
            DailyTargetEvaluation.run,
            {},
            id=EVALUATION_ID,
            task_queue=TASK_QUEUE,
            static_summary="daily evaluation of every account with rebalancing on",
        ),
        spec=ScheduleSpec(
            calendars=[
                ScheduleCalendarSpec(
                    hour=[ScheduleRange(HOUR)], day_of_week=[ScheduleRange(1, 5)], comment="weekdays, 06:00 in New York"
                )
            ],
            skip=[
                ScheduleCalendarSpec(
                    year=[ScheduleRange(day.year)],
                    month=[ScheduleRange(day.month)],
                    day_of_month=[ScheduleRange(day.day)],
                    hour=[ScheduleRange(HOUR)],
                )
                for day in off
            ],
            time_zone_name=TIME_ZONE,
        ),
        # One at a time; a stack that was down in the morning still evaluates the day, but not last week's days.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(hours=12)),
    )


def sweep() -> Schedule:
    """The hourly sweep that archives histories, and seals each day's record."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            ArchiveHistories.run,
            {},
            id=ARCHIVE_ID,
            task_queue=TASK_QUEUE,
            static_summary="archives histories of closed workflows; seals the audit record once a day",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=SWEEP_EVERY)]),
        # Whatever was missed, one sweep finds.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=SWEEP_EVERY),
    )


async def ensure_schedule(client: Client) -> None:
    """Creates the schedules, or brings those there up to date; a pause by an operator stays."""
    await _ensure(client, EVALUATION_ID, schedule(the_clock().today()))
    await _ensure(client, ARCHIVE_ID, sweep())


async def _ensure(client: Client, schedule_id: str, wanted: Schedule) -> None:
    try:
        await client.create_schedule(schedule_id, wanted)
    except ScheduleAlreadyRunningError:

        def renewed(given: ScheduleUpdateInput) -> ScheduleUpdate:
            wanted.state = given.description.schedule.state
            return ScheduleUpdate(schedule=wanted)

        await client.get_schedule_handle(schedule_id).update(renewed)


async def main() -> None:
    """Sets the schedules on the Temporal server that the environment names."""
    await ensure_schedule(await reached())
    sys.stdout.write(
        f"schedule {EVALUATION_ID} is set: trading days at {HOUR:02d}:00 {TIME_ZONE}\n"
        f"schedule {ARCHIVE_ID} is set: every hour\n"
    )


if __name__ == "__main__":
    asyncio.run(main())
    leave(0)
