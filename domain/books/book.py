"""Books: accounts, targets, models and prices as a file states them, checked as a whole.

Asked by `rebalancer plan` and `rebalancer load`. Problems are values, collected and shown together, each with its
path in the file; nothing of a book with a problem is used.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from domain.books import book_schema as schema
from domain.books.book_stand_ins import with_stand_ins
from domain.books.identifiers import SCHEMES, Identifier, Scheme, flaw_of
from domain.targets.restrictions import contradictions, told
from domain.targets.targets import TargetRefused, flatten
from domain.values.money import ONE, ZERO, plain
from domain.values.policy import Policy
from domain.values.rules import Rule
from domain.values.snapshot import (
    MANAGED,
    Account,
    BandGiven,
    Holding,
    Lot,
    Model,
    ModelHolding,
    RecentSale,
    Restriction,
    Security,
    Sleeve,
    Target,
    TargetComponent,
    Withdrawal,
    model_key,
)

LOAD_1 = Rule(
    "LOAD-1",
    "A book that would take back executed trades, or what the books have since its day by a custodian's statement or a "
    "corporate action, is refused for that account by name.",
)
FormT = TypeVar("FormT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where in the file."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class BookRefused(ValueError):
    """A book with problems: all of them, in the file's order.

    `market` is what could be read of a refused market, good for nothing but finding its accounts' problems as well.
    """

    def __init__(self, problems: Iterable[Problem], market: "Market | None" = None) -> None:
        self.problems = tuple(problems)
        self.market = market
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Market:
    """Everything of a book but its accounts, soundly linked. `historical`: it is judged from its own day (DAY-3)."""

    as_of: date
    policy: Mapping[str, object]
    securities: Mapping[str, Security]
    models: Mapping[str, Model]
    targets: Mapping[str, Target]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    historical: bool = False
    identifiers: Mapping[str, tuple[Identifier, ...]] = field(default_factory=dict)  # of those that state any

    def household(self, account_id: str) -> tuple[str, ...]:
        """The other accounts of the account's tax household."""
        for members in self.groups.values():
            if account_id in members:
                return tuple(member for member in members if member != account_id)
        return ()


def parsed(
    form: type[FormT], raw: object, path: str, required: Mapping[str, object], problems: list[Problem]
) -> FormT | None:
    """The form filled in. What is misshapen is a problem, and replaced, so that the rest can still be checked."""
    try:
        return form.model_validate(raw)
    except ValidationError as flaw:
        errors = flaw.errors(include_url=False)
    problems += (Problem(_path(path, each["loc"]), _told(each)) for each in errors)
    unknown = [each["loc"] for each in errors if each["type"] == "extra_forbidden"]
    misshapen = [each["loc"] for each in errors if each["type"] != "extra_forbidden"]
    sound = with_stand_ins(raw, unknown, misshapen, required)
    try:
        return None if sound is None else form.model_validate(sound)
    except ValidationError:
        return None


def _path(start: str, where: Iterable[str | int]) -> str:
    path = start
    for step in where:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.removeprefix(".")


def _told(flaw: Mapping[str, object]) -> str:
    """A pydantic error as a person would say it."""
    kind, given = str(flaw["type"]), flaw.get("input")
    shown = f'"{given}"' if isinstance(given, str) else str(given)
    shown = shown if len(shown) < 60 else shown[:57] + "…"
    match kind:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is not a key of the book format"
        case "value_error":
            return str(flaw["msg"]).removeprefix("Value error, ")
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"an object is needed, not {shown}"
        case "list_type":
            return f"a list is needed, not {shown}"
        case "string_pattern_mismatch":
            return f"no control characters, and in an id no slash and no space in front, are allowed: not {shown!a}"
    return f"{str(flaw['msg'])[:1].lower()}{str(flaw['msg'])[1:]}, not {shown}"


