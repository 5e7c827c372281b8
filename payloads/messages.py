"""Whole messages of Temporal's API, as it keeps them, made readable in place: histories, descriptions, failures.

The SDK decodes what it hands out as values. What is read raw (a history to archive, the failure of a pending step)
comes through here.
"""

import json
from typing import TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client

from payloads.codec import ENCRYPTED, Encryption, is_encrypted, without_keys

M = TypeVar("M", bound=Message)


def readable(client: Client, message: M) -> M:
    """The message with every payload decrypted by the client's codec, in place. Raises CannotDecode."""
    if ENCRYPTED not in message.SerializeToString():  # nothing of it is: then it need not be gone through
        return message
    codec = client.data_converter.payload_codec
    decrypt(codec if isinstance(codec, Encryption) else None, message)
    return message


async def ensure_readable(client: Client, workflow_id: str) -> None:
    """Raises CannotDecode where we can't read what a workflow began with.

    To be asked before anything is sent to it: what we encrypt by a key that its workers lack would hold it up.
    """
    async for event in client.get_workflow_handle(workflow_id).fetch_history_events(page_size=1):
        readable(client, event)
        return


def decrypt(codec: Encryption | None, message: Message) -> None:
    """Decrypts every payload that a message holds, however deep. Raises CannotDecode."""
    if isinstance(message, Payload):
        if is_encrypted(message):
            if codec is None:
                raise without_keys(message)
            message.CopyFrom(codec.decrypted([message])[0])
        return
    for field, value in message.ListFields():
        if field.type != FieldDescriptor.TYPE_MESSAGE:
            continue
        for each in _messages(field, value):
            decrypt(codec, each)
    if isinstance(message, Failure) and message.HasField("encoded_attributes"):
        _restore(message)


def _messages(field: FieldDescriptor, value: object) -> list[Message]:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        values = kind.fields_by_name["value"]
        return list(value.values()) if values.type == FieldDescriptor.TYPE_MESSAGE else []  # type: ignore[attr-defined]
    return [value] if isinstance(value, Message) else list(value)  # type: ignore[call-overload]


def _restore(failure: Failure) -> None:
    """A failure's words go into its payloads where payloads are encrypted, and come back here."""
    try:
        told = json.loads(failure.encoded_attributes.data)
    except ValueError:
        return
    if isinstance(told, dict) and isinstance(told.get("message"), str):
        failure.message = told["message"]
        failure.stack_trace = str(told.get("stack_trace", ""))
        failure.ClearField("encoded_attributes")
