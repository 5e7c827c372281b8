"""Roles as the table says, and nobody beyond."""

import pytest

from identity.person import Person, asserted
from identity.roles import ACTS, MAY, ROLES, Act, known, may, refusal, who_may

TABLE: dict[str, str] = {
    "viewer": "read self",
    "operator": "read self submit evaluate pause resume load signal assign switch resolve halt venue cancel",
    "approver": "read self approve cancel",
    "auditor": "read self record prove export",
    "admin": "read self people tokens keys webhooks",
}


def person(*roles: str) -> Person:
    return Person("local:1", "Ann", "password", frozenset(roles))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("act", ACTS)
def test_a_role_may_what_the_table_says(role: str, act: Act) -> None:
    assert may(person(role), act) is (act in TABLE[role].split())


def test_every_act_is_some_roles() -> None:
    assert {act for allowed in MAY.values() for act in allowed} == set(ACTS)
    assert set(TABLE) == set(ROLES)


def test_who_administers_people_does_not_approve() -> None:
    assert not may(person("admin", "approver"), "approve")
    assert refusal(person("admin", "approver"), "approve") == "Ann administers people, and may not approve beside"
    assert may(person("operator", "approver"), "approve")


def test_a_refusal_says_what_is_needed() -> None:
    assert refusal(person("viewer"), "approve") == "Ann has viewer, and to approve needs to be approver"
    assert refusal(person(), "cancel") == "Ann has no role, and to cancel needs to be operator or approver"
    assert refusal(person("approver"), "approve") is None
    assert who_may("cancel") == ("operator", "approver")


def test_an_asserted_name_is_the_same_subject_however_it_is_typed() -> None:
    assert asserted(" Ann ").subject == asserted("ann").subject == "asserted:ann"
    assert asserted("ann").is_asserted and not person("viewer").is_asserted


def test_unknown_roles_are_named() -> None:
    assert known(["approver"]) == {"approver"}
    with pytest.raises(ValueError, match="there is no role boss: one of viewer, operator"):
        known(["approver", "boss"])
