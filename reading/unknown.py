"""What the books say of an id that they don't have. Whoever shows it knows it by these names."""

from storage.accounts.snapshots import UnknownAccount
from storage.people.people import UnknownPerson
from storage.people.webhooks import UnknownWebhook
from storage.work.rebalances import UnknownRebalance
from storage.work.requests import UnknownRequest

__all__ = ["UnknownAccount", "UnknownPerson", "UnknownRebalance", "UnknownRequest", "UnknownWebhook"]
