"""Where a request stands: what moves it, and what it never comes back from."""

import pytest

from workflows.request_stage import UNDONE, Move, Stage

MOVES: tuple[Move, ...] = ("pause", "resume", "stop")


@pytest.mark.parametrize(
    ("moves", "stands"),
    [
        (["pause"], Stage.PAUSED),
        (["pause", "resume"], Stage.RUNNING),
        (["stop"], Stage.CANCELLING),
        (["pause", "stop"], Stage.HELD),
        (["pause", "stop", "resume"], Stage.CANCELLING),
        (["resume"], Stage.RUNNING),
        (["stop", "stop"], Stage.CANCELLING),
    ],
)
def test_what_moves_a_request(moves: list[Move], stands: Stage) -> None:
    stage = Stage.RUNNING
    for each in moves:
        stage = stage.after(each)
    assert stage is stands


def test_a_cancelled_request_starts_nothing_ever_again() -> None:
    cancelled = {Stage.CANCELLING, Stage.HELD}
    assert {stage.after(move) for stage in cancelled for move in MOVES} == cancelled
    assert {stage.shown for stage in cancelled} == {"CANCELLING"}


@pytest.mark.parametrize(("stage", "move"), [(stage, move) for stage in Stage for move in UNDONE])
def test_what_the_books_refused_is_taken_back(stage: Stage, move: Move) -> None:
    """Also where it was cancelled meanwhile."""
    moved = stage.after(move)
    if moved is not stage:
        assert moved.after(UNDONE[move]) is stage
        assert moved.after("stop").after(UNDONE[move]).paused is stage.paused
