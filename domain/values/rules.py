"""What a rule is, and what a decision leaves behind.

A rule carries a permanent code. Codes are public: operators search for them, records keep them for years.
Never reuse or rename one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from decimal import Decimal
from typing import Literal

from domain.values.money import plain, tidy
from domain.values.record import record

# Names the rules that decide: kept decisions name the version that made them. Raised by `make freeze`, which is due
# before a change of a rule gives the same snapshot and policy another plan (AUDIT-1).
RULES_VERSION = "2"

Severity = Literal["info", "warning", "error"]


@record
class Rule:
    """A rule of the rule book: its permanent code and the sentence that catalogue, finding and documents print."""

    code: str
    says: str


@record
class Finding:
    """A decision with its reason: which rule, how serious, a sentence for a person, and the numbers as strings."""

    rule: str
    severity: Severity
    message: str
    evidence: Mapping[str, object] = field(default_factory=dict)


@record
class Noted:
    """A finding whose words and numbers are made when somebody reads it; what it is counts at once."""

    rule: str
    severity: Severity
    say: Callable[[], Finding] = field(repr=False, compare=False)


def info(rule: Rule, message: str, **evidence: object) -> Finding:
    """A finding that explains; nothing is wrong."""
    return Finding(rule.code, "info", f"{message} ({rule.code})", as_evidence(evidence))


def warning(rule: Rule, message: str, **evidence: object) -> Finding:
    """A finding that somebody should look at; the plan stands."""
    return Finding(rule.code, "warning", f"{message} ({rule.code})", as_evidence(evidence))


def error(rule: Rule, message: str, **evidence: object) -> Finding:
    """A finding that keeps an account from ending COMPLETE."""
    return Finding(rule.code, "error", f"{message} ({rule.code})", as_evidence(evidence))


def as_evidence(numbers: Mapping[str, object]) -> dict[str, object]:
    """Evidence as JSON-ready values: numbers and dates as strings, lists of strings kept, None kept."""
    return {name: _plain(value) for name, value in numbers.items()}


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if not isinstance(value, Decimal):
        return str(value)
    exponent = value.as_tuple().exponent
    return plain(tidy(value) if isinstance(exponent, int) and exponent < -24 else value)  # not a division's 100 digits


def catalogue() -> Iterator[tuple[Rule, str]]:
    """Every rule with the file that decides it, read from the code itself, file by file."""
    import importlib
    import inspect
    import pkgutil

    import domain

    for found in sorted(pkgutil.walk_packages(domain.__path__, "domain."), key=lambda each: each.name):
        module = importlib.import_module(found.name)
        source = inspect.getsource(module)
        for value in vars(module).values():
            if isinstance(value, Rule) and f'Rule("{value.code}"' in source.replace("Rule(\n    ", "Rule("):
                yield value, found.name.replace(".", "/") + ".py"
