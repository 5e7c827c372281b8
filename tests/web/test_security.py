"""What every answer carries, and what is refused before any page is asked."""

import hashlib
import tomllib

import pytest

from tests.web.conftest import Visitor, form_token
from web.security import HEADERS
from web.settings import STATIC, TEMPLATES, from_environment

INLINE = ("<style", " style=", " onclick=", " onload=", " onchange=", "javascript:", "hx-on", "|safe", "| safe")


def test_every_answer_says_what_a_browser_may_do(visitor: Visitor) -> None:
    client = visitor("ann")
    for path in ("/", "/queue", "/nowhere", "/static/console.css", "/health", "/sign-in"):
        headers = client.get(path).headers
        for name, value in HEADERS.items():
            assert headers[name] == value, path
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    "path", ["/", "/queue", "/nowhere", "/api/v1/status", "/api/v1/nowhere", "/api/docs", "/health"]
)
def test_a_head_is_answered_as_a_get_without_its_body(visitor: Visitor, path: str) -> None:
    client = visitor("ann")
    whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    varies = {"date", "as-of", "etag", "content-length"}
    told = [{key: value for key, value in each.headers.items() if key not in varies} for each in (whole, head)]
    assert told[0] == told[1] and int(head.headers["content-length"]) > 0
    assert client.head("/live").status_code == 405
    assert client.head("/api/v1/events", headers={"accept": "text/event-stream"}).headers["content-type"] == (
        "application/json"
    )


def test_nothing_runs_that_is_written_into_a_page() -> None:
    templates = list(TEMPLATES.glob("*.html"))
    assert len(templates) >= 10
    for each in templates:
        found = [word for word in INLINE if word in each.read_text(encoding="utf-8")]
        assert not found, f"{each.name} has {found}"
        assert "<script>" not in each.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "", "origin": "https://elsewhere.example"}, 403),
        ({"sec-fetch-site": "same-origin", "host": "elsewhere.example"}, 421),
        ({"sec-fetch-site": "same-origin", "content-length": str(10**9)}, 413),
        ({"sec-fetch-site": "same-origin"}, 503),
    ],
)
def test_only_a_page_of_ours_changes_something(visitor: Visitor, headers: dict[str, str], code: int) -> None:
    """The last gets through to what it asks for: Temporal, which does not answer."""
    client = visitor("ann")
    data = {"form": form_token(client)}
    assert client.post("/queue/evaluate", data=data, headers=headers).status_code == code


def test_a_browser_that_says_nothing_of_sites_shows_its_origin(visitor: Visitor) -> None:
    client = visitor("ann")
    data = {"form": form_token(client)}
    del client.headers["sec-fetch-site"]
    for origin, code in (("http://localhost:8234", 503), ("http://localhost:1", 403), ("", 403)):
        assert client.post("/queue/evaluate", data=data, headers={"origin": origin}).status_code == code


def test_the_way_in_leads_nowhere_else(visitor: Visitor) -> None:
    client = visitor("")
    for then in ("https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example"):
        answer = client.post("/sign-in", data={"name": "ann", "then": then})
        assert answer.headers["location"] == "/"


def test_what_others_wrote_is_as_they_published_it() -> None:
    listed = tomllib.loads((STATIC / "vendor" / "vendored.toml").read_text(encoding="utf-8"))["file"]
    there = {each.name for each in (STATIC / "vendor").glob("*.js")}
    assert {each["name"] for each in listed} == there
    for each in listed:
        content = (STATIC / "vendor" / each["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == each["sha256"], each["name"]
        assert each["integrity"].startswith("sha512-")
        assert (STATIC / "vendor" / each["licence_file"]).is_file()


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"REBALANCER_CONSOLE_PORT": "many"}, "is no port"),
        ({"REBALANCER_CONSOLE_ORIGIN": "console.example.com"}, "is no origin"),
        ({"REBALANCER_CONSOLE_ORIGIN": "https://console.example.com/path"}, "is no origin"),
        ({"REBALANCER_IDENTITY": "perhaps"}, "neither asserted nor signed"),
    ],
)
def test_a_setting_that_is_none_is_told_in_a_line(environ: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told) as flaw:
        from_environment(environ)
    assert "\n" not in str(flaw.value)
