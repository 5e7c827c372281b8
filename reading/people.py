"""Who may sign in and as what, and the keys that sign what they decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reading.words import utc

if TYPE_CHECKING:
    from storage.connection import Books, Transaction

Json = dict[str, Any]


def people(books: "Books") -> list[Json]:
    """Everybody who may sign in, by name."""
    with books.transaction() as read:
        return [
            {
                "name": row.name,
                "roles": sorted(row.roles),
                "subject": row.subject,
                "added_by": row.added_by,
                "signed_in_at": utc(row.signed_in_at),
            }
            for row in read.people.listing()
        ]


@dataclass(frozen=True, slots=True)
class Own:
    """What is somebody's own: browsers that are signed in, passkeys, tokens."""

    sessions: Sequence[Any]
    passkeys: Sequence[Any]
    tokens: Sequence[Any]


def own(books: "Transaction", subject: str, now: datetime) -> Own:
    """What a subject signs in by."""
    return Own(books.sessions.of(subject, now), books.passkeys.of(subject), books.sessions.tokens_of(subject))


def tokens(books: "Transaction", now: datetime) -> list[Json]:
    """Everybody's tokens that are good, for who administers people; of each the hint alone, never the secret."""
    return [
        {
            "id": row.id,
            "subject": row.subject,
            "name": row.name,
            "label": row.label,
            "hint": row.hint,
            "roles": sorted(row.roles),
            "good_until": utc(row.good_until),
            "used_at": utc(row.used_at),
        }
        for row in books.sessions.tokens(now)
    ]


def passkeys_of(books: "Transaction", subject: str) -> list[str]:
    """The ids of the passkeys that somebody has."""
    return [row.id for row in books.passkeys.of(subject)]


def is_signed(books: "Transaction") -> bool:
    """True where decisions have to be signed, and a name that is typed is no more than a name."""
    return books.proof.identity() == "signed"


def signing(books: "Transaction") -> set[str]:
    """The names of the keys that sign."""
    return set(books.proof.keys())


def keys(books: "Books") -> Json:
    """Whether decisions are signed, and every key there ever was, its public part."""
    with books.transaction() as read:
        listed = [
            {
                "key": row.kid,
                "public_key": row.public_key,
                "added_at": utc(row.added_at),
                "added_by": row.added_by,
                "retired_at": utc(row.retired_at),
                "why": row.retired_why,
            }
            for row in read.proof.key_listing()
        ]
        return {"identity": read.proof.identity(), "keys": listed}
