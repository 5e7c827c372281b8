"""Cases: the tables of tests/cases turned into books, in the words of their README.

`cases()` lists them all, `book_of` gives the book that a case describes, `planned` its plan in a mode.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import yaml

from domain.books.book import read_account, read_market
from domain.plan import plan
from domain.planning.signals import largest_change, signal
from domain.rebalance_plan import RebalancePlan
from domain.values.money import plain
from domain.values.policy import Mode, Policy
from domain.values.purpose import Purpose
from domain.values.snapshot import Model, ModelHolding, RebalancedTo, RecentBuy, RecentSale, Snapshot
from policy import in_force
from policy.trading_days import oldest_allowed
from tests.domain.numbers import number

FOLDER = Path(__file__).parents[1] / "cases"
TODAY = date(2026, 11, 20)
PRICES = {"W": "10.00", "X": "100.00", "Y": "50.00", "Z": "20.00"}
REBALANCED = "2025-01-02"
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
SHARE = re.compile(r"(?P<weight>[\d.]+) % (?P<what>\S.*)")
BAND = r"(?:±[\d.]+ %|[\d.]+ % to [\d.]+ %)"
LINE = re.compile(
    r"(?P<weight>[\d.]+) % (?:(?P<kind>model|target) )?(?P<ref>\S+)"
    rf"(?: threshold (?P<threshold>{BAND}))?(?: precision (?P<precision>{BAND}))?"
)
LOT = re.compile(r"(?P<quantity>[\d.]+) @ (?P<cost_per_share>[\d.]+) (?P<acquired>[\d-]{10})")
PRICE = re.compile(r"(?P<price>[\d.]+|none)(?: by (?P<by>[\d.]+))?(?: of (?P<day>[\d-]{10}))?")
CASE_KEYS = {
    "name", "rule", "prices", "models", "targets", "account", "policy", "breaks", "override", "mode", "modes", "expect",
    "household", "kind", "amount", "signal",
}  # fmt: skip
WHOLE = {"price_max_age_days", "wash_sale_days", "withdrawal_horizon_days"}
Json = dict[str, Any]
TradeT = TypeVar("TradeT", RecentSale, RecentBuy)


@dataclass(frozen=True, slots=True)
class Case:
    """One case in one mode: what is given, and what is expected."""

    file: str
    name: str
    rules: tuple[str, ...]
    mode: Mode
    given: Mapping[str, Any]
    expect: Mapping[str, Any] = field(repr=False)

    @property
    def id(self) -> str:
        """As the test's name shows it."""
        return f"{self.file}: {self.name}, {self.mode}"


def cases() -> Iterator[Case]:
    """Every case of every file, once for each of its modes."""
    others = {FOLDER / "feeds.yaml", FOLDER / "allocation.yaml"}  # read by tests/feeds and by test_allocation
    for path in sorted(set(FOLDER.glob("*.yaml")) - others):
        yield from read(path.read_text(encoding="utf-8"), path.stem)


def read(text: str, file: str) -> Iterator[Case]:
    """The cases of one file. Raises ValueError for a case that can't be understood."""
    for raw in yaml.load(THOUSANDS.sub("", text), yaml.BaseLoader):
        unknown = raw.keys() - CASE_KEYS
        if unknown or "name" not in raw or "rule" not in raw or not raw.keys() & {"expect", "modes"}:
            raise ValueError(
                f"{file}: {raw.get('name', raw)}: unknown {sorted(unknown)}, or name, rule or expect missing"
            )
        rules = [raw["rule"]] if isinstance(raw["rule"], str) else raw["rule"]
        modes = raw.get("modes") or {raw.get("mode", "best_fit"): {}}
        for mode, expected in modes.items():
            yield Case(file, raw["name"], tuple(rules), mode, raw, {**raw.get("expect", {}), **expected})


def planned(case: Case) -> RebalancePlan:
    """The plan of the case's account. Raises BookRefused where the book is."""
    return plan(*asked(case))


def asked(case: Case) -> tuple[Snapshot, Policy, Mode, frozenset[str], Purpose]:
    """What the case's plan is made from. Raises BookRefused where the book is."""
    numbers = in_force(TODAY)
    book = book_of(case.given)
    accounts = book.pop("accounts")
    market = read_market(book, numbers)
    account = read_account(accounts[0], 0, market)
    numbers = numbers.overridden(market.policy)
    own = numbers.overridden(account.policy)
    last = case.given["account"].get("rebalanced_to")
    oldest = min(each.price_as_of for each in market.securities.values())
    snapshot = Snapshot(
        as_of=TODAY,
        account=account,
        targets=market.targets,
        models=market.models,
        securities=market.securities,
        fresh_from=oldest_allowed(TODAY, own.price_max_age_days, oldest),
        open_breaks=tuple(case.given.get("breaks", ())),
        rebalanced_to=RebalancedTo(last["target"], int(last["version"])) if last else None,
        household_sales=tuple(_told(RecentSale, each) for each in case.given.get("household", {}).get("sales", ())),
        household_buys=tuple(_told(RecentBuy, each) for each in case.given.get("household", {}).get("buys", ())),
    )
    return snapshot, numbers, case.mode, frozenset(case.given.get("override", ())), _purpose(case, snapshot)


