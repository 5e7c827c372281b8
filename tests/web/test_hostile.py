"""What somebody tries who means harm: names that are markup, addresses that lead elsewhere, bodies without an end."""

import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from fastapi.routing import APIRoute

from identity import roles
from policy import in_force
from policy.clock import the_clock
from reading.files.book_file import open_book
from storage.actor import Actor
from storage.connection import Books
from storage.intake.loading import load
from tests.cli.rebalanced import REQUEST, pending, requested
from tests.web.conftest import Visitor, form_token
from tests.web.test_api import V1, is_problem, operations
from tests.web.test_routes import OPEN, needed
from web import security
from web.pages import PAGES
from web.pages.sign_in import _inside
from web.session import DEMO_PEOPLE

EVIL = "<img src=x onerror=alert(1)>\"' onmouseover=alert(2) {{7*7}} 50 % off?#&<!--"
EXAMPLE = Path(__file__).parents[2] / "examples" / "demo.yaml"
ELSEWHERE = ("https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "/\n/evil.example",
             "\t//evil.example", "/\r\\evil.example", "/queue\r\nSet-Cookie: a=b", "javascript:alert(1)",
             "")  # fmt: skip


def called(raw: Any, names: dict[str, str]) -> Any:
    """The same book with its ids named otherwise, and markup in the place of every name."""
    if isinstance(raw, dict):
        return {
            key: f"{EVIL} {key}" if key in {"name", "manager"} else called(each, names) for key, each in raw.items()
        }
    if isinstance(raw, list):
        return [called(each, names) for each in raw]
    return names.get(raw, raw) if isinstance(raw, str) else raw


@pytest.fixture
def hostile(books: Books, tmp_path: Path) -> Books:
    """The demo's book, in which a target, a model, a symbol and an account are called what nobody should call them."""
    raw = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    names = {each: f"{each}{EVIL}" for each in ("A-103", "A-106", "BALANCED", "LARGE-GROWTH", "AAPL")}
    file = tmp_path / "book.yaml"
    file.write_text(yaml.safe_dump(called(raw, names)), encoding="utf-8")
    book, today = open_book(file), the_clock().today()
    load(books, book.market, book.accounts, in_force(today), today, Actor(f"ann {EVIL}"))
    return books


class Markup(HTMLParser):
    """What of a page is an element that no page of ours has, or something that runs."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.hostile = list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        runs = [name for name, value in attrs if name.startswith("on") or (value or "").startswith("javascript:")]
        if tag == "img" or runs or (tag == "script" and not dict(attrs).get("src", "")):
            self.hostile.append(self.get_starttag_text() or tag)

    def handle_comment(self, data: str) -> None:
        """A comment."""
        self.hostile.append(data)


def hrefs(page: str) -> set[str]:
    return {html.unescape(each) for each in re.findall(r'(?:href|action)="(/[^"]*)"', page)}


def test_names_that_are_markup_are_shown_and_nothing_else(hostile: Books, visitor: Visitor) -> None:
    """Every page that links lead to from the first on, by who may read most: no link is broken, and nothing runs."""
    client = visitor("dora")
    ahead, seen, with_it = ["/"], set[str](), 0
    while ahead and len(seen) < 150:
        path = ahead.pop()
        if path in seen or path.startswith(("/static", "/sign", "/api", "/live")) or "format=" in path:
            continue
        seen.add(path)
        answer = client.get(path)
        if answer.status_code == 405:
            continue  # where a form leads
        assert answer.status_code in {200, 503}, (answer.status_code, path)  # 503: Temporal, which does not answer
        page = answer.text
        assert Markup(page).hostile == [], path
        with_it += html.escape(EVIL)[:20] in page
        ahead += sorted(hrefs(page) - seen)
    assert with_it >= 10 and len(seen) >= 25, (with_it, len(seen))
    odd = {unquoted for unquoted in seen if "onerror" in unquoted}
    assert {each.split("/")[1] for each in odd} >= {"accounts", "targets", "models"}


def test_a_name_that_a_spreadsheet_would_run_is_quoted(books: Books, visitor: Visitor, tmp_path: Path) -> None:
    raw = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    for each, begins in zip(raw["accounts"], "=+-@", strict=False):
        each["name"] = f"{begins}cmd|' /C calc'!A0"
    file = tmp_path / "book.yaml"
    file.write_text(yaml.safe_dump(raw), encoding="utf-8")
    book, today = open_book(file), the_clock().today()
    load(books, book.market, book.accounts, in_force(today), today, Actor("ann"))
    listed = visitor("ann").get("/accounts?format=csv").text
    assert listed.count("'=cmd") == listed.count("'+cmd") == listed.count("'-cmd") == listed.count("'@cmd") == 1


@pytest.mark.parametrize("then", ELSEWHERE)
def test_nobody_is_led_elsewhere(then: str) -> None:
    assert _inside(then) == "/"


def test_what_changes_something_is_refused_to_every_other_site(visitor: Visitor) -> None:
    """Every page and operation that is no reading, by whom the cookie names, whatever the browser says of the site."""
    client = visitor("dora")
    token, tried = form_token(client), 0
    paths = [(method, path) for method, path, _ in needed()] + [(each[0], V1 + each[1]) for each in operations()]
    for method, path in paths:
        if method in {"GET", "HEAD"}:
            continue
        for headers in (
            {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
            {"sec-fetch-site": "", "origin": "https://evil.example"}, {"sec-fetch-site": "", "origin": "null"},
            {"sec-fetch-site": "cross-site", "authorization": "Basic YTpi"},
        ):  # fmt: skip
            answer = client.request(method, path.replace("{", "").replace("}", ""), data={"form": token},
                                    headers={"idempotency-key": "hostile-1", **headers})  # fmt: skip
            assert answer.status_code == 403 and "another site" in answer.text, (method, path, headers)
            tried += 1
    assert tried >= 5 * 30


def test_a_form_without_its_token_changes_nothing(visitor: Visitor) -> None:
    client, tried = visitor("dora"), 0
    for method, path, act in needed():
        if method == "POST" and path not in OPEN and act not in {"people", "tokens", "keys", "webhooks"}:
            for form in ("", "0" * 64, "λ" * 64):
                answer = client.post(path.replace("{", "").replace("}", ""), data={"form": form})
                assert answer.status_code == 403, path
                tried += 1
    assert tried >= 20


def endless(whole: int) -> Iterator[bytes]:
    for _ in range(whole // 2**20 + 1):
        yield b"x" * 2**20


@pytest.mark.parametrize("path", ["/api/v1/requests", "/api/v1/books?file=book.json", "/loads/check", "/sign-in"])
def test_a_body_whose_length_nobody_said_has_an_end(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """It is sent in pieces, so that no header says how long it is."""
    monkeypatch.setattr(security, "LARGEST", 2 * 2**20)
    headers = {"idempotency-key": "hostile-1", "content-type": "application/x-www-form-urlencoded"}
    answer = visitor("dora").post(path, content=endless(4 * 2**20), headers=headers)
    assert answer.status_code == 413 and "command line" in answer.text
    if path.startswith("/api"):
        is_problem(answer, 413, "guarded")
    assert visitor("dora").post("/queue/evaluate", headers={"content-length": "many"}).status_code == 400


def test_a_key_of_one_plan_is_not_one_of_another(demo: Books, visitor: Visitor) -> None:
    """The same decision under the same key, of another plan: the answer of the first would be a lie."""
    ann = visitor("ann")
    where, key = f"{V1}/accounts/A-103/rebalancing", {"idempotency-key": "hostile-1"}
    done = ann.put(where, json={"rebalancing": False}, headers={**key, "if-match": '"one"'})
    assert done.status_code == 200, done.text
    again = ann.put(where, json={"rebalancing": False}, headers={**key, "if-match": '"one"'})
    assert again.headers["idempotency-replayed"] == "true"
    is_problem(ann.put(where, json={"rebalancing": False}, headers={**key, "if-match": '"two"'}), 422, "key_used")


ODD = (
    "\x00",
    "a\x00b",
    "99999999999999999999999-A",
    "-1",
    "1-\x00",
    "é" * 70,
    "%",
    "_",
    "😀",
    "../../etc/passwd",
)


def asked() -> Iterator[tuple[str, list[str]]]:
    """Every page's path that is read, with the names of what may be asked of it."""
    for router in PAGES:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            if "GET" in (route.methods or ()):
                given = [each.alias for each in (*route.dependant.query_params, *_beneath(route))]
                yield route.path, sorted({*given})


