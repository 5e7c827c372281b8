"""The page of a block over three days is what the command prints."""

from storage.connection import Books
from tests.docs import block_page


def test_the_page_is_what_the_command_prints(books: Books) -> None:
    again = "run .venv/bin/python -m tests.docs.block_page, and read whether the words around it are still true"
    block_page.happened(books)
    page = block_page.printed(books)
    assert block_page.PAGE.lasting(block_page.PAGE.shown()) == block_page.PAGE.lasting(page), again
    assert "104 asked to leave at 550 filled, lacking 34" in page
    assert "the same, to the unit and cent (ALLOC-8)" in page
