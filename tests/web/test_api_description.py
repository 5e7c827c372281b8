"""The API against its own description: calls that a generator makes of it, by each role, and with no database.

No answer is a fault, and none is undocumented: status, headers and shape are as the description says.
"""

from collections import Counter
from typing import Any
from unittest import SkipTest

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks as openapi_checks
from sqlalchemy import create_engine

from identity import roles
from storage.connection import Books
from tests.web.conftest import BASE, Visitor, sign_in
from tests.web.test_api import operations
from web.app import create
from web.console import Console
from web.session import DEMO_PEOPLE

EXAMPLES = 8  # calls of each operation by who has roles together
FEW = 3  # by who has a part of them, and of what somebody may not: it is refused whatever is sent
LEAST = 150  # calls in all
TOGETHER = ("dora", "ada")  # everybody else has a part of these people's roles

WANTED = (
    schemathesis.checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
)


def called(app: Any, name: str, examples: int) -> Counter[int]:
    """How often each status was answered to generated calls of one person, well formed and not."""
    client = sign_in(TestClient(app, BASE, raise_server_exceptions=False, follow_redirects=False), name)
    schema = schemathesis.openapi.from_dict(client.get("/api/v1/openapi.json").json())
    found = Counter[int]()
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path != "/events":  # a stream has no end; its page has tests of its own
            _call(operation, client, found, examples if _may(operation, name) else FEW)
    return found


def _may(operation: Any, name: str) -> bool:
    act = {(method, path): act for method, path, act in operations()}[operation.method.upper(), operation.path]
    return act is None or any(act in roles.MAY[role] for role in roles.known(DEMO_PEOPLE[name]))


def _call(operation: Any, client: TestClient, found: Counter[int], examples: int) -> None:
    """So many calls of one operation, each answered as it is described."""

    formed = operation.as_strategy()

    @settings(
        max_examples=examples, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        derandomize=True, database=None,
    )  # fmt: skip
    @given(data=st.data())
    def call(data: st.DataObject) -> None:
        try:
            wrong = examples > FEW and data.draw(st.integers(0, 3)) == 0
            case = data.draw(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE) if wrong else formed)
        except SkipTest:  # nothing that could be said of it is wrong
            case = data.draw(formed)
        sent = case.as_transport_kwargs(base_url=f"{BASE}/api/v1")
        sent["content"] = sent.pop("data", None)
        answer = client.request(**{key: value for key, value in sent.items() if key != "cookies"})
        found[answer.status_code] += 1
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
        case.validate_response(answer, checks=list(WANTED) if answer.status_code != 503 else list(WANTED[1:]))

    call()


@pytest.mark.parametrize(
    "name", [each if each in TOGETHER else pytest.param(each, marks=pytest.mark.trial) for each in DEMO_PEOPLE]
)
def test_no_call_is_a_fault(demo: Books, visitor: Visitor, console: Console, name: str) -> None:
    visitor(name)
    found = called(create(console), name, EXAMPLES if name in TOGETHER else FEW)
    assert sum(found.values()) >= LEAST
    assert found[200] > 0 and found[422] > 0 and found[403] > 0


def test_without_a_database_it_says_so(visitor: Visitor, console: Console) -> None:
    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing", connect_args={"connect_timeout": 1})
    console.books = Books(away)
    found = called(create(console), "dora", FEW)
    assert found[503] > LEAST / 2
