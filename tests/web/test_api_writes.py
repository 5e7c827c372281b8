"""The API's writes of files and its auditors' reading: checked without writing, loaded whole, refused by place."""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from storage.connection import Books
from tests.web.conftest import Visitor
from tests.web.test_api import V1, is_problem

DEMO = (Path(__file__).parents[2] / "examples" / "demo.yaml").read_bytes()
keys = iter(f"write-{number:04}" for number in range(1000))


def key() -> dict[str, str]:
    return {"Idempotency-Key": next(keys)}


def test_a_book_is_checked_without_writing_and_then_loaded(books: Books, visitor: Visitor) -> None:
    ann, given = visitor("ann"), {"file": "demo.yaml"}
    checked = ann.post(f"{V1}/books", params=given | {"check": True}, content=DEMO, headers=key())
    assert checked.status_code == 200, checked.text
    told = checked.json()
    assert told["checked_only"] is True and told["accounts"]["created"] >= 5 and told["queued"]
    assert ann.get(f"{V1}/accounts").json()["accounts"] == []
    once = key()
    loaded = ann.post(f"{V1}/books", params=given, content=DEMO, headers=once)
    assert loaded.json() == told | {"checked_only": False}
    assert len(ann.get(f"{V1}/accounts").json()["accounts"]) == told["accounts"]["created"]
    replayed = ann.post(f"{V1}/books", params=given, content=DEMO, headers=once)
    assert replayed.headers["idempotency-replayed"] == "true" and replayed.json() == loaded.json()
    again = ann.post(f"{V1}/books", params=given, content=DEMO, headers=key()).json()
    assert again["changed"] is False and again["accounts"]["unchanged"] == told["accounts"]["created"]
    other = is_problem(ann.post(f"{V1}/books", params=given, content=DEMO + b"\n", headers=once), 422, "key_used")
    assert "another call" in other["detail"]


def test_what_is_wrong_with_a_file_is_told_by_its_place(demo: Books, visitor: Visitor) -> None:
    ann = visitor("ann")
    csv = b"symbol,date,close\nVTI,2026-11-20,ten\nVTI,2026-11-20,\n"
    refused = is_problem(ann.post(f"{V1}/prices", content=csv, headers=key()), 422, "unreadable")
    assert {each["pointer"].split("/")[1] for each in refused["errors"]} == {"line"} and len(refused["errors"]) >= 2
    assert "prices.csv refused" in refused["detail"] and tempfile.gettempdir() not in refused["detail"]
    book = is_problem(ann.post(f"{V1}/books", content=b'{"accounts": [{}]}', headers=key()), 422, "unreadable")
    assert book["errors"] and all(each["pointer"].startswith("/") for each in book["errors"])
    is_problem(ann.post(f"{V1}/books", headers=key()), 422, "unreadable")
    is_problem(ann.post(f"{V1}/statements", content=b"a,b\n1,2\n", headers=key()), 422, "unreadable")
    is_problem(ann.post(f"{V1}/prices", params={"file": "../x"}, content=csv, headers=key()), 422, "unreadable")


def test_a_statement_is_compared(demo: Books, visitor: Visitor) -> None:
    ann = visitor("ann")
    csv = b"account_id,symbol,quantity\nA-103,CASH,1.00\n"
    given = {"date": str(demo_day(demo))}
    checked = ann.post(f"{V1}/statements", params=given | {"check": True}, content=csv, headers=key())
    assert checked.status_code == 200, checked.text
    assert checked.json()["accounts"] == 1
    assert ann.get(f"{V1}/breaks").json()["breaks"] == []
    done = ann.post(f"{V1}/statements", params=given, content=csv, headers=key()).json()
    assert done == checked.json() | {"checked_only": False}
    assert len(ann.get(f"{V1}/breaks").json()["breaks"]) == done["breaks"] >= 1


def demo_day(books: Books) -> Any:
    with books.transaction() as work:
        return work.market.book_day().as_of  # type: ignore[union-attr]


