"""Where events are sent, and how that goes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reading.refused import Unknown
from reading.unknown import UnknownWebhook
from reading.words import utc

if TYPE_CHECKING:
    from storage.connection import Transaction

Json = dict[str, Any]


def listing(books: "Transaction") -> Sequence[Any]:
    """Every webhook's row, the oldest first."""
    return books.webhooks.listing()


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
