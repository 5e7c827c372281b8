"""Where events are sent, and how that goes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reading.places import Listed, Lost, cursor, parts
from reading.refused import Unknown
from reading.unknown import UnknownWebhook
from reading.words import utc

if TYPE_CHECKING:
    from storage.connection import Transaction

Json = dict[str, Any]


def listing(books: "Transaction") -> Sequence[Any]:
    """Every webhook's row, the oldest first."""
    return books.webhooks.listing()


def page(books: "Transaction", place: str | None, size: int) -> Listed:
    """Webhooks in their public form, the oldest first. Raises Lost."""
    at = parts(place, 2)
    try:
        rows = books.webhooks.listing(None if at is None else (at[0], at[1]), size + 1)
    except ValueError as flaw:
        raise Lost(place) from flaw
    last = rows[size - 1] if len(rows) > size else None
    after = None if last is None else cursor(last.added_at.isoformat(), last.id)
    return Listed([as_json(each) for each in rows[:size]], after)


def one(books: "Transaction", webhook_id: str) -> Any:
    """A webhook's row. Raises Unknown."""
    try:
        return books.webhooks.get(webhook_id)
    except UnknownWebhook as flaw:
        raise Unknown(f"There is no webhook {webhook_id}.") from flaw


def as_json(each: Any) -> Json:
    """A webhook in its public form: without its secret, which is shown once."""
    return {
        "id": each.id,
        "url": each.url,
        "actions": each.actions,
        "added_at": utc(each.added_at) or "",
        "added_by": each.added_by,
        "delivered_at": utc(each.delivered_at),
        "failing_since": utc(each.failing_since),
        "failure": each.failure,
        "disabled_at": utc(each.disabled_at),
        "former_secret_until": utc(each.former_until),
    }
