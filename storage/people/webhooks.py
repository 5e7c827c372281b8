"""Webhooks: where events are sent, and how far each has got. No secret and no address gets into the record.

An event is sent behind those before it, so a webhook's place is all that has to be kept: it only ever goes forward.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Connection, Row, func, insert, literal, select, text, tuple_, update

from storage.record.audit import Audit
from storage.record.following import Place, newest
from storage.schema.webhooks import webhooks
from storage.values import moment_of

BOTH_SIGN = timedelta(hours=24)  # behind a change of its secret the one before signs too
HERE = webhooks.c.removed_at.is_(None)
SECRETS = ("secret", "former_secret")
FORWARD = text(
    "(place_era, CAST(place_transaction AS xid8), place_id) < (:at_era, CAST(:at_transaction AS xid8), :at_id)"
)


class UnknownWebhook(LookupError):
    """There is none of that id."""


class Webhooks:
    """The webhooks of one transaction. Whoever adds or changes one hands in its secret."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def add(self, url: str, actions: Collection[str], secret: str) -> str:
        """A new one, whose events are those recorded from now on; its id is the answer."""
        id_ = f"WH-{secrets.token_hex(6)}"
        self.connection.execute(
            insert(webhooks).values(
                id=id_,
                url=url,
                actions=sorted(set(actions)),
                secret=secret,
                added_by=self.audit.actor.who,
                **_place(newest(self.connection)),
            )
        )
        self.audit.record("webhook added", after={**_told(id_, url), "actions": sorted(set(actions))})
        return id_

    def listing(self, after: tuple[str, str] | None = None, size: int | None = None) -> Sequence[Row[Any]]:
        """Those that were not removed, the oldest first, without their secrets.

        `after` is the place behind which they are: when one was added, in ISO 8601, and its id. Raises ValueError.
        """
        columns = [each for each in webhooks.c if each.name not in SECRETS]
        order, where = (webhooks.c.added_at, webhooks.c.id), list[ColumnElement[bool]]([HERE])
        if after is not None:
            where.append(tuple_(*order) > tuple_(literal(moment_of(after[0])), literal(after[1])))
        return self.connection.execute(select(*columns).where(*where).order_by(*order).limit(size)).all()

    def get(self, id_: str) -> Row[Any]:
        """One that was not removed, without its secrets. Raises UnknownWebhook."""
        columns = [each for each in webhooks.c if each.name not in SECRETS]
        found = self.connection.execute(select(*columns).where(HERE, webhooks.c.id == id_)).one_or_none()
        if found is None:
            raise UnknownWebhook(f"there is no webhook {id_}")
        return found

    def to_send(self, id_: str) -> Row[Any] | None:
        """One with its secrets, for who sends; None where it was removed or disabled."""
        wanted = (HERE, webhooks.c.id == id_, webhooks.c.disabled_at.is_(None))
        return self.connection.execute(select(webhooks).where(*wanted)).one_or_none()

    def rotate(self, id_: str, secret: str, now: datetime) -> None:
        """Signs by another secret; for a day the one before signs too. Raises UnknownWebhook."""
        row, former = self.get(id_), webhooks.c.secret
        self._set(id_, secret=secret, former_secret=former, former_until=now + BOTH_SIGN)
        self.audit.record("webhook secret changed", after=_told(id_, row.url))

    def remove(self, id_: str) -> None:
        """Sends nothing there any more; its secrets are forgotten. Raises UnknownWebhook."""
        row = self.get(id_)
        gone = {"secret": None, "former_secret": None, "former_until": None}
        self._set(id_, removed_at=func.now(), **gone)
        self.audit.record("webhook removed", before=_told(id_, row.url))

    def enable(self, id_: str) -> None:
        """Goes on with one that was disabled, where it stopped. Raises UnknownWebhook."""
        row = self.get(id_)
        if row.disabled_at is None:
            return
        self._set(id_, disabled_at=None, failing_since=None, failure=None)
        self.audit.record("webhook enabled", after=_told(id_, row.url))

    # --- who sends

    def moved(self, id_: str, place: Place, delivered_at: datetime | None) -> bool:
        """Keeps how far it got; False where somebody else is as far already, or it was removed."""
        values: dict[str, Any] = _place(place)
        if delivered_at is not None:
            values |= {"delivered_at": delivered_at, "failing_since": None, "failure": None}
        ahead = FORWARD.bindparams(**{f"at_{key}": each for key, each in place._asdict().items()})
        done = self.connection.execute(update(webhooks).where(HERE, webhooks.c.id == id_, ahead).values(**values))
        return bool(done.rowcount)

    def failed(self, id_: str, why: str, now: datetime) -> None:
        """Notes that the receiver did not take an event, and since when it does not."""
        since = func.coalesce(webhooks.c.failing_since, now)
        self._set(id_, failing_since=since, failure=why[:500])

    def give_up(self, id_: str, now: datetime) -> bool:
        """Disables one whose receiver takes nothing; False where it took the last that was sent, or is gone."""
        row = self.to_send(id_)
        if row is None or row.failing_since is None:
            return False
        self._set(id_, disabled_at=now)
        told = {"failing_since": row.failing_since, "why": row.failure}
        self.audit.record("webhook disabled", after=_told(id_, row.url) | told)
        return True

    def _set(self, id_: str, **values: Any) -> None:
        self.connection.execute(update(webhooks).where(HERE, webhooks.c.id == id_).values(**values))


def _place(place: Place) -> dict[str, Any]:
    return {f"place_{key}": each for key, each in place._asdict().items()}


def _told(id_: str, url: str) -> dict[str, object]:
    """What the record says of it: the host alone, as the rest of an address may be a secret of its receiver's."""
    return {"webhook": id_, "host": urlsplit(url).hostname}
