"""A broken law, as a value."""

from collections.abc import Mapping
from dataclasses import field

from domain.values.record import record
from domain.values.rules import Finding, Rule, error


@record
class Broken:
    """A law that a plan breaks: which, in a sentence with its numbers, and the numbers by themselves."""

    rule: Rule
    says: str
    evidence: Mapping[str, object] = field(default_factory=dict)

    @property
    def finding(self) -> Finding:
        """As the error that refuses the plan."""
        return error(self.rule, self.says, **self.evidence)