def _purpose(case: Case, snapshot: Snapshot) -> Purpose:
    """What the case's rebalance is for: a full one unless it says otherwise."""
    signalled = case.given.get("signal")
    if signalled:
        (name, lines), *_ = signalled.items()
        before = Model(name, name, "", Decimal(0), 1, tuple(_holding(line) for line in lines))
        return signal(name, largest_change(before, snapshot.models[name]))
    amount = case.given.get("amount")
    return Purpose(case.given.get("kind", "full"), None if amount is None else number(amount))


def _holding(line: str) -> ModelHolding:
    share = _match(SHARE, line)
    return ModelHolding(str(share["what"]), Decimal(_weight(share["weight"])))


def _told(kind: type[TradeT], given: Mapping[str, str]) -> TradeT:
    """A sale or a buy of another account of the household."""
    numbers = {key: number(given[key]) for key in ("quantity", "gain", "cost_per_share") if key in given}
    known: dict[str, Any] = {"acquired": date.fromisoformat(given["acquired"])} if "acquired" in given else {}
    known |= {key: given[key] for key in ("tax_status",) if key in given}
    day = date.fromisoformat(given["date"])
    return kind(symbol=given["symbol"], date=day, account_id=given["account"], **numbers, **known)


def book_of(given: Mapping[str, Any]) -> Json:
    """The book of a case, as a file would have it."""
    account = {**given["account"]}
    targets = {**given.get("targets", {})}
    if isinstance(account.get("target"), list):
        targets["T"] = account["target"]
        account["target"] = "T"
    account.pop("rebalanced_to", None)
    rebalanced = account.pop("rebalanced", REBALANCED)
    account |= {
        "id": "A-1",
        "first_rebalanced": None if rebalanced == "never" or "target" not in account else rebalanced,
        "rebalancing": account.get("rebalancing", "on") == "on",
        "holdings": _holdings(account.pop("holds", {})),
        "protected": _holdings(account.get("protected", {})),
        "sleeves": [_sleeve(model, held) for model, held in account.get("sleeves", {}).items()],
        "policy": _policy(account.get("policy", {})),
    }
    return {
        "as_of": str(TODAY),
        "policy": _policy(given.get("policy", {})),
        "securities": [_security(symbol, text) for symbol, text in {**PRICES, **given.get("prices", {})}.items()],
        "models": [_model(name, model) for name, model in given.get("models", {}).items()],
        "targets": [
            {"id": name, "components": [_component(line) for line in lines]} for name, lines in targets.items()
        ],
        "accounts": [account],
    }


def _match(pattern: re.Pattern[str], text: str) -> dict[str, str | None]:
    found = pattern.fullmatch(text)
    if not found:
        raise ValueError(f'"{text}" can\'t be understood; see tests/cases/README.md')
    return found.groupdict()


def _weight(percent: str | None) -> str:
    return plain(number(percent) / 100)


def _component(line: str) -> Json:
    parts = _match(LINE, line)
    kind = parts["kind"] or ("cash" if parts["ref"] == "cash" else "security")
    component: Json = {kind: kind == "cash" or parts["ref"], "weight": _weight(parts["weight"])}
    for name in ("threshold", "precision"):
        if given := parts[name]:
            lower, _, upper = given.replace(" %", "").partition(" to ")
            component[name] = (
                {"lower": _weight(lower), "upper": _weight(upper)} if upper else {"relative": _weight(given[1:-2])}
            )
    return component


def _model(name: str, given: Mapping[str, Any]) -> Json:
    holdings = []
    for line in given["holdings"]:
        share = _match(SHARE, line)
        what: Json = {"cash": True} if share["what"] == "cash" else {"symbol": share["what"]}
        holdings.append({**what, "weight": _weight(share["weight"])})
    return {"id": name, "investment_minimum": given.get("minimum", "0"), "holdings": holdings}


def _security(symbol: str, text: str) -> Json:
    given = _match(PRICE, text)
    security: Json = {"symbol": symbol, "quantity_increment": given["by"] or "1"}
    if given["price"] != "none":
        security["price"] = given["price"]
    if given["day"]:
        security["price_as_of"] = given["day"]
    return security


def _sleeve(model: str, held: Mapping[str, Any]) -> Json:
    shares = {symbol: quantity for symbol, quantity in held.items() if symbol != "cash"}
    return {"model": model, "cash": held.get("cash", "0"), "holdings": _holdings(shares)}


def _holdings(held: Mapping[str, Any]) -> list[Json]:
    return [
        {"symbol": symbol, "quantity": given}
        if isinstance(given, str)
        else {"symbol": symbol, "lots": [_match(LOT, lot) for lot in given]}
        for symbol, given in held.items()
    ]


def _policy(given: Mapping[str, str]) -> Json:
    return {key: int(value) if key in WHOLE else value for key, value in given.items()}
