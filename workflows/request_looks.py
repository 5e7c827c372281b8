"""When the accounts of a request's earlier runs are looked after: nobody tells their request of them any more."""

from dataclasses import dataclass
from datetime import timedelta

# When something was decided, while they work, while they wait.
SOON, OFTEN, SELDOM = timedelta(seconds=2), timedelta(seconds=5), timedelta(seconds=30)


@dataclass(slots=True)
class Looks:
    """`due`: now. `pause`: after how long again; it rises while nothing happens."""

    due: bool = False
    pause: timedelta = SOON

    def soon(self) -> None:
        """Something was said or decided: they move on."""
        self.due, self.pause = True, SOON

    def waited(self) -> None:
        """Nothing happened for a pause."""
        self.due, self.pause = True, min(SELDOM, self.pause * 2)

    def in_a_while(self, at_work: bool) -> timedelta:
        """How long to wait for the next: while some are at work, not for long."""
        return min(self.pause, OFTEN) if at_work else self.pause