def _beneath(route: APIRoute) -> Iterator[Any]:
    for each in route.dependant.dependencies:
        yield from each.query_params


def test_whatever_is_asked_is_answered_or_refused(demo: Books, visitor: Visitor) -> None:
    """By dora and ada: what no text of a database can hold, what no number can be, what is no path."""
    tried, faults = 0, list[tuple[str, str, str]]()
    for name in ("dora", "ada"):
        client = visitor(name)
        for path, names in asked():
            if path.startswith(("/sign-in/oidc", "/set-up")):
                continue
            for odd in ODD:
                there = re.sub(r"\{[a-z_]+\}", lambda _, odd=odd: quote(odd, safe=""), path)
                for given in names or [""]:
                    answer = client.get(there, params={given: odd} if given else {})
                    if answer.status_code == 500 or "Traceback" in answer.text:
                        faults.append((path, given, odd))
                    tried += 1
    assert not faults
    assert tried >= 500


FIELDS = ("", "λ😀", "٣", "NaN", "9" * 40, "x\x00y", "A" * 5000)
LONG = {"/record/verify", "/record/seal"}  # which take no field


def test_whatever_a_form_says_is_answered_or_refused(demo: Books, visitor: Visitor) -> None:
    """Every form that changes something, one field after the other odd; where it leads is there, and is a page."""
    known = {"account_id": "A-103", "target_id": "BALANCED", "rebalance_id": pending(demo, "A-101"), "number": "1",
             "request_id": REQUEST}  # fmt: skip
    requested(demo, ["A-101"])
    tried, faults = 0, list[tuple[str, str, str, int]]()
    for name in ("dora", "ada"):
        client = visitor(name)
        token = form_token(client, "/me")
        for path, act, fields in forms():
            if act not in roles_of(name) or path in LONG:
                continue
            there = path.format_map(known)
            for field in fields:
                for odd in FIELDS:
                    given = dict.fromkeys(fields, "1") | {field: odd, "form": token}
                    answer = client.post(there, data=given, headers={"referer": "http://localhost:8234/me"})
                    tried += 1
                    if answer.status_code not in {200, 303, 403, 404, 409, 412, 422, 503}:
                        faults.append((path, field, odd[:20], answer.status_code))
                    elif answer.status_code in {403, 404, 409, 412, 422}:
                        assert 'class="card refusal"' in answer.text, (path, field, odd)
    assert not faults
    assert tried >= 250


def forms() -> Iterator[tuple[str, Any, list[str]]]:
    """Every form's path, the act that it takes, and its fields."""
    acts = {path: act for method, path, act in needed() if method == "POST"}
    for router in PAGES:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            if route.path in acts and "POST" in (route.methods or ()) and acts[route.path] is not None:
                yield route.path, acts[route.path], [each.alias for each in route.dependant.body_params]


def roles_of(name: str) -> set[Any]:
    return {act for role in roles.known(DEMO_PEOPLE[name]) for act in roles.MAY[role]}
