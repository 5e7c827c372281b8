"""What time it is, and which day: the one place that asks (DAY-1).

Worker, commands, schedules and tests read the same clock. Production runs on the machine's; whoever needs another day,
as the tests do, hands one in by the environment, so that every process that is started there lives in the same one.
It runs as the machine's does, a number of seconds ahead of it or behind. Time is kept in UTC; a day is the exchange's.
"""

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

AHEAD = "REBALANCER_CLOCK_AHEAD"
EXCHANGE_ZONE = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that is `ahead` of the machine's; behind it, where that is negative."""

    ahead: timedelta = timedelta()

    @classmethod
    def set_to(cls, moment: datetime) -> "Clock":
        """A clock that shows this moment now, and runs on from there."""
        return cls(moment.astimezone(UTC) - machine_now())

    def now(self) -> datetime:
        """The moment, in UTC."""
        return machine_now() + self.ahead

    def today(self) -> date:
        """The day at the exchange, in whose zone it begins and ends."""
        return exchange_day(self.now())

    @property
    def environment(self) -> dict[str, str]:
        """What hands this clock to a process."""
        return {AHEAD: str(self.ahead.total_seconds())} if self.ahead else {}


def the_clock() -> Clock:
    """The clock that this process was handed: the machine's, where nobody handed in another. Raises ValueError."""
    given = os.environ.get(AHEAD, "").strip() or "0"
    try:
        return Clock(timedelta(seconds=float(given)))
    except (ValueError, OverflowError) as flaw:
        raise ValueError(f"{AHEAD}={given} is no number of seconds: unset it, or give one like -86400") from flaw


def exchange_day(moment: datetime) -> date:
    """The day at the exchange at that moment."""
    return moment.astimezone(EXCHANGE_ZONE).date()


def machine_now() -> datetime:
    """What the machine's own clock shows, in UTC: only for comparing with what another server stamped with its own."""
    return datetime.now(UTC)
