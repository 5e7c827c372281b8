"""Restrictions: what a client does not want held, bought or sold.

Asked when an account is read (do its restrictions contradict each other?) and by every plan, for all sleeves at once:
what they leave of targets and models, and which securities may not be bought or sold.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence, Set
from dataclasses import field
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import combinations
from types import MappingProxyType

from domain.values.memo import remembered
from domain.values.money import ONE, ZERO
from domain.values.record import record
from domain.values.rules import Finding, Noted, Rule, info
from domain.values.snapshot import Model, Restriction, Snapshot

RESTRICT_1 = Rule("RESTRICT-1", "`exclude`: sold if held, never bought; its weight goes to the others or to cash.")
RESTRICT_2 = Rule("RESTRICT-2", "`substitute` A by B: B is held wherever A would be.")
RESTRICT_3 = Rule("RESTRICT-3", "`no_buy`, `no_sell`, `no_trade`: as named; what is not raised is not spent.")

NO_BUY, NO_SELL = frozenset({"no_buy", "no_trade"}), frozenset({"no_sell", "no_trade"})


@record
class Prohibition:
    """Why a security may not be bought, or not be sold: the rule, and what a person reads."""

    rule: Rule
    say: Callable[[], str] = field(repr=False, compare=False)

    @property
    def why(self) -> str:
        """The reason in words."""
        return self.say()


@record
class Limits:
    """What may be held and traded, by symbol. An account without restrictions and recent losses has `NO_LIMITS`."""

    excluded: Mapping[str, Restriction] = field(default_factory=dict)
    substitutes: Mapping[str, str] = field(default_factory=dict)
    no_buy: Mapping[str, Prohibition] = field(default_factory=dict)
    no_sell: Mapping[str, Prohibition] = field(default_factory=dict)

    @property
    def takes_out(self) -> bool:
        """True where anything is excluded or replaced, and so may have to leave."""
        return bool(self.excluded or self.substitutes)

    @property
    def leaving(self) -> Set[str]:
        """What is sold wherever it is held: excluded and not to be kept, or replaced (RESTRICT-1, 2)."""
        return self.substitutes.keys() | {symbol for symbol, each in self.excluded.items() if not each.hold}

    def leaves(self, symbol: str) -> bool:
        """True for one of these."""
        excluded = self.excluded.get(symbol)
        return symbol in self.substitutes or (excluded is not None and not excluded.hold)

    def concern(self, symbols: Set[str]) -> bool:
        """True where one of these is excluded or replaced."""
        return not (symbols.isdisjoint(self.excluded) and symbols.isdisjoint(self.substitutes))

    def rule_of(self, symbol: str) -> Rule:
        """The rule by which a security leaves."""
        return RESTRICT_2 if symbol in self.substitutes else RESTRICT_1

    def kept(self, symbol: str) -> bool:
        """True for what is excluded and stays where it is held (RESTRICT-1, `hold`)."""
        excluded = self.excluded.get(symbol)
        return excluded is not None and excluded.hold


NO_LIMITS = Limits()


def limits(
    snapshot: Snapshot, washed: Mapping[str, Prohibition], kept_back: Mapping[str, Prohibition] = MappingProxyType({})
) -> Limits:
    """The account's restrictions in force on the snapshot's day.

    `washed` may not be bought besides, `kept_back` not be sold unless a restriction wants it out (WASH-1).
    """
    ours = [each for each in snapshot.account.restrictions if each.in_force(snapshot.as_of)]
    if not ours and not washed and not kept_back:
        return NO_LIMITS
    leaving = {each.symbol for each in ours if each.type == "substitute" or (each.type == "exclude" and not each.hold)}
    excluded = {each.symbol: each for each in ours if each.type == "exclude"}
    blocks = {each.symbol: Prohibition(RESTRICT_1, partial(_excluded, each)) for each in excluded.values()}
    bans = {
        side: {each.symbol: _ban(each) for each in ours if each.type in kinds}
        for side, kinds in (("buy", NO_BUY), ("sell", NO_SELL))
    }
    kept = {symbol: block for symbol, block in blocks.items() if excluded[symbol].hold}
    return Limits(
        excluded=excluded,
        substitutes={each.symbol: each.by for each in ours if each.type == "substitute" and each.by},
        no_buy={**washed, **bans["buy"], **blocks},
        no_sell={**{symbol: kept_back[symbol] for symbol in kept_back.keys() - leaving}, **bans["sell"], **kept},
    )


def _ban(each: Restriction) -> Prohibition:
    return Prohibition(RESTRICT_3, partial(_in_force, each))


def _excluded(each: Restriction) -> str:
    return f"it is excluded{_until(each)}"


def _in_force(each: Restriction) -> str:
    return f"the account has a {each.type} restriction on it{_until(each)}"


def _until(each: Restriction) -> str:
    return f" until {each.until}" if each.until else ""


@record
class Aim:
    """What a model asks of a sleeve: weights by symbol, above 0, which share what cash leaves in their proportion.

    `room` is the weight that stays in cash for what is excluded, less what of it is kept (RESTRICT-1, `hold`).
    """

    weights: Mapping[str, Decimal]
    cash_weight: Decimal
    room: Mapping[str, Decimal]

    @property
    def shares(self) -> Mapping[str, Decimal]:
        """The weights as shares of the sleeve's value."""
        total = sum(self.weights.values(), ZERO)
        return {symbol: (ONE - self.cash_weight) * weight / total for symbol, weight in self.weights.items()}


