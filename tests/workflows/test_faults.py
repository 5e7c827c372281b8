"""A fault of a step is told to whoever looks at its workflow: one line that Temporal can show."""

import asyncio

from sqlalchemy import Engine, text

from tests.workflows.desk import TestDesk, drifted


async def test_a_fault_of_the_database_shows_its_first_line(desk: TestDesk, owner: Engine) -> None:
    """Neither the statement nor "Failure exceeds size limit". Mended, the step goes on by itself."""
    desk.load(drifted())
    with owner.begin() as connection:
        connection.execute(text("REVOKE SELECT ON prices FROM rebalancer_app"))
    handle = await desk.start()
    said = ""
    for _ in range(200):
        waiting = (await handle.describe()).raw_description.pending_activities
        said = waiting[0].last_failure.message if waiting else ""
        if said:
            break
        await asyncio.sleep(0.1)
    failure = waiting[0].last_failure
    assert waiting[0].activity_type.name == "check_target"
    assert said == "permission denied for table prices"
    assert failure.application_failure_info.type == "ProgrammingError"
    assert not failure.HasField("cause")
    with owner.begin() as connection:
        connection.execute(text("GRANT SELECT ON prices TO rebalancer_app"))
    assert (await desk.pending(handle))["pending"]