def test_a_target_is_edited_after_it_was_checked(demo: Books, visitor: Visitor) -> None:
    ann = visitor("ann")
    name = ann.get(f"{V1}/targets").json()["targets"][0]["target"]
    before = ann.get(f"{V1}/targets/{name}").json()
    assert before["components"] and before["version"] == 1
    new = json.dumps({"id": name, "components": [{"cash": True, "weight": "1"}]}).encode()
    checked = ann.post(f"{V1}/targets", params={"check": True}, content=new, headers=key())
    assert checked.status_code == 200, checked.text
    assert checked.json()["versions"][name] == {"before": 1, "now": 2}
    assert ann.get(f"{V1}/targets/{name}").json() == before
    done = ann.post(f"{V1}/targets", content=new, headers=key())
    assert done.json() == checked.json() | {"checked_only": False}
    shown = ann.get(f"{V1}/targets/{name}")
    assert (shown.json()["version"], shown.headers["ETag"]) == (2, '"v2"')
    new = new.replace(b'"1"', b'"0.9"')
    stale = ann.post(f"{V1}/targets", content=new, headers=key() | {"If-Match": '"v1"'})
    assert is_problem(stale, 412, "changed")["evidence"] == {"version": 2}
    seen = ann.post(f"{V1}/targets", content=new, headers=key() | {"If-Match": '"v2"'})
    assert seen.json()["version"] == 3
    unknown = ann.post(f"{V1}/targets", content=b'{"id": "NOBODY", "components": []}', headers=key())
    assert any(each["pointer"] == "/id" for each in is_problem(unknown, 422, "unreadable")["errors"])
    is_problem(ann.get(f"{V1}/targets/NOBODY"), 404, "unknown")


def test_a_signal_is_stored_only_where_its_trades_can_be_started(demo: Books, visitor: Visitor) -> None:
    """Temporal is away here."""
    ann = visitor("ann")
    name = ann.get(f"{V1}/models").json()["models"][0]["model_id"]
    before = ann.get(f"{V1}/models/{name}").json()
    holdings = [{"symbol": each["symbol"], "weight": each["weight"]} for each in before["holdings"]]
    holdings.append({"cash": True, "weight": before["cash_weight"]})
    new = {"version": before["version"] + 1, "holdings": holdings}
    is_problem(ann.post(f"{V1}/models/{name}/signals", json=new, headers=key()), 503, "unreachable")
    assert ann.get(f"{V1}/models/{name}").json() == before
    assert ann.get(f"{V1}/models/{name}/signals").json()["signals"] == []
    is_problem(ann.post(f"{V1}/models/{name}/signals", json={"version": 1}, headers=key()), 422, "unreadable")
    is_problem(ann.post(f"{V1}/models/NOBODY/signals", json=new, headers=key()), 404, "unknown")


def test_the_record_is_read_proven_sealed_and_taken_away(demo: Books, visitor: Visitor) -> None:
    cleo = visitor("cleo")
    first = cleo.get(f"{V1}/record", params={"limit": 3}).json()
    rest = cleo.get(f"{V1}/record", params={"limit": 1000, "cursor": first["next_cursor"]}).json()["records"]
    ids = [each["id"] for each in first["records"] + rest]
    assert len(ids) >= 5 and ids == sorted(ids, reverse=True) and len(set(ids)) == len(ids)
    one = cleo.get(f"{V1}/record", params={"account_id": "A-103"}).json()["records"]
    assert one and {each["account_id"] for each in one} == {"A-103"}
    sealed = cleo.post(f"{V1}/verification", headers=key())
    assert sealed.status_code == 200, sealed.text
    assert sealed.json()["seal"]["records"] == len(ids)
    proof = cleo.get(f"{V1}/verification").json()
    assert proof["ok"] is True and proof["records"] >= len(ids) and proof["last_seal"]["hash"]
    day = first["records"][0]["at"][:10]
    taken = cleo.get(f"{V1}/exports", params={"since": day, "until": day})
    assert taken.status_code == 200 and taken.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(taken.content)) as made:
        assert {"manifest.json", "records.jsonl", "seals.jsonl", "rebalances.jsonl"} <= set(made.namelist())
        assert len(made.read("records.jsonl").splitlines()) >= len(ids)
    is_problem(cleo.get(f"{V1}/exports", params={"since": day, "until": "2000-01-01"}), 422, "unreadable")
    is_problem(cleo.get(f"{V1}/rebalances/R-000001/story"), 404, "unknown")


@pytest.mark.parametrize("path", ["/books", "/prices", "/statements", "/targets"])
def test_who_may_not_load_writes_nothing(demo: Books, visitor: Visitor, path: str) -> None:
    for name in ("ben", "vic", "cleo", "ada"):
        is_problem(visitor(name).post(V1 + path, content=b"{}", headers=key()), 403, "forbidden")


def test_nobody_signs_in_where_names_are_asserted(visitor: Visitor) -> None:
    given = {"name": "ben", "password": "four words nobody knows"}
    is_problem(visitor("").post(f"{V1}/sessions", json=given), 404, "unknown")
    me = visitor("ben").get(f"{V1}/me").json()
    assert (me["name"], me["how"], me["roles"]) == ("ben", "asserted", ["approver"])