def read_market(raw: object, policy: Policy, known: Market | None = None) -> Market:
    """A book's market: securities, models, targets, groups, policy. Raises BookRefused with all its problems.

    `known` is what the database already has: a book may refer to it. `policy` is the firm's, below the book's own.
    """
    problems: list[Problem] = []
    form = parsed(schema.MarketForm, raw, "", {"as_of": "2199-12-31"}, problems)
    if form is None:
        raise BookRefused(problems)
    _distinct("securities", (each.symbol for each in form.securities), problems)
    _distinct("models", (each.id for each in form.models), problems)
    _distinct("targets", (each.id for each in form.targets), problems)
    _distinct("account_groups", (each.id for each in form.account_groups), problems)
    securities = dict(known.securities) if known else {}
    securities |= {each.symbol: _security(each, form.as_of) for each in form.securities}
    problems += _mispriced(form.securities)
    identifiers = _identifiers(form.securities, problems)
    problems += [
        Problem(f"securities[{at}].price_as_of", f"{each.price_as_of} is after the book's day, {form.as_of}")
        for at, each in enumerate(form.securities)
        if each.price_as_of and each.price_as_of > form.as_of
    ]
    models = dict(known.models) if known else {}
    models |= {each.id: _model(each, f"models[{at}]", securities, problems) for at, each in enumerate(form.models)}
    names = {each.id for each in form.targets} | (known.targets.keys() if known else set())
    targets = dict(known.targets) if known else {}
    targets |= {
        each.id: _target(each, f"targets[{at}]", securities.keys(), models.keys(), names, problems)
        for at, each in enumerate(form.targets)
    }
    overrides = overrides_of(form.policy)
    problems += _flat(form.targets, targets, policy.overridden(overrides))
    groups = {each.id: tuple(each.accounts) for each in form.account_groups}
    _one_household(form.account_groups, problems)
    market = Market(form.as_of, overrides, securities, models, targets, groups, form.historical, identifiers)
    if problems:
        raise BookRefused(problems, market)
    return market


def _security(form: schema.SecurityForm, as_of: date) -> Security:
    """A line of `securities`; one that is worthless costs nothing on every day."""
    return Security(
        form.symbol,
        form.name,
        ZERO if form.worthless else form.price,
        as_of if form.worthless else form.price_as_of or as_of,
        form.quantity_increment,
        form.type or None,
        form.asset_class or None,
        form.identical_group,
        form.worthless,
    )


def _mispriced(forms: Iterable[schema.SecurityForm]) -> Iterator[Problem]:
    """Prices of 0 that don't say why, and worthless securities that have a price (CHECK-1)."""
    for at, each in enumerate(forms):
        if each.price == ZERO and not each.worthless:
            yield Problem(f"securities[{at}].price", 'input should be greater than 0, or "worthless": true beside it')
        elif each.worthless and each.price:
            yield Problem(f"securities[{at}].worthless", f"its price is {plain(each.price)}: one of them is wrong")


def _identifiers(forms: Iterable[schema.SecurityForm], problems: list[Problem]) -> dict[str, tuple[Identifier, ...]]:
    """What each security is called elsewhere, verified; a name that two have is told at the second."""
    found: dict[str, tuple[Identifier, ...]] = {}
    first: dict[tuple[str, str], str] = {}
    for at, each in enumerate(forms):
        if each.identifiers is None:
            continue
        of_security = []
        for path, scheme, value in _names(each.identifiers):
            where = f"securities[{at}].identifiers.{path}"
            there = first.setdefault((scheme, value), each.symbol)
            if flaw := flaw_of(scheme, value):
                problems.append(Problem(where, flaw))
            elif there != each.symbol:
                problems.append(Problem(where, f'"{value}" is that of {there} already'))
            else:
                of_security.append(Identifier(scheme, value, each.symbol))
        found[each.symbol] = tuple(dict.fromkeys(of_security))
    return found


def _names(form: schema.IdentifiersForm) -> Iterator[tuple[str, Scheme, str]]:
    """Each name with its place in the form and its scheme."""
    for scheme in SCHEMES:
        value = getattr(form, scheme, None)
        if value is not None:
            yield scheme, scheme, value
    for at, alias in enumerate(form.aliases):
        yield f"aliases[{at}]", "alias", alias


def overrides_of(form: schema.PolicyForm) -> dict[str, object]:
    """The policy numbers that a form gives."""
    return {key: value for key, value in form.model_dump().items() if value is not None}


def _distinct(path: str, ids: Iterable[str], problems: list[Problem]) -> None:
    seen: set[str] = set()
    for at, each in enumerate(ids):
        if each in seen:
            problems.append(Problem(f"{path}[{at}]", f'"{each}" is there twice'))
        seen.add(each)


def _one_household(groups: Iterable[schema.GroupForm], problems: list[Problem]) -> None:
    home: dict[str, str] = {}
    for at, group in enumerate(groups):
        for place, account in enumerate(group.accounts):
            if account in home:
                where = f"account_groups[{at}].accounts[{place}]"
                problems.append(Problem(where, f'"{account}" is in {home[account]} already: one household an account'))
            home[account] = group.id


