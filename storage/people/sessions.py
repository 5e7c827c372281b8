"""Sessions and API tokens: opaque secrets, kept as hashes. A session ends after 30 minutes idle, and after 12 hours."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from identity import tokens
from identity.person import How, Person
from identity.roles import known
from identity.tokens import AT_MOST, IDLE
from storage.record.audit import Audit
from storage.schema.people import api_tokens, people, sessions

NOTED = timedelta(minutes=1)  # use is noted so often and not more: a page is no write
TOKEN_AT_MOST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in, until when at most, and the session's number for lists."""

    id: int
    person: Person
    opened_at: datetime
    ends_at: datetime
    longest: timedelta = AT_MOST


class Sessions:
    """The sessions and tokens of one transaction. `now` is the caller's clock's."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def open(self, person: Person, now: datetime, address: str | None = None, device: str | None = None) -> str:
        """A new session; its secret is the answer, which is kept nowhere."""
        secret = tokens.fresh("session")
        self.connection.execute(
            insert(sessions).values(
                hash=tokens.hashed(secret),
                subject=person.subject,
                how=person.how,
                opened_at=now,
                used_at=now,
                address=address,
                device=None if device is None else device[:200],
            )
        )
        return secret

    def find(self, secret: str, now: datetime) -> Session | None:
        """The session of a secret, with the roles that the person has now; None where it has ended."""
        row = self.connection.execute(
            select(sessions, people.c.name, people.c.roles)
            .join(people, people.c.subject == sessions.c.subject)
            .where(
                sessions.c.hash == tokens.hashed(secret),
                sessions.c.ended_at.is_(None),
                sessions.c.used_at > now - IDLE,
                sessions.c.opened_at > now - AT_MOST,
                people.c.removed_at.is_(None),
            )
        ).one_or_none()
        if row is None:
            return None
        person = Person(row.subject, row.name, row.how, frozenset(row.roles))
        return Session(row.id, person, row.opened_at, min(row.opened_at + AT_MOST, max(row.used_at, now) + IDLE))

    def use(self, session: Session, now: datetime) -> None:
        """Notes that the session is in use, at most once a minute."""
        self.connection.execute(
            update(sessions).where(sessions.c.id == session.id, sessions.c.used_at < now - NOTED).values(used_at=now)
        )

    def end(self, secret: str) -> bool:
        """Signs out; False where no session of that secret was open."""
        done = self.connection.execute(
            update(sessions)
            .where(sessions.c.hash == tokens.hashed(secret), sessions.c.ended_at.is_(None))
            .values(ended_at=func.now())
        )
        return bool(done.rowcount)

    def bearer(self, secret: str, now: datetime) -> Session | Person | None:
        """Who carries a secret, which is used thereby: a session, or the person of an API token; None for neither."""
        if secret.startswith(tokens.PREFIX["api"]):
            person = self.by_token(secret, now)
            if person is not None:
                self.token_used(secret, now)
            return person
        found = self.find(secret, now)
        if found is not None:
            self.use(found, now)
        return found

    def revoke(self, subject: str, id_: int) -> bool:
        """Ends a session of the person's; False where they have none of that number."""
        done = self.connection.execute(
            update(sessions)
            .where(sessions.c.id == id_, sessions.c.subject == subject, sessions.c.ended_at.is_(None))
            .values(ended_at=func.now())
        )
        if done.rowcount:
            self.audit.record("session revoked", after={"subject": subject, "session": id_})
        return bool(done.rowcount)

    def of(self, subject: str, now: datetime) -> Sequence[Row[Any]]:
        """The person's sessions that are open, newest first, without their hashes."""
        columns = [each for each in sessions.c if each.name != "hash"]
        return self.connection.execute(
            select(*columns)
            .where(
                sessions.c.subject == subject,
                sessions.c.ended_at.is_(None),
                sessions.c.used_at > now - IDLE,
                sessions.c.opened_at > now - AT_MOST,
            )
            .order_by(sessions.c.opened_at.desc())
        ).all()

    # --- tokens of the API

    def make_token(self, owner: Person, label: str, roles: Iterable[str], now: datetime, good_for: timedelta) -> str:
        """A token with a part of its owner's roles; its secret is the answer. Raises ValueError for what they lack.

        It is never an approver's unless it was asked for by that name: `roles` has nothing by default.
        """
        wanted = known(roles)
        beyond = sorted(wanted - owner.roles)
        if not wanted or beyond:
            told = f"{owner.name} has no role {', '.join(beyond)}" if beyond else "a token needs a role"
            raise ValueError(f"{told}: give a part of {', '.join(sorted(owner.roles)) or 'none'}")
        if not timedelta() < good_for <= TOKEN_AT_MOST:
            raise ValueError(f"a token is good for 1 to {TOKEN_AT_MOST.days} days")
        secret = tokens.fresh("api")
        self.connection.execute(
            insert(api_tokens).values(
                hash=tokens.hashed(secret),
                hint=tokens.hint(secret),
                subject=owner.subject,
                label=label,
                roles=sorted(wanted),
                good_until=now + good_for,
            )
        )
        self.audit.record(
            "token made",
            after={"subject": owner.subject, "label": label, "roles": sorted(wanted), "good_until": now + good_for},
        )
        return secret

    def by_token(self, secret: str, now: datetime) -> Person | None:
        """Who a token is of, with what both it and its owner may now; None where it is not good.

        Of who administers people it is no approver's, whatever part of their roles it has.
        """
        row = self.connection.execute(
            select(api_tokens, people.c.name, people.c.roles.label("owners"))
            .join(people, people.c.subject == api_tokens.c.subject)
            .where(
                api_tokens.c.hash == tokens.hashed(secret),
                api_tokens.c.ended_at.is_(None),
                api_tokens.c.good_until > now,
                people.c.removed_at.is_(None),
            )
        ).one_or_none()
        if row is None:
            return None
        how: How = "token"
        given = frozenset(row.roles) & frozenset(row.owners)
        return Person(row.subject, row.name, how, given - {"approver"} if "admin" in row.owners else given)

    def token_used(self, secret: str, now: datetime) -> None:
        """Notes that a token is in use, at most once a minute."""
        used = api_tokens.c.used_at
        self.connection.execute(
            update(api_tokens)
            .where(api_tokens.c.hash == tokens.hashed(secret), used.is_(None) | (used < now - NOTED))
            .values(used_at=now)
        )

    def tokens_of(self, subject: str) -> Sequence[Row[Any]]:
        """The person's tokens that were not ended, without their hashes."""
        columns = [each for each in api_tokens.c if each.name != "hash"]
        return self.connection.execute(
            select(*columns)
            .where(api_tokens.c.subject == subject, api_tokens.c.ended_at.is_(None))
            .order_by(api_tokens.c.id)
        ).all()

    def tokens(self, now: datetime) -> Sequence[Row[Any]]:
        """Everybody's tokens that are good, by whose they are, without their hashes."""
        columns = [each for each in (*api_tokens.c, people.c.name) if each is not api_tokens.c.hash]
        query = select(*columns).join(people, people.c.subject == api_tokens.c.subject)
        good = api_tokens.c.ended_at.is_(None), api_tokens.c.good_until > now, people.c.removed_at.is_(None)
        return self.connection.execute(query.where(*good).order_by(people.c.name, api_tokens.c.id)).all()

    def end_token(self, subject: str, id_: int) -> bool:
        """Ends a token of the person's; False where they have none of that number."""
        done = self.connection.execute(
            update(api_tokens)
            .where(api_tokens.c.id == id_, api_tokens.c.subject == subject, api_tokens.c.ended_at.is_(None))
            .values(ended_at=func.now())
        )
        if done.rowcount:
            self.audit.record("token ended", after={"subject": subject, "token": id_})
        return bool(done.rowcount)
