"""The numbers of the rules as dated data, and the policy in force on a day.

The defaults are `defaults.yaml` beside this file. A firm's own file, of the same form, is named by the environment
variable REBALANCER_POLICY; its keys replace the defaults' whole. What a book, a target or an account overrides comes
on top, where the plan is made.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path

import yaml

from domain.values.policy import POLICY_KEYS, Policy

FIRM_FILE = "REBALANCER_POLICY"
DEFAULTS = Path(__file__).parent / "defaults.yaml"
NOTES_KEPT_MONTHS = "notes_kept_months"
WHOLE_NUMBERS = frozenset({"price_max_age_days", "wash_sale_days", "withdrawal_horizon_days", NOTES_KEPT_MONTHS})
FLAGS = frozenset({"four_eyes"})
AUTOMATIC_APPROVAL = "automatic_approval"
APPROVAL_EVIDENCE = "approval_evidence"
CHOICES = {APPROVAL_EVIDENCE: ("session", "passkey")}  # of the firm alone, too
NAMES = (AUTOMATIC_APPROVAL,)  # lists of people's names: of the firm alone, no book, target or account overrides them
KEEPING = (NOTES_KEPT_MONTHS,)  # how long what is no record is kept: of the firm alone
AMOUNTS = frozenset({"minimum_trade_amount", "ordinary_offset"})  # the other numbers are shares of one


class PolicyRefused(ValueError):
    """A policy file that can't be used: what is wrong, and where."""


@dataclass(frozen=True, slots=True)
class DatedValue:
    """A number, since when it holds, and why."""

    since: date
    value: Decimal | int | bool | str | tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class PolicyNumber:
    """One policy key: what it means, the rule that uses it, its unit, and its values with the newest last."""

    key: str
    says: str
    rule: str
    unit: str
    values: tuple[DatedValue, ...]
    source: str

    def on(self, day: date) -> DatedValue:
        """The value in force on a day. Raises PolicyRefused where none is yet."""
        held = [each for each in self.values if each.since <= day]
        if not held:
            raise PolicyRefused(
                f"{self.source}: {self.key} has no value for {day}; the first is of {self.values[0].since}"
            )
        return held[-1]


def in_force(day: date) -> Policy:
    """The firm's policy on a day."""
    held = numbers()
    return Policy(**{key: held[key].on(day).value for key in POLICY_KEYS})  # type: ignore[arg-type]


def names(key: str, day: date) -> tuple[str, ...]:
    """The people whom a key of policy lists on a day; `*` is everybody."""
    value = numbers()[key].on(day).value
    assert isinstance(value, tuple)
    return value


def choice(key: str, day: date) -> str:
    """What a key of policy says on a day, one of `CHOICES`."""
    value = numbers()[key].on(day).value
    assert isinstance(value, str)
    return value


def whole_number(key: str, day: date) -> int:
    """A whole number of policy that is the firm's alone, on a day."""
    value = numbers()[key].on(day).value
    assert isinstance(value, int)
    return value


def numbers() -> Mapping[str, PolicyNumber]:
    """Every policy number, the firm's file over the defaults. Raises PolicyRefused."""
    firm = os.environ.get(FIRM_FILE)
    return _numbers(firm)


def version() -> str | None:
    """Names the numbers of the policy files, each with its dates: the same twelve digits for the same numbers.

    None where a file can't be read: what asks for a number then says so.
    """
    try:
        return _version(os.environ.get(FIRM_FILE))
    except PolicyRefused:
        return None


@lru_cache(maxsize=4)
def _version(firm: str | None) -> str:
    held = [
        (key, [(str(each.since), str(each.value)) for each in number.values]) for key, number in _numbers(firm).items()
    ]
    return hashlib.sha256(repr(sorted(held)).encode()).hexdigest()[:12]


@lru_cache(maxsize=4)
def _numbers(firm: str | None) -> Mapping[str, PolicyNumber]:
    found = _read(DEFAULTS)
    if firm:
        found |= _read(Path(firm))
    return found


def _read(path: Path) -> dict[str, PolicyNumber]:
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as flaw:
        raise PolicyRefused(f"policy file {path} can't be read: {str(flaw).splitlines()[0]}") from flaw
    if not isinstance(raw, dict):
        raise PolicyRefused(f"policy file {path}: an object of policy keys is needed")
    known = (*POLICY_KEYS, *NAMES, *CHOICES, *KEEPING)
    unknown = sorted(str(key) for key in raw.keys() - set(known))
    if unknown:
        raise PolicyRefused(f"policy file {path}: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
    return {key: _number(key, entry, path.name) for key, entry in raw.items()}


def _number(key: str, entry: object, source: str) -> PolicyNumber:
    try:
        if not isinstance(entry, dict):
            raise TypeError("an object is needed")
        values = [
            DatedValue(_day(each["from"]), _value(key, each["value"]), str(each["because"])) for each in entry["values"]
        ]
        if not values:
            raise ValueError("it has no values")
        ordered = tuple(sorted(values, key=lambda each: each.since))
        return PolicyNumber(key, str(entry["says"]), str(entry.get("rule", "")), str(entry["unit"]), ordered, source)
    except KeyError as missing:
        raise PolicyRefused(f"{source}: {key}: {missing} is missing") from missing
    except (TypeError, ValueError, InvalidOperation) as flaw:
        raise PolicyRefused(f"{source}: {key}: {flaw}") from flaw


def _day(raw: object) -> date:
    return raw if isinstance(raw, date) else date.fromisoformat(str(raw))


def _value(key: str, raw: object) -> Decimal | int | bool | str | tuple[str, ...]:
    if key in NAMES:
        if not isinstance(raw, list) or not all(isinstance(each, str) and each.strip() for each in raw):
            raise ValueError(f'a list of names is needed, like ["ann", "schedule"], or ["*"] for anyone, not {raw}')
        return tuple(raw)
    text = str(raw).lower()
    if key in CHOICES:
        if text not in CHOICES[key]:
            raise ValueError(f"{' or '.join(CHOICES[key])} is needed, not {raw}")
        return text
    if key in FLAGS:
        if text not in {"true", "false"}:
            raise ValueError(f"true or false is needed, not {raw}")
        return text == "true"
    if isinstance(raw, float):
        raise ValueError(f'write the number as a string, "{raw}"')
    number = Decimal(text)
    if not number.is_finite() or number < 0:
        raise ValueError(f"a number of 0 or more is needed, not {raw}")
    if key in WHOLE_NUMBERS:
        if number != int(number):
            raise ValueError(f"a whole number is needed, not {raw}")
        return int(number)
    if key not in AMOUNTS and number > 1:
        raise ValueError(f"a share of one is needed, like 0.20, not {raw}")
    return number
