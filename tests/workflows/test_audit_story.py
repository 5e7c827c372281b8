"""The story of a rebalance from both records: who asked, what failed and was tried again, who approved, what filled."""

import asyncio
import re
from typing import Any

from sqlalchemy import Engine, text

from markup.report import report
from reading.record.proof import proof_of
from reading.record.story import Story, archived, story_of
from tests.workflows.desk import TestDesk, account

ANN = "<b>ann</b>"


async def told(desk: TestDesk, rebalance_id: str) -> Story:
    """The story, once its workflow's history is archived."""
    for _ in range(300):
        with desk.books.transaction() as books:
            story = story_of(books, rebalance_id)
        if story.histories:
            return story
        await asyncio.sleep(0.1)
    raise AssertionError("never archived")


async def eventful(desk: TestDesk, owner: Engine) -> Any:
    """A rebalance whose first step fails for a while, that its asker tries to approve, and that ben approves."""
    desk.load(account())
    with owner.begin() as connection:
        connection.execute(text("REVOKE INSERT ON rebalances FROM rebalancer_app"))
    handle = await desk.start(requested_by=ANN)
    for _ in range(200):
        pending = (await handle.describe()).raw_description.pending_activities
        if pending and pending[0].attempt > 1:
            break
        await asyncio.sleep(0.05)
    with owner.begin() as connection:
        connection.execute(text("GRANT INSERT ON rebalances TO rebalancer_app"))
    await desk.pending(handle)
    await desk.refused(handle, "approve", {"by": ANN})
    await desk.approve(handle)
    return await handle.result()


def at(story: Story, pattern: str) -> int:
    """Where the story says it."""
    found = [place for place, line in enumerate(story.lines) if re.search(pattern, f"{line.who}: {line.says}")]
    assert found, (pattern, [line.says for line in story.lines])
    return found[0]


async def test_both_records_tell_one_story_in_order(desk: TestDesk, owner: Engine) -> None:
    done = await eventful(desk, owner)
    await desk.rebalance(mode="exact")  # the next one follows at once, and is another story
    story = await told(desk, done["rebalance_id"])
    order = [
        at(story, r'workflow started with \{"account_id": "A-1"'),
        at(
            story,
            r"step check_target failed (once|\d+ times) and was tried again; the last reason: .*denied",
        ),
        at(story, rf"^{re.escape(ANN)}: .* asked for a full rebalance, mode best_fit"),
        at(story, r"Seen as of 2026-11-20: managed value 100,000.00, target GROWTH version 1; in the queue for FIRST"),
        at(story, r"Planned: 0 sells for 0.00, 3 buys for 9\d,\d{3}.00"),
        at(story, r"was refused: approval refused: .* may not approve it too \(four eyes\)"),
        at(story, r'approve accepted with \{"by": "ben", "plan": "[0-9a-f]{64}"\}'),
        at(story, r"^ben: ben approved; 3 orders written down"),
        at(story, r"The venue on \S+, buy 300 X: filled, 300 for 30,000.00"),
        at(story, r"Every order has its last word: 3 FILLED"),
        at(story, r"Ended COMPLETE"),
        at(story, r"temporal: workflow completed"),
    ]
    assert order == sorted(order)
    assert sum("history archived" in line.says for line in story.lines) == 1
    assert not any("mode exact" in line.says for line in story.lines)
    decided = story.lines[at(story, "Round 1 kept, decided by rules")].particulars
    assert any(rule == "DESTINATION-1" and "buy 300 X for 30,000.00" in says for rule, says in decided)
    page = _page(desk, story)
    assert "<b>ann</b>" not in page and "&lt;b&gt;ann&lt;/b&gt;" in page  # what people type is never markup
    assert page.count("<svg") > 6 and 'class="threshold"' in page
    assert not re.search(r"(src|href)=|url\(|@import", page)  # it needs nothing else
    assert story.histories[0][:8] in page
    with desk.books.transaction() as books:
        history = "".join(archived(books, story.row).values())
    assert "permission denied for table rebalances" in history
    assert "INSERT INTO" not in history  # the statement that failed is not in it, and so none of its values
    assert str(desk.books.engine.url.password) not in history


async def test_an_earlier_round_is_in_the_story_and_the_report(desk: TestDesk) -> None:
    desk.load(account())
    handle = await desk.start()
    await desk.pending(handle)
    desk.load(account(cash="90000.00"))
    await desk.approve(handle)
    await desk.pending(handle, round_number=2)
    await desk.approve(handle)
    done = await handle.result()
    story = await told(desk, done["rebalance_id"])
    assert [each.round for each in story.rounds] == [1, 2]
    assert story.rounds[0].plan["managed_value"] == "100000.00"
    assert at(story, "The approval of ben is void: the account changed") < at(story, "Round 2. Seen as of")
    assert "Round 1, replaced because the account changed" in _page(desk, story)


def _page(desk: TestDesk, story: Story) -> str:
    with desk.books.transaction() as books:
        return report(story, proof_of(books, story, "2026-11-25 to 2026-11-25"))
