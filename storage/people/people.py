"""People: who they are and what they may. Each change has its audit record; nobody is ever deleted."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from identity import tokens
from identity.person import How, Person, local_subject
from identity.roles import known
from storage.record.audit import Audit
from storage.schema.people import api_tokens, people, sessions, setup_links

HERE = people.c.removed_at.is_(None)


class UnknownPerson(LookupError):
    """Nobody of that name is here."""


class NameTaken(ValueError):
    """Somebody else has that name."""


class People:
    """The people of one transaction."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def add(self, name: str, roles: Iterable[str], password_hash: str | None = None) -> str:
        """A new local account; its subject is the answer. Raises NameTaken, and ValueError for an unknown role."""
        subject = local_subject(secrets.token_hex(8))
        self._insert(subject, name, sorted(known(roles)), password_hash)
        return subject

    def _insert(self, subject: str, name: str, roles: list[str], password_hash: str | None = None) -> None:
        who = self.audit.actor.who
        given = {"subject": subject, "name": name, "roles": roles, "password_hash": password_hash, "added_by": who}
        try:
            with self.connection.begin_nested():
                self.connection.execute(insert(people).values(**given))
        except IntegrityError as flaw:
            raise NameTaken(f"there is a {name} already: give another name") from flaw
        self.audit.record("person added", after={"subject": subject, "name": name, "roles": roles})

    def named(self, name: str) -> Row[Any]:
        """The person of a name, whatever its case. Raises UnknownPerson."""
        found = self.connection.execute(
            select(people).where(func.lower(people.c.name) == func.lower(name.strip()), HERE)
        ).one_or_none()
        if found is None:
            raise UnknownPerson(f"there is nobody called {name}: rebalancer people list")
        return found

    def get(self, subject: str) -> Row[Any]:
        """The person of a subject, also one that was removed. Raises UnknownPerson."""
        found = self.connection.execute(select(people).where(people.c.subject == subject)).one_or_none()
        if found is None:
            raise UnknownPerson(f"there is nobody of subject {subject}")
        return found

    def person(self, subject: str, how: How) -> Person | None:
        """Who it is, with the roles that they have now; None where they were removed, or never were."""
        row = self.connection.execute(select(people).where(people.c.subject == subject, HERE)).one_or_none()
        return None if row is None else Person(row.subject, row.name, how, frozenset(row.roles))

    def listing(self) -> Sequence[Row[Any]]:
        """Everybody who may sign in, by name, without what a password was hashed to."""
        columns = [each for each in people.c if each.name != "password_hash"]
        return self.connection.execute(select(*columns).where(HERE).order_by(func.lower(people.c.name))).all()

    def set_roles(self, subject: str, roles: Iterable[str]) -> None:
        """Gives a person these roles and no others. Raises UnknownPerson, ValueError."""
        row, wanted = self.get(subject), sorted(known(roles))
        if sorted(row.roles) == wanted:
            return
        self._set(subject, roles=wanted)
        self.audit.record(
            "roles changed",
            before={"subject": subject, "name": row.name, "roles": sorted(row.roles)},
            after={"subject": subject, "name": row.name, "roles": wanted},
        )

    def set_password(self, subject: str, password_hash: str) -> None:
        """Gives a local account another password; whoever is signed in under the one before is signed out."""
        row = self.get(subject)
        self._set(subject, password_hash=password_hash)
        self._sign_out(subject)
        self.audit.record("password set", after={"subject": subject, "name": row.name})

    def rehash(self, subject: str, password_hash: str) -> None:
        """Keeps the same password hashed with what is asked for today."""
        self._set(subject, password_hash=password_hash)

    def remove(self, subject: str) -> None:
        """Lets a person sign in no more: their sessions and tokens end now. What they decided stays theirs."""
        row = self.get(subject)
        if row.removed_at is not None:
            return
        self._set(subject, removed_at=func.now())
        self._sign_out(subject)
        self.connection.execute(
            update(api_tokens)
            .where(api_tokens.c.subject == subject, api_tokens.c.ended_at.is_(None))
            .values(ended_at=func.now())
        )
        self.audit.record("person removed", before={"subject": subject, "name": row.name, "roles": sorted(row.roles)})

    def vouched_for(self, subject: str, name: str, roles: Iterable[str], now: datetime) -> Person:
        """Somebody whom an OIDC provider vouches for, with the roles of this sign-in. One who was removed stays so.

        Raises UnknownPerson for them, and ValueError for an unknown role.
        """
        row = self.connection.execute(select(people).where(people.c.subject == subject)).one_or_none()
        if row is None:
            self._insert(subject, self._free(name, subject), sorted(known(roles)))
        elif row.removed_at is not None:
            raise UnknownPerson(f"{row.name} was removed here, and can't sign in")
        else:
            self.set_roles(subject, roles)
        self.signed_in(subject, "oidc", now)
        found = self.person(subject, "oidc")
        assert found is not None
        return found

    def _free(self, name: str, subject: str) -> str:
        """The name, or where somebody has it, with a mark of the subject that tells them apart."""
        try:
            self.named(name)
        except UnknownPerson:
            return name
        return f"{name[:180]} ({tokens.hashed(subject)[:8]})"

    def signed_in(self, subject: str, how: How, now: datetime) -> None:
        """Notes that somebody signed in."""
        self._set(subject, signed_in_at=now)
        self.audit.record("signed in", after={"subject": subject, "name": self.get(subject).name, "how": how})

    def setup_link(self, subject: str, good_until: datetime, why: str | None = None) -> str:
        """A secret that lets its bearer set the person's password, once; `why` it was made, where it has to be said."""
        secret = tokens.fresh("setup")
        self.connection.execute(
            insert(setup_links).values(hash=tokens.hashed(secret), subject=subject, good_until=good_until)
        )
        said = {} if why is None else {"why": why}
        self.audit.record("set-up link made", after={"subject": subject, "good_until": good_until, **said})
        return secret

    def of_link(self, secret: str, now: datetime) -> Person | None:
        """Whose password a set-up link sets; None where it is not good, or was used."""
        found = self.connection.scalar(
            select(setup_links.c.subject).where(
                setup_links.c.hash == tokens.hashed(secret),
                setup_links.c.used_at.is_(None),
                setup_links.c.good_until > now,
            )
        )
        return None if found is None else self.person(found, "password")

    def use_link(self, secret: str, password_hash: str, now: datetime) -> Person | None:
        """Sets a password by a set-up link, which is then used up; None where it was not good."""
        person = self.of_link(secret, now)
        used = self.connection.execute(
            update(setup_links)
            .where(setup_links.c.hash == tokens.hashed(secret), setup_links.c.used_at.is_(None))
            .values(used_at=now)
        )
        if person is None or not used.rowcount:
            return None
        self.set_password(person.subject, password_hash)
        return person

    def _sign_out(self, subject: str) -> None:
        self.connection.execute(
            update(sessions)
            .where(sessions.c.subject == subject, sessions.c.ended_at.is_(None))
            .values(ended_at=func.now())
        )

    def _set(self, subject: str, **values: Any) -> None:
        self.connection.execute(update(people).where(people.c.subject == subject).values(**values))