def _model(form: schema.ModelForm, path: str, securities: Mapping[str, Security], problems: list[Problem]) -> Model:
    total, cash = ZERO, ZERO
    holdings = []
    for at, each in enumerate(form.holdings):
        where = f"{path}.holdings[{at}]"
        total += each.weight
        if (each.symbol is None) is (each.cash is None):
            problems.append(Problem(where, 'give "symbol" or "cash": true, one of them'))
        elif each.symbol is None:
            cash += each.weight
        elif each.symbol not in securities:
            problems.append(Problem(f"{where}.symbol", f'unknown symbol "{each.symbol}"'))
        else:
            holdings.append(ModelHolding(each.symbol, each.weight))
    _distinct(f"{path}.holdings", (each.symbol or "cash" for each in form.holdings), problems)
    if total != ONE:
        problems.append(Problem(f"{path}.holdings", f"the weights sum to {plain(total * 100)} %, not 100 %"))
    return Model(
        form.id, form.name or form.id, form.manager, form.investment_minimum, form.version, tuple(holdings), cash
    )


def _target(
    form: schema.TargetForm,
    path: str,
    symbols: Iterable[str],
    models: Iterable[str],
    targets: Iterable[str],
    problems: list[Problem],
) -> Target:
    known: dict[str, Iterable[str]] = {"model": models, "security": symbols, "target": targets}
    components = []
    for at, each in enumerate(form.components):
        where = f"{path}.components[{at}]"
        given = {kind: getattr(each, kind) for kind in (*known, "cash") if getattr(each, kind) is not None}
        if len(given) != 1:
            problems.append(Problem(where, 'give one of "model", "security", "target" or "cash": true'))
            continue
        (kind, ref), *_ = given.items()
        if kind != "cash" and ref not in known[kind]:
            problems.append(Problem(f"{where}.{kind}", f'unknown {kind} "{ref}"'))
        components.append(
            TargetComponent(
                kind,  # type: ignore[arg-type]
                None if kind == "cash" else ref,
                each.weight,
                _band(each.threshold, f"{where}.threshold", problems),
                _band(each.precision, f"{where}.precision", problems),
            )
        )
    return Target(form.id, form.name or form.id, tuple(components), policy=overrides_of(form.policy))


def _band(form: schema.BandForm | None, path: str, problems: list[Problem]) -> BandGiven | None:
    if form is None:
        return None
    absolute = form.lower is not None and form.upper is not None
    if (form.relative is not None) is absolute or (form.lower is None) is not (form.upper is None):
        problems.append(Problem(path, 'give "relative", or "lower" and "upper"'))
        return None
    return BandGiven(form.relative, form.lower, form.upper)


def _flat(forms: Iterable[schema.TargetForm], targets: Mapping[str, Target], policy: Policy) -> Iterator[Problem]:
    """Every target must flatten into bands that nest (TARGET-1 to TARGET-4)."""
    for at, form in enumerate(forms):
        target = targets[form.id]
        try:
            flatten(target, targets, policy.overridden(target.policy))
        except TargetRefused as flaw:
            yield Problem(f"targets[{at}]", str(flaw))
        except KeyError:  # it names a target that is not there, which is said already
            continue


def read_account(raw: object, at: int, market: Market) -> Account:
    """One account of a book, linked to its market. Raises BookRefused with all its problems."""
    problems: list[Problem] = []
    path = f"accounts[{at}]"
    form = parsed(schema.AccountForm, raw, path, {"id": path}, problems)
    if form is None:
        raise BookRefused(problems)
    if form.target is not None and form.target not in market.targets:
        problems.append(Problem(f"{path}.target", f'unknown target "{form.target}"'))
    _distinct(f"{path}.sleeves", (sleeve.model for sleeve in form.sleeves), problems)
    sleeves = []
    for place, sleeve in enumerate(form.sleeves):
        where = f"{path}.sleeves[{place}]"
        if sleeve.model not in market.models:
            problems.append(Problem(f"{where}.model", f'unknown model "{sleeve.model}"'))
        held = _holdings(sleeve.holdings, f"{where}.holdings", market, problems)
        sleeves.append(Sleeve(model_key(sleeve.model), sleeve.cash, held))
    account = Account(
        id=form.id,
        name=form.name,
        custodian=form.custodian,
        tax_status=form.tax_status,
        status=form.status,
        rebalancing=form.rebalancing,
        target_id=form.target,
        managed=Sleeve(MANAGED, form.cash, _holdings(form.holdings, f"{path}.holdings", market, problems)),
        model_sleeves=tuple(sleeves),
        protected=_holdings(form.protected, f"{path}.protected", market, problems),
        first_rebalanced=form.first_rebalanced,
        lot_relief=form.lot_relief,
        gain_budget=form.gain_budget,
        restrictions=_restrictions(form.restrictions, f"{path}.restrictions", market, problems),
        withdrawals=tuple(Withdrawal(each.amount, each.due) for each in form.withdrawals),
        recent_sales=_sales(form, f"{path}.recent_sales", market, problems),
        policy=overrides_of(form.policy),
        custodian_account=form.custodian_account,
    )
    if problems:
        raise BookRefused(problems)
    return account


