"""What a plan says of what did not come out as its bands ask: in skipped trades, and in findings with their numbers.

A component, a symbol or cash is *said* where

- a skipped trade is of its symbol (of a model: of one that its sleeve holds or its model names); or
- a finding's evidence names it and has a number. Named is the component's key (`model:M`, `security:X`,
  `unassigned:X`, `cash`) or its symbol: as a value, in a list, or as a key of a mapping, at any depth. A number is
  whatever reads as a decimal, itself or as a string, at any depth.

So `{"component": "security:X", "step": "62000.00"}` says why X stays, `{"changes": {"model:M": "-4.10"}}` what became
of M, and `{"component": "cash", "above": "12.40"}` by how much cash is above its band. What ends below its band is
said, too, where a finding of DESTINATION-2 has `cut`: by how much all buys together are smaller, as there is no cash.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from domain.rebalance_plan import RebalancePlan
from domain.values.keys import named
from domain.values.money import CENT
from domain.values.snapshot import CASH, Snapshot


@dataclass(slots=True)
class Said:
    """What a plan says, read only where something has to be said: words are made when they are asked for."""

    snapshot: Snapshot
    plan: RebalancePlan
    _named: dict[str, set[str]] | None = field(default=None)

    @property
    def named(self) -> Mapping[str, set[str]]:
        """What findings with a number name, each with the rules of those findings."""
        if self._named is None:
            self._named = {}
            for finding in self.plan.findings:
                names = set(_names(finding.evidence))
                if any(map(_is_number, names)):
                    for name in names:
                        self._named.setdefault(name, set()).add(finding.rule)
        return self._named

    def of(self, key: str) -> bool:
        """True where the plan says something of a component."""
        symbols = self._symbols(key)
        return any(each.symbol in symbols for each in self.plan.skipped) or bool(self.rules_about(key))

    def of_symbol(self, symbol: str) -> bool:
        """True where the plan says something of a security."""
        return any(each.symbol == symbol for each in self.plan.skipped) or symbol in self.named

    def rules_about(self, key: str) -> set[str]:
        """The rules of the findings that name a component, or its symbol."""
        found: set[str] = set()
        for name in (key, *self._symbols(key)):
            found |= self.named.get(name, set())
        return found

    @property
    def buys_are_cut(self) -> bool:
        """True where a finding says by how much all buys together are smaller, as cash lacks (DESTINATION-2)."""
        return any(each.rule == "DESTINATION-2" and "cut" in each.evidence for each in self.plan.findings)

    def rules(self) -> set[str]:
        """The rules of all findings that have a number."""
        return set().union(*self.named.values())

    def cash_is(self, amount: Decimal) -> bool:
        """True where a finding that names cash has this amount, to the cent and whatever its sign."""
        wanted = abs(amount)
        return any(
            CASH in names and any(_is_number(each) and abs(abs(Decimal(each)) - wanted) <= CENT for each in names)
            for names in (set(_names(finding.evidence)) for finding in self.plan.findings)
        )

    def _symbols(self, key: str) -> Iterable[str]:
        kind, ref = named(key)
        if kind != "model":
            return {ref} if ref else ()
        found = {
            each.symbol
            for sleeve in self.snapshot.account.model_sleeves
            if sleeve.key == key
            for each in sleeve.holdings
        }
        model = self.snapshot.models.get(ref)
        by = {each.symbol: each.by for each in self.snapshot.account.restrictions if each.by}
        return found | {by.get(each.symbol, each.symbol) for each in (model.holdings if model else ())}


def _names(evidence: object) -> Iterator[str]:
    if isinstance(evidence, Mapping):
        for key, value in evidence.items():
            yield str(key)
            yield from _names(value)
    elif isinstance(evidence, list | tuple):
        for each in evidence:
            yield from _names(each)
    elif evidence is not None:
        yield str(evidence)


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
