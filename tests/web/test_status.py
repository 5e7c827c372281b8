"""Status and diagnosis where Temporal is away: they say so, and what to do."""

from storage.connection import Books
from tests.web.conftest import Visitor


def test_status_says_what_is_away(demo: Books, visitor: Visitor) -> None:
    page = visitor("vic").get("/status")
    assert page.status_code == 200
    assert "does not answer" in page.text
    assert "to act on" in page.text.partition("</title>")[0]
    lines = visitor("vic").get("/status?format=csv").text.splitlines()
    assert lines[0] == "check,ok,found,next_action"
    assert any(line.startswith("temporal,false") for line in lines)


def test_an_account_is_diagnosed(demo: Books, visitor: Visitor) -> None:
    client = visitor("vic")
    page = client.get("/accounts/A-106/diagnosis")
    assert page.status_code == 200
    assert "Is a target assigned?" in page.text
    assert "no target is assigned" in page.text
    assert client.get("/accounts/A-9/diagnosis").status_code == 404
