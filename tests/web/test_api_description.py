"""The API against its own description: calls that a generator makes of it, by each role, and with no database.

No answer is a fault, and none is undocumented: status, headers and shape are as the description says.
"""

from collections import Counter
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi import checks as openapi_checks
from sqlalchemy import create_engine

from storage.connection import Books
from tests.web.conftest import BASE, Visitor, sign_in
from web.app import create
from web.console import Console
from web.session import DEMO_PEOPLE

EXAMPLES = 12  # calls of each operation
LEAST = 200  # calls in all

WANTED = (
    schemathesis.checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
)


def called(app: Any, name: str) -> Counter[int]:
    """How often each status was answered to generated calls of one person."""
    client = sign_in(TestClient(app, BASE, raise_server_exceptions=False, follow_redirects=False), name)
    schema = schemathesis.openapi.from_dict(client.get("/api/v1/openapi.json").json())
    found = Counter[int]()
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path != "/events":  # a stream has no end; its page has tests of its own
            _call(operation, client, found)
    return found


def _call(operation: Any, client: TestClient, found: Counter[int]) -> None:
    """So many calls of one operation, each answered as it is described."""

    @settings(
        max_examples=EXAMPLES, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        derandomize=True, database=None,
    )  # fmt: skip
    @given(data=st.data())
    def call(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        sent = case.as_transport_kwargs(base_url=f"{BASE}/api/v1")
        sent["content"] = sent.pop("data", None)
        answer = client.request(**{key: value for key, value in sent.items() if key != "cookies"})
        found[answer.status_code] += 1
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
        case.validate_response(answer, checks=list(WANTED) if answer.status_code != 503 else list(WANTED[1:]))

    call()


@pytest.mark.parametrize("name", [*DEMO_PEOPLE])
def test_no_call_is_a_fault(demo: Books, visitor: Visitor, console: Console, name: str) -> None:
    visitor(name)
    found = called(create(console), name)
    assert sum(found.values()) >= LEAST
    assert found[200] > 0


def test_without_a_database_it_says_so(visitor: Visitor, console: Console) -> None:
    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing", connect_args={"connect_timeout": 1})
    console.books = Books(away)
    found = called(create(console), "dora")
    assert found[503] > LEAST / 2
