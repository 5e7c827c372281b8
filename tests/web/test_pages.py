"""Every page for every role, empty and full, and where what it is about is not there."""

import io

import pytest
from pyarrow import parquet

from storage.connection import Books
from tests.cli.rebalanced import REQUEST, pending, requested
from tests.web.conftest import Visitor, form_token
from web.session import DEMO_PEOPLE

EMPTY = {
    "/": "Nothing needs you",
    "/queue": "The queue is empty",
    "/queue?reason=HIGH_CASH": "Nothing is queued for HIGH_CASH",
    "/queue?q=Z": "Nothing is queued whose id begins with Z",
    "/requests": "Nobody has asked for a rebalance yet",
    "/requests?status=FAILED": "No request is of that",
    "/approvals": "Nothing waits for you",
    "/accounts": "There are no accounts yet",
    "/accounts?q=Z": "begins with Z",
    "/targets": "There are no targets yet",
    "/breaks": "No break is open",
    "/loads": "no book was ever loaded",
    "/rules": "DECIDE-1",
    "/policy": "four_eyes",
}
AUDITORS = {
    "/record": "Verify all of it",
    "/record?account=Z": "Nothing is recorded of that",
    "/exports": "The whole export",
}
ADMINS = {
    "/people": "Nobody was added yet",
    "/keys": "There is no key yet",
    "/webhooks": "Events are sent nowhere",
}
FULL = {
    "/": "no target",
    "/queue": "no target, and it holds",
    "/queue?reason=no_target": "A-106",
    "/queue?q=a-10": "A-106",
    "/accounts": "A-101",
    "/accounts?q=Halv": "A-103",
    "/accounts/A-103": "Halvorsen family trust",
    "/accounts/A-113": "RRC",
    "/targets": "BALANCED",
    "/targets/BALANCED": "model:LARGE-GROWTH",
    "/models/HEALTH": "its version is the book",
}
ABSENT = {
    "/requests/Q-9": 503,  # whether a workflow has it can't be asked
    "/rebalances/R-000009": 404,
    "/accounts/A-9": 404,
    "/targets/NONE": 404,
    "/models/NONE": 404,
    "/rebalances/R-000009/story": 404,
    "/rebalances/R-000009/explain": 404,
    "/policy?as_of=yesterday": 422,
    "/queue?reason=BOREDOM": 404,
    "/queue?after=nonsense": 422,
    "/nothing": 404,
}


@pytest.mark.parametrize("name", [*DEMO_PEOPLE])
def test_empty(visitor: Visitor, name: str) -> None:
    client = visitor(name)
    for path, told in EMPTY.items():
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert told in answer.text, path


def test_the_record_is_for_auditors(visitor: Visitor) -> None:
    for name in ("cleo", "dora"):
        for path, told in AUDITORS.items():
            assert told in visitor(name).get(path).text, path
    assert visitor("ben").get("/record").status_code == 403


def test_people_keys_and_webhooks_are_for_who_administers(visitor: Visitor) -> None:
    ada = visitor("ada")
    for path, told in ADMINS.items():
        assert told in ada.get(path).text, path
        assert {visitor(name).get(path).status_code for name in DEMO_PEOPLE if name != "ada"} == {403}


def test_the_record_is_verified_and_sealed(demo: Books, visitor: Visitor) -> None:
    client = visitor("cleo")
    token = form_token(client, "/record")
    assert "The record is what was recorded" in client.post("/record/verify", data={"form": token}).text
    client.post("/record/seal", data={"form": token})
    assert "Seal 1: " in client.get("/record").text


@pytest.mark.parametrize("name", [*DEMO_PEOPLE])
def test_full(demo: Books, visitor: Visitor, name: str) -> None:
    client = visitor(name)
    for path, told in FULL.items():
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert told in answer.text, path
        assert "as of" in answer.text
        assert f"{name}</a>" in answer.text


@pytest.mark.parametrize("name", [*DEMO_PEOPLE])
def test_absent(visitor: Visitor, name: str) -> None:
    """A refusal says what, why and where to go."""
    client = visitor(name)
    for path, code in ABSENT.items():
        answer = client.get(path)
        assert answer.status_code == code, path
        assert 'class="card refusal"' in answer.text
        assert "Traceback" not in answer.text


def test_buttons_are_for_who_may(demo: Books, visitor: Visitor) -> None:
    assert "Plan the chosen" in visitor("ann").get("/queue").text
    assert "Plan the chosen" not in visitor("ben").get("/queue").text
    assert "Switch rebalancing off" in visitor("ann").get("/accounts/A-103").text
    assert "Switch rebalancing" not in visitor("cleo").get("/accounts/A-103").text


def test_who_decides_about_an_account_reads_its_name(demo: Books, visitor: Visitor) -> None:
    one, liquidated = pending(demo, "A-103"), pending(demo, "A-106")
    requested(demo, ["A-103", "A-106"])
    client = visitor("ben")
    review = client.get(f"/requests/{REQUEST}/review").text
    assert "Halvorsen family trust" in review
    assert "Estate of Walter Brandt" in review.partition("Liquidations")[2]
    assert "Halvorsen family trust" in client.get(f"/rebalances/{one}").text
    assert "Estate of Walter Brandt" in client.get(f"/rebalances/{liquidated}").text


def test_a_page_that_did_not_change_is_not_sent_again(demo: Books, visitor: Visitor) -> None:
    """Its fragment has a tag, by which it is asked whether it is another now."""
    client = visitor("ann")
    first = client.get("/queue", headers={"hx-request": "true"})
    assert "<html" not in first.text
    again = client.get("/queue", headers={"hx-request": "true", "if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    with demo.transaction() as books:
        books.queue.leave("A-106", "the test says so")
    changed = client.get("/queue", headers={"hx-request": "true", "if-none-match": first.headers["etag"]})
    assert changed.status_code == 200
    assert "A-106" not in changed.text


def test_what_is_shown_comes_as_a_file(demo: Books, visitor: Visitor) -> None:
    client = visitor("cleo")
    for path, count in (("/queue?reason=NO_TARGET", 1), ("/accounts?q=A-10", 9)):
        lines = client.get(path + "&format=csv").text.splitlines()
        assert lines[0].startswith("account_id,name,")
        assert len(lines) == count + 1
        made = parquet.read_table(io.BytesIO(client.get(path + "&format=parquet").content))
        assert made.num_rows == count
        assert made.column_names == lines[0].split(",")
    target = client.get("/targets?format=csv").text.splitlines()[1].partition(",")[0]
    bands = client.get(f"/targets/{target}?format=csv").text.splitlines()
    assert bands[0].startswith("component,weight,lower,upper,")
    assert len(bands) > 2 and bands[-1].startswith("cash,")


def test_the_toggle_is_recorded_under_who_did_it(demo: Books, visitor: Visitor) -> None:
    client = visitor("ann")
    page = client.get("/accounts/A-103").text
    token = page.partition('name="form" value="')[2].partition('"')[0]
    answer = client.post("/accounts/A-103/rebalancing", data={"form": token, "on": "off"})
    assert answer.headers["location"] == "/accounts/A-103"
    shown = client.get("/accounts/A-103").text
    assert 'name="on" value="on"><button>Undo</button>' in shown
    assert "Switch rebalancing on" in shown
    assert "Undo" not in client.get("/accounts/A-103").text
    with demo.reading() as books:
        who = books.connection.exec_driver_sql("SELECT who FROM audit_records ORDER BY id DESC LIMIT 1").scalar()
    assert who == "ann"
