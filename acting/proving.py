"""What somebody decides about the books: proven by what the console signed, in the transaction that carries it out.

A decision about a plan is proven by the step that sends it (`activities`); one about the books is carried out at once,
so here is its last door. Where names are asserted, nothing is signed and nothing is asked.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from acting.actors import actor
from identity.claims import About, input_digest
from identity.person import Person
from reading.refused import Refused

if TYPE_CHECKING:
    from identity.envelope import NotProven
    from identity.roles import Act
    from storage.connection import Books, Transaction
    from storage.proving import Said

Sign = Callable[["Act", About, str], str]  # what is done, about what, under which id: the console's envelope


def meant(act: "Act", digest: str) -> About:
    """What is decided about the books, by the digest of all that it says."""
    return About(f"books/{act}", plan=digest)


@contextmanager
def deciding(
    books: "Books", person: Person, act: "Act", what: Mapping[str, Any], sign: Sign | None
) -> Iterator["Transaction"]:
    """A transaction in which a decision is carried out, under who is proven to have taken it.

    Refused, before anything is done, where decisions are signed and this one proves nothing; the attempt is recorded.
    """
    from identity.envelope import NotProven
    from policy.clock import the_clock
    from storage.proving import Said, as_actor, proven

    about, id_ = meant(act, input_digest(what)), f"{act}-{secrets.token_hex(8)}"
    signed = None if sign is None else sign(act, about, id_)
    said = Said(person.name, signed, the_clock().now())
    found: NotProven | None = None
    try:
        with books.transaction(actor(person)) as work:
            claims = proven(work, act, about, said)
            if isinstance(claims, NotProven):
                found = claims
                raise _Unproven
            as_actor(work, claims)
            yield work
    except _Unproven:
        assert found is not None
        _record(books, act, said, found)
        raise Refused(f"{found.reason[:1].upper()}{found.reason[1:]}. Nothing was changed") from None


def _record(books: "Books", act: "Act", said: "Said", found: "NotProven") -> None:
    from storage.actor import Actor
    from storage.proving import UNPROVEN, refused

    with books.transaction(Actor(UNPROVEN)) as work:
        work.audit.record("decision refused", after=refused(act, said, found))


class _Unproven(Exception):
    """It proves nothing: the transaction is rolled back."""
