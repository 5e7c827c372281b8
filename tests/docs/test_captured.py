"""The document that explains a plan shows what the command prints."""

from tests.docs import captured


def test_the_page_is_what_the_command_prints() -> None:
    again = "run .venv/bin/python -m tests.docs.captured, and read whether the words around it are still true"
    assert captured.shown() == captured.captured(), again


def test_a_block_stands_for_every_step() -> None:
    headings = [block.splitlines()[0] for block in captured.shown()[2:]]
    assert [heading.split(" · ")[0] for heading in headings] == [str(at) for at in range(2, len(headings) + 2)]
