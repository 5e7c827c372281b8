"""How payloads are converted, by the environment: REBALANCER_PAYLOAD_KEYS names the file of keys."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    EncodingPayloadConverter,
)

from payloads.codec import ENCRYPTED, KEYS, Encryption, without_keys
from payloads.keys import KeyRing


def ring(environment: Mapping[str, str]) -> KeyRing | None:
    """The keys, None where none are set. Raises BadKeyFile."""
    named = environment.get(KEYS)
    return KeyRing(Path(named)) if named else None


def converter(keys: KeyRing | None) -> DataConverter:
    """Pydantic's; with keys, payloads and the words of failures are encrypted."""
    if keys is None:
        return DataConverter(payload_converter_class=WithoutKeys)
    return DataConverter(
        payload_converter_class=pydantic_data_converter.payload_converter_class,
        payload_codec=Encryption(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


class WithoutKeys(PydanticPayloadConverter):
    """Pydantic's, which says of an encrypted payload what is missing."""

    def __init__(self) -> None:
        super().__init__()
        self._set_converters(*self.converters.values(), _Encrypted())


class _Encrypted(EncodingPayloadConverter):
    """Last in its row, so that nothing is ever made by it."""

    @property
    def encoding(self) -> str:
        return ENCRYPTED.decode()

    def to_payload(self, value: Any) -> None:
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> NoReturn:
        raise without_keys(payload)
