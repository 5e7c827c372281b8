"""What each role may. Asked by pages, by the API and by the steps that carry out what somebody decided."""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from identity.person import Person

Role = Literal["viewer", "operator", "approver", "auditor", "admin"]
Act = Literal[
    "read",
    "self",
    "submit",
    "evaluate",
    "pause",
    "resume",
    "load",
    "signal",
    "assign",
    "switch",
    "resolve",
    "halt",
    "venue",
    "approve",
    "cancel",
    "record",
    "prove",
    "export",
    "people",
    "tokens",
    "keys",
    "webhooks",
]
ROLES: tuple[Role, ...] = get_args(Role)
ACTS: tuple[Act, ...] = get_args(Act)

# `self` is one's own sessions, passkeys and tokens; `assign` an account's target, `switch` the toggle of its
# rebalancing, `signal` a model's new version, `halt` the kill switch, `venue` how orders are sent, and what is left of
# them recovered. Who administers people never approves: nobody makes the approver that they need.
MAY: Mapping[Role, frozenset[Act]] = {
    "viewer": frozenset({"read", "self"}),
    "operator": frozenset(
        {
            "read",
            "self",
            "submit",
            "evaluate",
            "pause",
            "resume",
            "load",
            "signal",
            "assign",
            "switch",
            "resolve",
            "halt",
            "venue",
            "cancel",
        }
    ),
    "approver": frozenset({"read", "self", "approve", "cancel"}),
    "auditor": frozenset({"read", "self", "record", "prove", "export"}),
    "admin": frozenset({"read", "self", "people", "tokens", "keys", "webhooks"}),
}


def may(person: Person, act: Act) -> bool:
    """True where a role of the person's may do it. Who administers people does not approve."""
    if act == "approve" and "admin" in person.roles:
        return False
    return any(act in allowed for role, allowed in MAY.items() if role in person.roles)


def who_may(act: Act) -> tuple[Role, ...]:
    """The roles that may do it, for the sentence that refuses somebody."""
    return tuple(role for role in ROLES if act in MAY[role])


def refusal(person: Person, act: Act) -> str | None:
    """Why the person may not do it, in one sentence; None where they may."""
    if may(person, act):
        return None
    have = ", ".join(sorted(person.roles)) or "no role"
    if act == "approve" and {"admin", "approver"} <= person.roles:
        return f"{person.name} administers people, and may not approve beside"
    needed = " or ".join(who_may(act))
    return f"{person.name} has {have}, and to {act} needs to be {needed}"


def known(roles: Iterable[str]) -> frozenset[Role]:
    """Roles from texts. Raises ValueError that names what is none."""
    given = set(roles)
    unknown = sorted(given - set(ROLES))
    if unknown:
        raise ValueError(f"there is no role {', '.join(unknown)}: one of {', '.join(ROLES)}")
    return frozenset(role for role in ROLES if role in given)
