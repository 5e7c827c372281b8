"""A person: who signed in, how, and as what. What `acting` and the doors in front of it are handed."""

from dataclasses import dataclass
from typing import Literal

How = Literal["password", "passkey", "oidc", "token", "asserted"]
LOCAL, OIDC, ASSERTED = "local:", "oidc:", "asserted:"

IN_WORDS: dict[How, str] = {
    "password": "by password",
    "passkey": "by passkey",
    "oidc": "by single sign-on",
    "token": "by API token",
    "asserted": "by the name that was typed",
}


@dataclass(frozen=True, slots=True)
class Person:
    """`subject` is stable and never given to another: `local:<id>`, `oidc:<issuer>|<sub>`, or `asserted:<name>`.

    `name` is for people to read. `how` they signed in; `roles` are texts of `identity.roles.ROLES`.
    """

    subject: str
    name: str
    how: How
    roles: frozenset[str] = frozenset()

    @property
    def is_asserted(self) -> bool:
        """True where nothing but a typed name says who it is."""
        return self.how == "asserted"


def asserted(name: str) -> Person:
    """Somebody who typed a name: they may do everything, as before anybody signed in (`identity: asserted`)."""
    return Person(ASSERTED + name.strip().casefold(), name, "asserted", frozenset({"operator", "approver", "auditor"}))


def local_subject(id_: str) -> str:
    """The subject of a local account."""
    return LOCAL + id_


def oidc_subject(issuer: str, sub: str) -> str:
    """The subject of somebody whom a provider vouches for."""
    return f"{OIDC}{issuer}|{sub}"
