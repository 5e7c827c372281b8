"""Passkeys of people, and the challenges that a browser answers with one, each of them once."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Row, delete, insert, select, update

from storage.record.audit import Audit
from storage.schema.people import challenges, passkeys

if TYPE_CHECKING:
    from identity.passkeys import Passkey

Purpose = Literal["register", "sign-in"]
GOOD_FOR = timedelta(minutes=5)


class Passkeys:
    """The passkeys of one transaction."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def challenge(self, purpose: Purpose, now: datetime, subject: str | None = None) -> bytes:
        """A new challenge, good for five minutes and one answer."""
        self.connection.execute(delete(challenges).where(challenges.c.good_until <= now))
        made = secrets.token_bytes(32)
        self.connection.execute(
            insert(challenges).values(challenge=made, purpose=purpose, subject=subject, good_until=now + GOOD_FOR)
        )
        return made

    def take(self, challenge: bytes, purpose: Purpose, now: datetime, subject: str | None = None) -> bool:
        """True where the challenge was asked for this and not answered yet; it is used up."""
        done = self.connection.execute(
            delete(challenges).where(
                challenges.c.challenge == challenge,
                challenges.c.purpose == purpose,
                challenges.c.subject.is_not_distinct_from(subject),
                challenges.c.good_until > now,
            )
        )
        return bool(done.rowcount)

    def add(self, subject: str, label: str, passkey: "Passkey") -> None:
        """Keeps a passkey that a browser registered."""
        self.connection.execute(
            insert(passkeys).values(
                id=passkey.id,
                subject=subject,
                label=label,
                public_key=passkey.public_key,
                uses=passkey.uses,
                rp_id=passkey.site.rp_id,
                origin=passkey.site.origin,
            )
        )
        self.audit.record("passkey added", after={"subject": subject, "passkey": passkey.id, "label": label})

    def get(self, id_: str, also_removed: bool = False) -> "tuple[str, Passkey] | None":
        """Whose passkey it is, and the passkey; None where there is none, or it was removed."""
        from identity.passkeys import Passkey, Site

        query = select(passkeys).where(passkeys.c.id == id_)
        if not also_removed:
            query = query.where(passkeys.c.removed_at.is_(None))
        row = self.connection.execute(query).one_or_none()
        if row is None:
            return None
        return row.subject, Passkey(row.id, row.public_key, row.uses, Site(row.rp_id, row.origin))

    def of(self, subject: str) -> Sequence[Row[Any]]:
        """The person's passkeys, oldest first."""
        return self.connection.execute(
            select(passkeys)
            .where(passkeys.c.subject == subject, passkeys.c.removed_at.is_(None))
            .order_by(passkeys.c.added_at)
        ).all()

    def used(self, id_: str, uses: int, now: datetime) -> None:
        """Notes how often the device says that it was used: a copy of it would say less."""
        self.connection.execute(update(passkeys).where(passkeys.c.id == id_).values(uses=uses, used_at=now))

    def remove(self, subject: str, id_: str, now: datetime) -> bool:
        """Takes a passkey from a person; False where it is not theirs. It stays, to verify what it vouched for."""
        done = self.connection.execute(
            update(passkeys)
            .where(passkeys.c.id == id_, passkeys.c.subject == subject, passkeys.c.removed_at.is_(None))
            .values(removed_at=now)
        )
        if done.rowcount:
            self.audit.record("passkey removed", after={"subject": subject, "passkey": id_})
        return bool(done.rowcount)
