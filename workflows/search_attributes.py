"""The search attributes that operators filter by in the Temporal UI and CLI. All are keywords."""

from typing import TYPE_CHECKING, Any

from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

if TYPE_CHECKING:
    from activities.messages import TargetChecked

ACCOUNT_ID = SearchAttributeKey.for_keyword("AccountId")
REBALANCE_STATUS = SearchAttributeKey.for_keyword("RebalanceStatus")
TARGET_ID = SearchAttributeKey.for_keyword("TargetId")
QUEUE_REASON = SearchAttributeKey.for_keyword("QueueReason")
REQUEST_ID = SearchAttributeKey.for_keyword("RequestId")
SCHEDULED_AT = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")  # the server's own, of a schedule's run

NAMES = ("AccountId", "RebalanceStatus", "TargetId", "QueueReason", "RequestId")


def of_start(account_id: str, request_id: str | None) -> TypedSearchAttributes:
    """What is known of a rebalance when it is started."""
    pairs = [SearchAttributePair(ACCOUNT_ID, account_id)]
    if request_id:
        pairs.append(SearchAttributePair(REQUEST_ID, request_id))
    return TypedSearchAttributes(pairs)


def of_request(request_id: str) -> TypedSearchAttributes:
    """What is known of a request when it is started."""
    return TypedSearchAttributes([SearchAttributePair(REQUEST_ID, request_id)])


def of_account(checked: "TargetChecked", request_id: str | None) -> list[SearchAttributeUpdate[Any]]:
    """What is known of a rebalance once its target is checked."""
    updates: list[SearchAttributeUpdate[Any]] = [
        ACCOUNT_ID.value_set(checked.account_id),
        REBALANCE_STATUS.value_set("CHECKING"),
    ]
    if checked.target:
        updates.append(TARGET_ID.value_set(checked.target))
    if checked.queue_reasons:
        updates.append(QUEUE_REASON.value_set(checked.queue_reasons[0]))
    if request_id:
        updates.append(REQUEST_ID.value_set(request_id))
    return updates