def aim(model: Model, allowed: Limits) -> Aim:
    """The model as the restrictions leave it: weights moved to substitutes, to the others or to cash."""
    free = _unrestricted(model)
    return _restricted(model, allowed) if allowed.concern(free.weights.keys()) else free


def leave_nothing(allowed: Limits, model: Model) -> bool:
    """True where restrictions leave nothing of a model to be held but cash."""
    if any(each not in allowed.excluded and each not in allowed.substitutes for each in _unrestricted(model).weights):
        return False  # as nearly always
    return not aim(model, allowed).weights


@remembered
def _unrestricted(model: Model) -> Aim:
    return Aim({each.symbol: each.weight for each in model.holdings if each.weight}, model.cash_weight, {})


@remembered
def _restricted(model: Model, allowed: Limits) -> Aim:
    weights = dict(_unrestricted(model).weights)
    if not weights.keys().isdisjoint(allowed.substitutes):
        weights = _replaced(weights, allowed.substitutes)
    gone = {symbol: weights.pop(symbol) for symbol in allowed.excluded if symbol in weights}
    if not gone:
        return Aim(weights, model.cash_weight, {})
    room = {symbol: weight for symbol, weight in gone.items() if allowed.excluded[symbol].to == "cash"}
    return Aim(weights, model.cash_weight + sum(room.values(), ZERO) if weights else ONE, room)


def _replaced(weights: Mapping[str, Decimal], substitutes: Mapping[str, str]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for each, weight in weights.items():
        symbol = substitutes.get(each, each)
        found[symbol] = found.get(symbol, ZERO) + weight
    return found


def contradictions(restrictions: Sequence[Restriction]) -> Iterator[tuple[int, int, str]]:
    """The pairs, by their places, that can't both be obeyed while both are in force, each with the reason."""
    for (at, one), (place, other) in combinations(enumerate(restrictions), 2):
        if not _overlap(one, other):
            continue
        reason = _against(one, other) or _against(other, one)
        if reason:
            yield at, place, reason


def _overlap(one: Restriction, other: Restriction) -> bool:
    starts = max(each.start or date.min for each in (one, other))
    return starts <= min(each.until or date.max for each in (one, other))


def _against(one: Restriction, other: Restriction) -> str | None:
    """Why the second can't be obeyed beside the first, or None."""
    same = one.symbol == other.symbol
    if one.type == "substitute":
        if same and other.type == "substitute" and one.by != other.by:
            return "both replace it, each by something else"
        if same and other.type == "exclude":
            return "it can't be replaced and excluded"
        if same and other.type in NO_SELL:
            return "what is replaced is sold, and it may not be"
        if other.symbol == one.by and other.type in NO_BUY | {"exclude", "substitute"}:
            return f"{one.by} is to be bought instead, and it may not be"
    if one.type == "exclude" and same:
        if other.type == "exclude" and (one.to or "pro_rata", one.hold) != (other.to or "pro_rata", other.hold):
            return "both exclude it, each in another way"
        if other.type in NO_SELL and not one.hold:
            return 'what is excluded is sold, and it may not be; exclude it with "hold": true to keep it'
    return None


def told(restriction: Restriction) -> str:
    """A restriction as a person names it: `exclude MSFT`, `substitute KO by PEP`."""
    return f"{restriction.type} {restriction.symbol}" + (f" by {restriction.by}" if restriction.by else "")


def obeyed(
    allowed: Limits, concerned: Container[str], named: Container[str], heirless: Callable[[], Container[str]]
) -> list[Noted]:
    """Says what restrictions do to what the account holds or could be asked to hold.

    `named` are the symbols that have a weight, `heirless` gives those whose weight no other holding takes.
    """
    excluded = [
        Noted(RESTRICT_1.code, "info", partial(_excludes, each, symbol in named, heirless))
        for symbol, each in sorted(allowed.excluded.items())
        if symbol in concerned
    ]
    replaced = [
        Noted(RESTRICT_2.code, "info", partial(_replaces, symbol, by))
        for symbol, by in sorted(allowed.substitutes.items())
        if symbol in concerned
    ]
    return [*excluded, *replaced]


def _excludes(excluded: Restriction, has_weight: bool, heirless: Callable[[], Container[str]]) -> Finding:
    where = "; its weight goes to the other holdings, in proportion" if has_weight else ""
    if has_weight and excluded.to == "cash":
        where = "; its weight goes to cash"
    elif has_weight and excluded.symbol in heirless():
        where = "; its weight stays in cash, as there is no other holding to take it"
    stays = "kept where it is held" if excluded.hold else "sold where it is held"
    return info(
        RESTRICT_1,
        f"{excluded.symbol} is excluded{_until(excluded)}: {stays}, never bought{where}",
        symbol=excluded.symbol,
        to=excluded.to or "pro_rata",
        hold=excluded.hold,
    )


def _replaces(symbol: str, by: str) -> Finding:
    return info(RESTRICT_2, f"{by} is held wherever {symbol} would be", symbol=symbol, by=by)
