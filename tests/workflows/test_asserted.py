"""`identity: asserted`: a day of typed names is told and recorded as it was before there were identities.

`asserted.txt` is what the release before them (commit efbe609) said and recorded of this day, by this file: every line
of the commands, and every record with its contents, but for what is another each time.
"""

import json
import re
from pathlib import Path

from sqlalchemy import text

from devstack.temporal import TemporalServer
from tests.workflows.command import Command
from tests.workflows.desk import TestDesk, account, drifted

KEPT = Path(__file__).with_name("asserted.txt")
MADE_EACH_TIME = (
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"\b[2-9A-Z]{5}-R-", "EPOCH-R-"),
    (r'"epoch": "[2-9A-Z]{5}", "database": "[0-9/]+"', "EPOCH"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)", "MOMENT"),
    (r"\d{4}-\d\d-\d\d", "DAY"),
)
RECORDS = (
    "SELECT who, action, account_id, rebalance_id, rule, before, after FROM audit_records"
    " WHERE action NOT IN ('guard attested', 'history archived') ORDER BY chain, seq"
)


def plain(said: str) -> str:
    """Without what is another each time."""
    for pattern, word in MADE_EACH_TIME:
        said = re.sub(pattern, word, said)
    return said


async def the_day(desk: TestDesk, command: Command) -> str:
    """Typed names ask, approve, cancel, switch, take away, freeze, halt and are refused; then every record."""
    desk.load(drifted("A-1"), drifted("A-2"), account("A-3"))
    told = list[str]()

    async def said(*words: str) -> None:
        done = await command(*words)
        told.append(plain(f"$ {' '.join(words)}\n{done.code}\n{done.out}{done.err}"))

    for number, account_id in (("R-000001", "A-1"), ("R-000002", "A-2")):
        handle = await desk.start(account_id)
        plan = str((await desk.pending(handle))["plan"])
        await said("approve", number, "--by", "ann", "--plan", plan)
        if account_id == "A-1":
            await said("approve", number, "--by", "Ben", "--plan", plan)
        else:
            await said("cancel", number, "--by", "ben", "--why", "the client adds cash")
        await handle.result()
    await said("account", "rebalancing", "A-3", "off", "--by", "cleo")
    await said("account", "rebalancing", "A-3", "on", "--by", "cleo")
    await said("target", "remove", "A-3", "--by", "cleo")
    await said("account", "freeze", "A-3", "--by", "cleo", "--why", "an estate")
    await said("halt", "--by", "ann", "--why", "prices are wrong")
    await said("resume", "--by", "Ann ", "--why", "they are right")
    await said("resume", "--by", "ben", "--why", "they are right")
    with desk.books.engine.connect() as connection:
        told += [plain(json.dumps(list(row), default=str)) for row in connection.execute(text(RECORDS))]
    return "\n".join(told) + "\n"


async def test_a_day_of_typed_names(desk: TestDesk, temporal_server: TemporalServer) -> None:
    kept = KEPT.read_text(encoding="utf-8")
    assert len(kept.splitlines()) > 80
    assert await the_day(desk, Command(desk, temporal_server)) == kept
