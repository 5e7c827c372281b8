"""The snapshot's kept form: JSON, exactly, with everything in the order of keys.

What a decision was made from is kept in this form, and read again by every step, every retry and every later audit.
"""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from domain.values.policy import Policy
from domain.values.snapshot import Snapshot

_FORM = TypeAdapter(Snapshot)
# What came into the format later, and what it is where nothing is said: then it changes no bytes.
_ACCOUNT_UNSAID: Mapping[str, object] = {"custodian_account": None}
_SECURITY_UNSAID: Mapping[str, object] = {
    "type": None, "asset_class": None, "identical_group": None, "worthless": False,
}  # fmt: skip
_POLICY_TYPES: dict[str, Any] = {each.name: each.type for each in fields(Policy)}


def kept(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as JSON, exactly, with everything in the order of keys: the same snapshot gives the same bytes."""
    raw: dict[str, Any] = _FORM.dump_python(snapshot, mode="json", warnings="error")
    raw["account"]["policy"] = overrides_as_json(snapshot.account.policy)
    _without_unsaid(raw["account"], _ACCOUNT_UNSAID)
    for security in raw["securities"].values():
        _without_unsaid(security, _SECURITY_UNSAID)
    _without_unsaid(raw, {"trade_date": raw["as_of"]})
    for key in ("targets", "models", "securities"):
        raw[key] = dict(sorted(raw[key].items()))
    for key, target in raw["targets"].items():
        target["policy"] = overrides_as_json(snapshot.targets[key].policy)
    return raw


def _without_unsaid(raw: dict[str, Any], unsaid: Mapping[str, object]) -> None:
    for key, nothing in unsaid.items():
        if raw[key] == nothing:
            del raw[key]


def restored(raw: Mapping[str, Any]) -> Snapshot:
    """The snapshot that `kept` made this of, as it was."""
    return _FORM.validate_python(
        {
            **raw,
            "account": {**raw["account"], "policy": overrides_from_json(raw["account"]["policy"])},
            "targets": {
                key: {**target, "policy": overrides_from_json(target["policy"])}
                for key, target in sorted(raw["targets"].items())
            },
            "models": dict(sorted(raw["models"].items())),
            "securities": dict(sorted(raw["securities"].items())),
        }
    )


def overrides_as_json(overrides: Mapping[str, object]) -> dict[str, object]:
    """Policy numbers that a book, target or account overrides: decimals as strings, sorted by key."""
    return {key: str(value) if isinstance(value, Decimal) else value for key, value in sorted(overrides.items())}


def overrides_from_json(raw: Mapping[str, Any]) -> dict[str, object]:
    """The same numbers again, each of the type that the policy has it in."""
    return {key: Decimal(value) if _POLICY_TYPES[key] is Decimal else value for key, value in sorted(raw.items())}