def _holdings(
    forms: Iterable[schema.HoldingForm], path: str, market: Market, problems: list[Problem]
) -> tuple[Holding, ...]:
    holdings = []
    forms = list(forms)
    _distinct(path, (form.symbol for form in forms), problems)
    for at, form in enumerate(forms):
        where = f"{path}[{at}]"
        if form.symbol not in market.securities:
            problems.append(Problem(f"{where}.symbol", f'unknown symbol "{form.symbol}"'))
        lots = tuple(Lot(lot.quantity, lot.cost_per_share, lot.acquired) for lot in form.lots or ())
        total = sum((lot.quantity for lot in lots), ZERO)
        if form.quantity is None and form.lots is None:
            problems.append(Problem(where, 'give "lots", or a "quantity" alone'))
        elif form.quantity is not None and form.lots is not None and form.quantity != total:
            problems.append(Problem(where, f"the quantity {form.quantity} is not the sum {total} of its lots"))
        quantity = total if form.quantity is None else form.quantity
        if quantity > 0:
            holdings.append(Holding(form.symbol, quantity, lots or (Lot(quantity),)))
    return tuple(holdings)


def _restrictions(
    forms: Iterable[schema.RestrictionForm], path: str, market: Market, problems: list[Problem]
) -> tuple[Restriction, ...]:
    found = []
    for at, form in enumerate(forms):
        for key, symbol in (("symbol", form.symbol), ("by", form.by)):
            if symbol is not None and symbol not in market.securities:
                problems.append(Problem(f"{path}[{at}].{key}", f'unknown symbol "{symbol}"'))
        if (form.type == "substitute") is not (form.by is not None):
            problems.append(Problem(f"{path}[{at}]", '"by" names the substitute, and only a substitute has one'))
        if form.start and form.until and form.until < form.start:
            problems.append(Problem(f"{path}[{at}].until", f"{form.until} is before {form.start}"))
        if form.by == form.symbol:
            problems.append(Problem(f"{path}[{at}].by", f"{form.symbol} can't be its own substitute"))
        found.append(Restriction(form.type, form.symbol, form.start, form.until, form.to, form.by, form.hold))
    problems += [
        Problem(
            f"{path}[{place}]",
            f"{told(found[place])} contradicts {told(found[at])} ({path}[{at}]): {why}. Take one of them out, or give "
            "them days that don't overlap",
        )
        for at, place, why in contradictions(found)
    ]
    return tuple(found)


def _sales(form: schema.AccountForm, path: str, market: Market, problems: list[Problem]) -> tuple[RecentSale, ...]:
    for at, sale in enumerate(form.recent_sales):
        if sale.symbol not in market.securities:
            problems.append(Problem(f"{path}[{at}].symbol", f'unknown symbol "{sale.symbol}"'))
        if sale.acquired is not None and sale.acquired > sale.date:
            problems.append(Problem(f"{path}[{at}].acquired", f"{sale.acquired} is after the sale on {sale.date}"))
    return tuple(
        RecentSale(each.symbol, each.date, each.quantity, each.gain, form.id, each.cost_per_share, each.acquired)
        for each in form.recent_sales
    )


def unknown_members(market: Market, accounts: Iterable[str]) -> list[Problem]:
    """Account groups that name an account which nobody knows."""
    known = frozenset(accounts)
    return [
        Problem(f"account_groups.{group}", f'unknown account "{member}"')
        for group, members in market.groups.items()
        for member in members
        if member not in known
    ]
