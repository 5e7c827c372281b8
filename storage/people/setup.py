"""What a database needs before people sign in: a key that signs, the setting, and somebody who administers.

Asked by whoever owns the tables: migrations of a deployment, and the embedded stack. Safe to repeat.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from storage.people.people import People, UnknownPerson
from storage.people.proof import Identity, Proof

IDENTITY = "REBALANCER_IDENTITY"  # asserted or signed: what a migration sets; unset, it stays as it is
ORIGIN = "REBALANCER_CONSOLE_ORIGIN"
ADMIN = "admin"  # the first person; others are added by them
LINK_GOOD_FOR = timedelta(hours=24)


def wanted(environ: Mapping[str, str]) -> Identity | None:
    """What the environment asks for; None where it leaves it as it is. Raises ValueError."""
    given = environ.get(IDENTITY)
    if not given:
        return None
    if given not in {"asserted", "signed"}:
        raise ValueError(f"{IDENTITY}={given} is neither asserted nor signed")
    return "signed" if given == "signed" else "asserted"


def link_of(secret: str, environ: Mapping[str, str]) -> str:
    """Where a set-up link's secret is used."""
    return f"{(environ.get(ORIGIN) or 'http://localhost:8234').rstrip('/')}/set-up?link={secret}"


class Work(Protocol):
    """What of a transaction it needs."""

    people: People
    proof: Proof


@dataclass(frozen=True, slots=True)
class Ready:
    """`key` is the name of the key that signs. `link` is a secret that sets the first person's password, where they
    have none yet.
    """

    key: str | None
    link: str | None


def prepare(work: Work, identity: Identity, key_file: Path, now: datetime) -> Ready:
    """Sets whether decisions have to be signed, and what that needs. Raises NoKey where a key is no good."""
    from identity import keys

    work.proof.set_identity(identity)
    if identity == "asserted":
        return Ready(None, None)
    if not key_file.exists():
        keys.write(keys.fresh(), key_file)
    key = keys.read(key_file)
    in_force = work.proof.keys()
    if keys.name(key) not in in_force:
        work.proof.rotate(key, "the console's key was set up", now)
    try:
        row = work.people.named(ADMIN)
    except UnknownPerson:
        row = work.people.get(work.people.add(ADMIN, ["admin"]))
    link = work.people.setup_link(row.subject, now + LINK_GOOD_FOR) if row.password_hash is None else None
    return Ready(keys.name(key), link)


def way_back_in(work: Work, why: str, now: datetime) -> str:
    """A secret that sets the first person's password, though there was one: for the owner of the tables, where nobody
    is left who administers. Raises UnknownPerson where people never signed in here.
    """
    return work.people.setup_link(work.people.named(ADMIN).subject, now + LINK_GOOD_FOR, why)
