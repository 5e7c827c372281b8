"""Who may sign in and as what, and the keys that sign what they decide."""

from typing import TYPE_CHECKING, Any

from reading.words import utc

if TYPE_CHECKING:
    from storage.connection import Books

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
