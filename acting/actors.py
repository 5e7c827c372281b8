"""Who did it, as the record names them."""

from typing import TYPE_CHECKING

from identity.person import Person

if TYPE_CHECKING:
    from storage.actor import Actor


def actor(person: Person) -> "Actor":
    """The person as every audit record of a transaction names them."""
    from storage.actor import Actor

    proven = None if person.is_asserted else {"subject": person.subject, "how": person.how}
    return Actor(person.name, signed_in=proven)
