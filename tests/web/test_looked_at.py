"""What is decided is what was looked at: plans, targets, breaks; and a page never says what is not so."""

import csv
import html
import io
import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from domain.executing.reconciliation import Break
from domain.requests import OUTCOMES
from reading.work import listings
from storage.actor import Actor
from storage.connection import Books
from tests.cli.rebalanced import REQUEST, pending, requested
from tests.web.conftest import Visitor, form_token
from tests.web.test_api import V1, is_problem
from web.console import Console

WHOLE_LOT = ("A-101", "A-102", "A-106")  # of which A-106 has no target: everything is sold
REVIEW = f"/requests/{REQUEST}/review"


@pytest.fixture
def waiting(demo: Books) -> dict[str, str]:
    """Three plans of one request that wait, by account; one is a liquidation."""
    made = {each: pending(demo, each) for each in WHOLE_LOT}
    requested(demo, WHOLE_LOT)
    return made


def execute(books: Books, statement: str, **values: object) -> None:
    with books.engine.begin() as connection:
        connection.execute(text(statement), values)


def fields(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(shown|seen|by|more)" value="([^"]*)"', page))


def post(client: TestClient, path: str, **given: object) -> tuple[int, str]:
    answer = client.post(path, data={"form": form_token(client, "/me"), **given})
    return answer.status_code, html.unescape(answer.text)


# --- a review


def test_an_unticked_liquidation_is_not_called_over(demo: Books, visitor: Visitor, waiting: dict[str, str]) -> None:
    for account in WHOLE_LOT[:2]:
        execute(demo, "UPDATE rebalances SET stage = 'ENDED', status = 'CANCELED', ended_at = now() WHERE id = :id",
                id=waiting[account])  # fmt: skip
    client = visitor("ben")
    page = client.get(REVIEW).text
    assert fields(page)["shown"] == ""
    assert "Approve what is ticked" in page and "Cancel what is ticked" in page
    for done in ("approve", "cancel"):
        status, told = post(client, f"{REVIEW}/{done}", shown="")
        assert status == 422
        assert "a liquidation is decided about by its own tick" in told


def test_what_was_planned_again_is_neither_approved_nor_cancelled(
    demo: Books, visitor: Visitor, waiting: dict[str, str]
) -> None:
    client = visitor("ben")
    shown = fields(client.get(REVIEW).text)
    execute(demo, "UPDATE rebalances SET round = 2 WHERE id = ANY(:ids)", ids=[waiting[each] for each in WHOLE_LOT[:2]])
    for done in ("approve", "cancel"):
        status, told = post(client, f"{REVIEW}/{done}", shown=shown["shown"])
        assert status == 412
        assert "2 were planned again since you looked (A-101, A-102)" in told
    status, told = post(client, f"{REVIEW}/since", **shown)
    assert status == 200
    assert "2 plans were made again, and would be left out" in " ".join(told.split())
    assert f"/rebalances/{waiting['A-101']}" in told


def test_a_review_says_what_went_and_what_came(demo: Books, visitor: Visitor, waiting: dict[str, str]) -> None:
    client = visitor("ben")
    shown = fields(client.get(REVIEW).text)
    assert not post(client, f"{REVIEW}/since", **shown)[1].strip()
    execute(demo, "UPDATE rebalances SET stage = 'ENDED', status = 'EXPIRED', ended_at = now() WHERE id = :id",
            id=waiting["A-101"])  # fmt: skip
    assert "1 plan of these waits no more" in post(client, f"{REVIEW}/since", **shown)[1]
    without = {**shown, "seen": shown["seen"].partition(" ")[2]}
    execute(demo, "UPDATE rebalances SET stage = 'PENDING_APPROVAL', status = NULL, ended_at = NULL WHERE id = :id",
            id=waiting["A-101"])  # fmt: skip
    assert "1 plan came, and is not shown here" in post(client, f"{REVIEW}/since", **without)[1]


def test_four_eyes_are_those_of_the_plan(demo: Books, visitor: Visitor, waiting: dict[str, str]) -> None:
    """An account's own numbers may do without four eyes: then its page, its review and the lists say so too."""
    execute(demo, "UPDATE rebalances SET requested_by = 'Dora '")
    client = visitor("dora")
    assert "Four eyes" in client.get(REVIEW).text
    assert "Nothing waits for you; 3 plans wait for somebody else" in client.get("/approvals").text
    assert "Four eyes" in client.get(f"/rebalances/{waiting['A-101']}").text
    assert post(client, f"{REVIEW}/approve", shown=fields(client.get(REVIEW).text)["shown"])[0] == 409
    with demo.reading() as work:
        snapshot = work.rebalances.get(waiting["A-101"]).snapshot
        snapshot["account"]["policy"] = {"four_eyes": False}
    lenient = "UPDATE rebalances SET snapshot_digest = (keep_document(:text)).digest WHERE id = :id"
    execute(demo, lenient, text=json.dumps(snapshot), id=waiting["A-101"])
    assert "Four eyes" not in client.get(f"/rebalances/{waiting['A-101']}").text
    page = client.get(REVIEW).text
    assert "2 plans that you asked for are left to somebody else (four eyes)" in page
    assert "2 plans beside them wait for somebody else" in client.get("/approvals").text
    listed = list(csv.DictReader(io.StringIO(client.get("/approvals?format=csv").text)))
    assert [each["account_id"] for each in listed] == ["A-101"]


def test_the_same_subject_is_the_same_person_whatever_they_are_called(
    demo: Books, visitor: Visitor, waiting: dict[str, str]
) -> None:
    execute(demo, "UPDATE rebalances SET requested_subject = 'asserted:ben' WHERE id = :id", id=waiting["A-101"])
    assert "Four eyes" in visitor("ben").get(f"/rebalances/{waiting['A-101']}").text
    assert "Four eyes" not in visitor("ben").get(f"/rebalances/{waiting['A-102']}").text


def test_what_was_decided_waits_for_nobody(demo: Books, visitor: Visitor, waiting: dict[str, str]) -> None:
    with demo.transaction(Actor("ben")) as work:
        work.requests.approve(REQUEST, "ben", False, ["A-101", "A-102"])
    client = visitor("ben")
    page = client.get("/approvals").text
    assert '<td class="r">1</td>' in page
    assert "<b>1</b><span>to approve" in client.get("/").text
    assert client.get(f"{V1}/requests").json()["requests"][0]["pending"] == 1
    assert client.get(f"/requests/{REQUEST}").text.count("Review 1 plan that waits") == 1


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        ("/queue", "workflows?query=WorkflowType"),
        ("/queue?reason=NO_TARGET", "workflows?query=QueueReason"),
        ("/requests", "RebalanceRequest"),
        (f"/requests/{REQUEST}", "workflows/w"),
        (REVIEW, "workflows/w"),
        ("/approvals", "PENDING_APPROVAL"),
        ("/accounts/A-101", "workflows?query=AccountId"),
        ("/targets/BALANCED", "workflows?query=TargetId"),
        ("/models/HEALTH", "ApplyModelSignal"),
        ("/rebalances/R", "workflows/rebalance%2FA-101/run-A-101/history"),
        ("/rebalances/R/story", "workflows/rebalance%2FA-101/run-A-101/history"),
        ("/rebalances/R/explain", "workflows/rebalance%2FA-101/run-A-101/history"),
    ],
)
def test_a_page_leads_to_the_same_in_temporal(
    demo: Books, console: Console, visitor: Visitor, waiting: dict[str, str], path: str, leads: str
) -> None:
    console.settings = replace(console.settings, temporal_ui="https://temporal.example.com", namespace="firm")
    page = html.unescape(visitor("ann").get(path.replace("/R", f"/{waiting['A-101']}")).text)
    (link,) = re.findall(r'href="([^"]*)">The same in Temporal', page)
    assert link.startswith("https://temporal.example.com/namespaces/firm/workflows")
    assert leads in link


# --- a request's decisions by the API

DECISIONS = f"{V1}/requests/{REQUEST}/decisions"


def decided(client: TestClient, key: str, plans: object, match: str | None, decision: str = "approve") -> Any:
    body = {"decision": decision} | ({} if plans is None else {"plans": plans})
    headers = {"Idempotency-Key": key} | ({} if match is None else {"If-Match": match})
    return client.post(DECISIONS, json=body, headers=headers)


def test_a_decision_about_a_request_names_the_list_that_was_shown(
    demo: Books, visitor: Visitor, waiting: dict[str, str]
) -> None:
    """503 is what has passed: nobody answers in Temporal here."""
    client = visitor("ben")
    shown = client.get(f"{V1}/requests/{REQUEST}")
    tag, named = shown.headers["etag"], [{key: each[key] for key in ("rebalance_id", "plan")}
                                         for each in shown.json()["plans"] if not each["liquidation"]]  # fmt: skip
    assert len(named) == 2
    is_problem(decided(client, "list-0001", named, None), 428, "no_if_match")
    assert decided(client, "list-0002", named, "W/nonsense").status_code == 422
    assert decided(client, "list-0003", named, tag).status_code == 503
    # what changed beside what is named is no matter
    execute(demo, "UPDATE rebalances SET round = 2, plan_digest = repeat('0', 64) WHERE id = :id", id=waiting["A-106"])
    assert client.get(f"{V1}/requests/{REQUEST}").headers["etag"] != tag
    assert decided(client, "list-0004", named, tag).status_code == 503
    # to cancel all of it is of the whole list
    told = is_problem(decided(client, "list-0005", None, tag, "cancel"), 412, "changed")
    assert "Nothing was cancelled" in told["detail"] and told["evidence"] == {"waiting": 3}
    assert decided(client, "list-0006", None, "*", "cancel").status_code == 503
    # what is named was planned again, or decided about
    execute(demo, "UPDATE rebalances SET round = 2, plan_digest = repeat('1', 64) WHERE id = :id", id=waiting["A-101"])
    told = is_problem(decided(client, "list-0007", named, tag), 412, "changed")
    assert told["evidence"] == {"planned_again": [waiting["A-101"]], "waits_no_more": []}
    assert f"{waiting['A-101']} was planned again since you looked. Nothing was decided" in told["detail"]
    assert decided(client, "list-0008", named, "*").status_code == 503, "it is left out, and the other is decided about"
    execute(demo, "UPDATE rebalances SET stage = 'ENDED', status = 'EXPIRED', ended_at = now() WHERE id = :id",
            id=waiting["A-102"])  # fmt: skip
    told = is_problem(decided(client, "list-0009", named, "*"), 412, "changed")
    assert told["evidence"] == {"planned_again": [waiting["A-101"]], "waits_no_more": [waiting["A-102"]]}
    only = [each for each in named if each["rebalance_id"] == waiting["A-102"]]
    is_problem(decided(client, "list-0010", only, "*"), 409, "conflict")


# --- listings


def test_every_outcome_has_its_place_among_accounts_of_a_request() -> None:
    assert set(listings.FIRST) == set(OUTCOMES)


def test_accounts_of_a_request_go_page_by_page(
    demo: Books, visitor: Visitor, waiting: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.pages.requests.SHOWN", 2)
    execute(demo, "UPDATE rebalances SET stage = 'ENDED', status = 'FAILED', ended_at = now() WHERE id = :id",
            id=waiting["A-102"])  # fmt: skip
    client, path, seen = visitor("ann"), f"/requests/{REQUEST}", []
    while path:
        page = client.get(path).text
        seen += re.findall(r'<th scope="row"><span class="id"><a href="/accounts/([^"]+)"', page)
        path = html.unescape("".join(re.findall(r'rel="next" href="([^"]+)"', page)))
    assert seen == ["A-102", "A-101", "A-106"]  # who needs somebody first
    assert client.get(f"/requests/{REQUEST}?status=GARBAGE").status_code == 404
    assert client.get(f"/requests/{REQUEST}?after=zz").status_code == 422
    assert client.get("/requests?status=garbage").status_code == 404
    rows = client.get(f"/requests/{REQUEST}?format=csv").text.splitlines()
    assert [each.split(",")[1] for each in rows[1:]] == ["A-102", "A-101", "A-106"]


def test_an_accounts_past_goes_on_behind_the_newest(
    demo: Books, visitor: Visitor, waiting: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(demo, "UPDATE rebalances SET stage = 'ENDED', status = 'FAILED', ended_at = now()")
    execute(demo, "UPDATE rebalances SET account_id = 'A-101' WHERE account_id = 'A-102'")
    monkeypatch.setattr("web.pages.accounts.PAST", 1)
    client, path, seen = visitor("vic"), "/accounts/A-101", []
    while path:
        page = client.get(path).text
        seen += re.findall(r'<a href="/rebalances/(R-[0-9]+)">', page)
        path = html.unescape("".join(re.findall(r'rel="next" href="([^"#]+)', page)))
    assert sorted(seen) == sorted([waiting["A-101"], waiting["A-102"]])
    assert len(client.get("/accounts/A-101?format=csv&of=rebalances").text.splitlines()) == 3


def test_the_apis_documentation_knows_who_reads_it(demo: Books, visitor: Visitor) -> None:
    assert '<a href="/me">ann</a>' in visitor("ann").get("/api/docs").text
    assert "/me" not in visitor("").get("/api/docs").text.partition("<main")[0]


@pytest.mark.parametrize("path", ["/accounts", "/queue", "/targets", "/models", "/record"])
def test_a_file_has_all_of_it(demo: Books, visitor: Visitor, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pages it takes, and of the same types whatever is in it."""
    from pyarrow import parquet

    client = visitor("dora")
    whole = client.get(f"{path}?format=csv").text
    monkeypatch.setattr("web.tables.PAGE", 2)
    monkeypatch.setattr("web.tables.AT_ONCE", 3)
    assert client.get(f"{path}?format=csv").text == whole
    read = parquet.read_table(io.BytesIO(client.get(f"{path}?format=parquet").content))
    assert read.num_rows == len(list(csv.reader(io.StringIO(whole)))) - 1 >= 5
    assert not [each for each in read.schema if str(each.type) == "null"]


def test_the_calendar_ends(demo: Books, visitor: Visitor) -> None:
    client = visitor("cleo")
    assert client.get("/exports?until=9999-12-31&format=csv").status_code == 422
    is_problem(client.get(f"{V1}/exports?since=9999-12-31&until=9999-12-31"), 422, "unreadable")
    whole = client.get("/exports?format=zip")
    assert whole.status_code == 200 and whole.content[:2] == b"PK"


# --- targets, toggles and breaks


def test_a_target_is_not_stored_over_what_somebody_else_stored(demo: Books, visitor: Visitor) -> None:
    at = "/targets/BALANCED"

    def checked(name: str, change: str) -> tuple[TestClient, dict[str, str], tuple[int, str]]:
        client = visitor(name)
        page = html.unescape(client.get(f"{at}/edit").text)
        written = re.search(r'class="code">(.*?)</textarea>', page, re.DOTALL)
        version = re.search(r'name="version" value="([0-9]+)"', page)
        assert written and version
        edited = json.loads(written.group(1))
        edited["components"][0]["threshold"] = {"relative": change}
        given = {"text": json.dumps(edited), "version": version.group(1)}
        return client, given, post(client, f"{at}/check", **given)

    def digest(page: str) -> str:
        found = re.search(r'name="digest" value="([0-9a-f]{64})"', page)
        assert found, page
        return found.group(1)

    ann, hers, (status, page) = checked("ann", "0.11")
    dora, his, (also, theirs) = checked("dora", "0.12")
    assert status == also == 200
    assert post(ann, f"{at}/edit", digest=digest(page), version=hers["version"])[0] == 303
    for path, given in ((f"{at}/edit", {"digest": digest(theirs)}), (f"{at}/check", his)):
        status, told = post(dora, path, **{**given, "version": his["version"]})
        assert status == 412, told
        assert "somebody stored another meanwhile" in told


def test_a_toggle_and_a_target_are_undone_by_a_button(demo: Books, visitor: Visitor) -> None:
    client, at = visitor("ann"), "/accounts/A-103"

    def target() -> object:
        return client.get(f"{V1}/accounts/A-103").json()["target"]

    was = target()
    for path, given in (("target", {"target": "STARTER"}), ("target", {"target": ""})):
        assert post(client, f"{at}/{path}", **given)[0] == 303
        assert target() == (given["target"] or None)
        page = client.get(at).text
        undo = re.search(
            rf'action="({at}/target)"><input[^>]*><input type="hidden" name="target" value="([^"]*)"><button>Undo', page
        )
        assert undo
        assert "Undo" not in client.get(at).text  # said once
        assert post(client, undo.group(1), target=undo.group(2))[0] == 303
        assert target() == was
        client.get(at)
    assert post(client, f"{at}/rebalancing", on="off")[0] == 303
    assert 'name="on" value="on"><button>Undo' in client.get(at).text


def test_an_undo_leads_nowhere_else(demo: Books, visitor: Visitor) -> None:
    client = visitor("ann")
    for to in ("/requests/Q-1/cancel", "//elsewhere/accounts/A/target", "https://elsewhere/accounts/A/target"):
        client.cookies.set("said", "done")
        client.cookies.set("undo", f'["{to}", "target", ""]'.replace('"', "%22").replace(" ", "%20"))
        assert "Undo" not in client.get("/accounts/A-103").text


def test_a_break_is_resolved_as_it_was_shown(demo: Books, visitor: Visitor) -> None:
    with demo.transaction(Actor("rebalancer")) as work:
        (number,) = work.breaks.open("A-103", None, [Break("cash", None, Decimal(1), Decimal(2))])
    client, at = visitor("ann"), f"{V1}/breaks/{number}/resolution"
    tag, note = client.get(at).headers["ETag"], {"note": "booked late"}
    unseen = client.post(at, json=note | {"book_custodian": True}, headers={"Idempotency-Key": "without-it"})
    is_problem(unseen, 428, "no_if_match")
    with demo.transaction(Actor("rebalancer")) as work:
        work.breaks.open("A-103", None, [Break("cash", None, Decimal(1), Decimal(3))])
    stale = client.post(at, json=note, headers={"Idempotency-Key": "as-it-was", "If-Match": tag})
    is_problem(stale, 412, "changed")
    assert "the custodian 3.00" in stale.json()["detail"]
    now = client.get(at).headers["ETag"]
    assert now != tag
    assert client.post(at, json=note, headers={"Idempotency-Key": "as-it-is", "If-Match": now}).status_code == 200
    with demo.transaction(Actor("rebalancer")) as work:
        (other,) = work.breaks.open("A-103", None, [Break("cash", None, Decimal(1), Decimal(4))])
    whatever = client.post(f"{V1}/breaks/{other}/resolution", json=note, headers={"Idempotency-Key": "as-it-stands"})
    assert whatever.status_code == 200


def test_breaks_go_page_by_page(demo: Books, visitor: Visitor) -> None:
    with demo.transaction(Actor("rebalancer")) as work:
        for account in WHOLE_LOT:
            work.breaks.open(account, None, [Break("cash", None, Decimal(1), Decimal(2))])
    client, seen, cursor = visitor("vic"), [], ""
    while True:
        page = client.get(f"{V1}/breaks", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [each["account_id"] for each in page["breaks"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == list(WHOLE_LOT)


# --- the first page


def test_the_first_page_says_what_needs_somebody(demo: Books, visitor: Visitor) -> None:
    page = visitor("vic").get("/").text
    assert "Temporal does not answer" in page
    assert 'href="/status">Status</a>' in page or "Every check is well" not in page
