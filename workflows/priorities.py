"""Whose tasks go first where more wait than the workers take: a person's, before a schedule's.

A workflow hands its priority on to its activities and children. What is started without one has the server's middle, 3:
behind a person's request, before a schedule's.
"""

from typing import Literal

from temporalio.common import Priority, SearchAttributeKey, TypedSearchAttributes

from workflows.options import BEHIND_PEOPLE

Who = Literal["person", "schedule"]
BY_NAME: dict[Who, Priority] = {"person": Priority(priority_key=2), "schedule": BEHIND_PEOPLE}
_STARTED_BY_SCHEDULE = SearchAttributeKey.for_keyword("TemporalScheduledById")  # set by the server


def name_of(asked: Who | None, attributes: TypedSearchAttributes) -> Who:
    """What was asked for, else a person's priority unless a schedule started the workflow."""
    if asked is not None:
        return asked
    return "schedule" if by_schedule(attributes) else "person"


def by_schedule(attributes: TypedSearchAttributes) -> bool:
    """True where one of Temporal's schedules started the workflow."""
    return attributes.get(_STARTED_BY_SCHEDULE) is not None


def of_request(asked: Who | None, attributes: TypedSearchAttributes) -> Priority:
    """The priority of a request's accounts."""
    return BY_NAME[name_of(asked, attributes)]
